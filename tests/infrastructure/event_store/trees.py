"""A tenant's ledger with its tiles and checkpoints, as a superuser may change them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import count

from domain.ledger.checkpoints import Checkpoint
from domain.ledger.hashing import leaf_hash
from domain.ledger.merkle import tree_root
from domain.ledger.tiles import WIDTH
from infrastructure.event_store.auditing import audit
from infrastructure.key_store.files import FileKeyStore
from tests.domain.ledger.drafts import draft
from tests.infrastructure.event_store.kit import Ledger, accepted, committing, fresh

EVENTS = 600
SIZES = (1, 200, 256, EVENTS)


class Tampered:
    """A tenant's ledger as a superuser holds it, with all that is made of it."""

    def __init__(self, ledger: Ledger, url: str, keys: FileKeyStore) -> None:
        self.ledger = ledger
        self.tenant = fresh("tree")
        self._url = url
        self._keys = keys
        self._numbers = count(1)

    def record(self, events: int) -> None:
        async def fill() -> None:
            async with committing(self._url, self._keys) as door:
                for start in range(0, events, 200):
                    numbers = [next(self._numbers) for _ in range(min(200, events - start))]
                    drafts = [draft(f"e{one}", f"o{one % 9}", self.tenant) for one in numbers]
                    accepted(await door.submit(drafts))

        asyncio.run(fill())

    def leaves(self) -> list[bytes]:
        rows = self.ledger.rows(
            "select entry from events where tenant_id = %s order by sequence", self.tenant
        )
        return [leaf_hash(row[0]) for row in rows]

    def store_tiles(self) -> None:
        leaves = self.leaves()
        for index in range(len(leaves) // WIDTH):
            self.store_tile(0, index, leaves[index * WIDTH : (index + 1) * WIDTH])

    def store_tile(self, level: int, index: int, hashes: Sequence[bytes]) -> None:
        self.run(
            "insert into ledger_tiles values (%s, %s, %s, %s, %s)"
            " on conflict (tenant_id, level, tile) do update set hashes = excluded.hashes",
            self.tenant, level, index, b"".join(hashes), tree_root(hashes),
        )  # fmt: skip

    def sign(self, sizes: Sequence[int] = SIZES, epoch: int = 1, tenant: str = "") -> None:
        leaves = self.leaves()
        for size in sizes:
            text = Checkpoint("origin.example", size, tree_root(leaves[:size])).text()
            self.run(
                "insert into ledger_checkpoints (tenant_id, epoch, size, note, round, signed_us)"
                " values (%s, %s, %s, %s, 1, 1)",
                tenant or self.tenant, epoch, size, f"{text}\n\N{EM DASH} name c2lnbmF0dXJl\n",
            )  # fmt: skip

    def run(self, statement: str, *parameters: object) -> None:
        assert self.ledger.connection.execute(statement.encode(), parameters).rowcount > 0

    def change(self, statement: str) -> None:
        """Something of this tenant's, with every trigger off."""
        guards = self.ledger.rows(
            "select tgrelid::regclass::text, tgname from pg_trigger where not tgisinternal"
            " and tgrelid in ('events'::regclass, 'ledger_checkpoints'::regclass)"
        )
        for table, name in guards:
            self._alter(f"alter table {table} disable trigger {name}")
        self.run(f"{statement} and tenant_id = %s", self.tenant)
        for table, name in guards:
            self._alter(f"alter table {table} enable always trigger {name}")

    def _alter(self, statement: str) -> None:
        self.ledger.connection.execute(statement.encode())

    def audit(self) -> tuple[int, list[tuple[int, str]]]:
        held, found = audit(self.ledger.connection, [self.tenant])
        assert {one.tenant_id for one in found} <= {self.tenant}
        return held, [(one.sequence, one.what) for one in found]
