"""What an attacker can do who is the database's superuser, and what an auditor sees then."""

from __future__ import annotations

from typing import Any

import psycopg

from domain.ledger.checkpoints import Checkpoint
from domain.ledger.hashing import GENESIS, chain, entry, leaf_hash
from domain.ledger.merkle import consistency_path, tree_root
from domain.ledger.notes import SignedNote
from domain.ledger.recompute import Difference
from domain.ledger.tiles import WIDTH
from domain.times import SECOND
from interfaces.composition.connections import clock
from interfaces.composition.maintenance import audit_ledgers
from interfaces.composition.proving import log_keys
from tests.interfaces.http.journeys.house import BASE, House, Json, Shop
from tests.interfaces.http.journeys.proving import superuser

Connection = psycopg.Connection[Any]


class Victim:
    """A tenant with a signed ledger. `saved`: what an outsider kept of it before the attack."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.tenant = shop.tenant
        self.saved = self.note()

    @property
    def house(self) -> House:
        return self.shop.house

    def note(self) -> str:
        """The newest signed checkpoint."""
        with superuser(self.house) as connection:
            row = connection.execute(
                "select note from ledger_checkpoints where tenant_id = %s"
                " order by size desc limit 1",
                (self.tenant,),
            ).fetchone()
        assert row is not None
        return str(row[0])

    def audited(self) -> list[Difference]:
        """What `order-history verify ledger --tenant` finds."""
        return audit_ledgers(self.house.settings, [self.tenant], lambda _done, _all: None)[1]

    async def verified(self, sequence: int) -> Json:
        """What `GET /events/{id}/verify` says."""
        name = f"oh_evt_{sequence:012d}"
        answer = await self.shop.as_role("auditor").get(f"{BASE}/events/{name}/verify")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def leaves(self) -> list[bytes]:
        """As the attacked database has them."""
        with superuser(self.house) as connection:
            return [leaf_hash(one) for (one,) in self._rows(connection, "entry")]

    def tree(self, size: int) -> bytes:
        return tree_root(self.leaves()[:size])

    def consistency(self, old: int, new: int) -> list[bytes]:
        """The proof that the attacked database gives."""
        leaves = self.leaves()
        hashes = []
        for nodes in consistency_path(old, new):
            low = min(index << level for level, index in nodes)
            high = max((index + 1) << level for level, index in nodes)
            hashes.append(tree_root(leaves[low:high]))
        return hashes

    def edit(self, sequence: int) -> None:
        """Change the bytes of one event, and nothing else."""
        with superuser(self.house) as connection:
            done = connection.execute(
                "update events set state = replace(encode(state, 'escape'), '\"shop\"',"
                " '\"Shop\"')::bytea where tenant_id = %s and sequence = %s",
                (self.tenant, sequence),
            )
            assert done.rowcount == 1

    def remove(self, sequence: int) -> None:
        """Delete an event, and move those after it up, the tenant's positions too."""
        with superuser(self.house) as connection:
            connection.execute(
                "delete from events where tenant_id = %s and sequence = %s", (self.tenant, sequence)
            )
            connection.execute(
                "update events set sequence = -sequence where tenant_id = %s and sequence > %s",
                (self.tenant, sequence),
            )
            connection.execute(
                "update events set sequence = -sequence - 1 where tenant_id = %s and sequence < 0",
                (self.tenant,),
            )

    def cut(self, above: int) -> None:
        """Delete the last events."""
        with superuser(self.house) as connection:
            connection.execute(
                "delete from events where tenant_id = %s and sequence > %s", (self.tenant, above)
            )

    def rechain(self) -> None:
        """Make entries and chain anew, from the bytes as they are now."""
        with superuser(self.house) as connection:
            head = GENESIS
            for sequence, state in enumerate(self._rows(connection, "state"), start=1):
                digest = entry(state[0])
                head = chain(head, digest)
                connection.execute(
                    "update events set entry = %s, ledger_hash = %s"
                    " where tenant_id = %s and sequence = %s",
                    (digest, head, self.tenant, sequence),
                )

    def retile(self) -> None:
        """Make the tiles anew (of one level: there are fewer than 65,536 events)."""
        leaves = self.leaves()
        with superuser(self.house) as connection:
            for start in range(0, len(leaves) // WIDTH * WIDTH, WIDTH):
                tile = leaves[start : start + WIDTH]
                connection.execute(
                    "update ledger_tiles set hashes = %s, root = %s"
                    " where tenant_id = %s and level = 0 and tile = %s",
                    (b"".join(tile), tree_root(tile), self.tenant, start // WIDTH),
                )

    def resign(self) -> str:
        """Sign the tree as it is now, with the real key, in place of what was signed; the note."""
        size = Checkpoint.parse(self.saved.partition("\n\n")[0] + "\n").size
        note = self.forged_note(size)
        with superuser(self.house) as connection:
            connection.execute(
                "delete from ledger_checkpoints where tenant_id = %s and size <> %s",
                (self.tenant, size),
            )
            connection.execute(
                "update ledger_checkpoints set note = %s where tenant_id = %s", (note, self.tenant)
            )
        return note

    def forged_note(self, size: int) -> str:
        """A checkpoint over the first `size` events as they are now, by the real key."""
        keys = log_keys(self.house.settings)
        checkpoint = Checkpoint(f"{keys.service_origin}/{self.tenant}", size, self.tree(size))
        signatures = keys.sign(checkpoint, clock() // SECOND)
        return SignedNote(checkpoint.text(), signatures).format()

    def _rows(self, connection: Connection, column: str) -> list[tuple[bytes]]:
        statement = f"select {column} from events where tenant_id = %s order by sequence"
        return connection.execute(statement.encode(), (self.tenant,)).fetchall()
