"""Re-reads every stored byte of tenants' ledgers and recomputes their chains and their trees.

What was signed of a tree, and the tiles that are stored of it, are held against what the bytes
give.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby, islice
from typing import Any

from psycopg import Connection
from psycopg.types.string import ByteaBinaryLoader

from application.ledger.ports import GLOBAL
from domain.ledger.checkpoints import Checkpoint
from domain.ledger.edge import FullTile
from domain.ledger.faults import Malformed
from domain.ledger.recompute import Difference, LedgerWalk, Reached, Row
from domain.ledger.tiles import WIDTH

PAGE = WIDTH // 2
"""Rows that are checked at once. Meanwhile the server sends as many again: no more fit into the
buffer of a socket, and for more it would have to be waited."""

STRETCH = 16 * WIDTH
"""Events that one statement reads, at most: few enough for any plan of it to stay in memory."""


def _tenants_of(table: str) -> str:
    return f"""
select tenant_id from (
with recursive t(tenant_id) as (
  (select tenant_id from {table} order by tenant_id limit 1)
  union all
  select (select n.tenant_id from {table} n where n.tenant_id > t.tenant_id
           order by n.tenant_id limit 1) from t where t.tenant_id is not null)
select tenant_id from t where tenant_id is not null) as of_{table}
"""


TENANTS = f"""
select tenant_id from ({_tenants_of("events")} union {_tenants_of("ledger_checkpoints")}) as known
 where tenant_id <> '{GLOBAL}' order by tenant_id
"""
ENDS = """
with of_tenant(tenant_id) as (values (%s::text)),
newest(epoch) as (
  select greatest((select epoch from ledger_heads h where h.tenant_id = t.tenant_id),
                  (select max(epoch) from ledger_checkpoints c where c.tenant_id = t.tenant_id))
    from of_tenant t)
select (select max(sequence) from events e where e.tenant_id = t.tenant_id), n.epoch,
       greatest((select size from ledger_heads h where h.tenant_id = t.tenant_id),
                (select max(size) from ledger_checkpoints c
                  where c.tenant_id = t.tenant_id and c.epoch = n.epoch))
  from of_tenant t, newest n
"""
"""The last sequence, the epoch of the log, and the size that was signed last."""

ROWS = """
select position, topic, originator_id, originator_version, tenant_id, sequence, event_id,
       correction_of, received_us, entry, ledger_hash, state
  from events where tenant_id = %s and sequence > %s and sequence <= %s order by sequence
"""
CHECKPOINTS = """
select size, split_part(note, E'\\n\\n', 1) || E'\\n' from ledger_checkpoints
 where tenant_id = %s and epoch = %s and size > %s and size <= %s order by size
"""
SIZE_BEFORE = """
select max(size) from ledger_checkpoints where tenant_id = %s and epoch = %s and size < %s
"""
TILES = """
select tile, hashes, root from ledger_tiles
 where tenant_id = %s and level = %s and tile >= %s and tile <= %s
"""
POSITIONS = "select count(*), coalesce(max(position), 0) from events"


def audit(
    connection: Connection[Any],
    tenants: Sequence[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[int, list[Difference]]:
    """Recompute the ledgers of these tenants, or of all.

    Returns how many events held, and of each tenant whose ledger does not hold the first that
    differs of the events, of the signed checkpoints, and of the tiles. What is appended meanwhile
    is not looked at.
    """
    chosen = tenants_of(connection) if tenants is None else tenants
    audits = [LedgerAudit(connection, tenant_id) for tenant_id in chosen]
    total, done = sum(one.last for one in audits), 0
    found: list[Difference] = []
    for one in audits:
        while not one.ended:
            before = one.walk.sequence
            found += one.go_on()
            done += one.walk.sequence - before
            if progress is not None:
                progress(min(done, total), total)
    return done, found


def tenants_of(connection: Connection[Any]) -> list[str]:
    """All that have a ledger."""
    return [row[0] for row in connection.execute(TENANTS)]


def gaps(connection: Connection[Any]) -> int:
    """How many positions of the cell are missing below the last one."""
    count, last = connection.execute(POSITIONS).fetchone() or (0, 0)
    return int(last) - int(count)


def pages(
    connection: Connection[Any], tenant_id: str, after: int, until: int
) -> Iterator[list[Row]]:
    """The rows with sequences in (after, until], by PAGE of them. Nothing else may use the
    connection before the end."""
    cursor = connection.cursor()
    cursor.adapters.register_loader("uuid", ByteaBinaryLoader)
    rows = cursor.stream(ROWS, (tenant_id, after, until), binary=True, size=PAGE)
    while page := list(islice(rows, PAGE)):
        yield page


class LedgerAudit:
    """The audit of one tenant's ledger, as far as it goes when this is made.

    Call `go_on` until it has `ended`. Between two calls `walk.reached` may be kept, and another
    audit made from it at any time: it looks at what is behind that. epoch: of the log.
    """

    def __init__(
        self, connection: Connection[Any], tenant_id: str, reached: Reached | None = None
    ) -> None:
        """connection: in autocommit, and nobody else's meanwhile. Raises ValueError where what was
        reached does not fit together."""
        self.walk = LedgerWalk(tenant_id, reached)
        self.ended = False
        self._connection = connection
        row = connection.execute(ENDS, (tenant_id,)).fetchone()
        # In one statement: what is signed is there before, so more than is there is a difference.
        self.last, self.epoch, self._signed = (value or 0 for value in row or (0, 0, 0))

    def go_on(self, events: int = STRETCH) -> list[Difference]:
        """Look at the next events, so many at most, and at what was signed and stored of the tree
        there. Where something differs the audit ends."""
        start = self.walk.sequence
        until = min(self.last, (start // events + 1) * events)
        signed: dict[int, str] = dict(self._rows(CHECKPOINTS, self.epoch, start, until))
        difference = self._walk_on(until, list(signed))
        found = [one for one in (difference, self._signed_otherwise(signed), self._tile()) if one]
        if not found and self.walk.sequence == self.last < self._signed:
            what = f"the checkpoint signed at size {self._signed} has more events than are there"
            found = [Difference(self.walk.tenant_id, self.last + 1, what)]
        self.ended = bool(found) or self.walk.sequence >= self.last
        return found

    def _walk_on(self, until: int, sizes: Sequence[int]) -> Difference | None:
        walk, difference = self.walk, None
        for page in pages(self._connection, walk.tenant_id, walk.sequence, until):
            if difference is None:  # else the rest is read off the connection
                last = walk.sequence + len(page)
                within = [size for size in sizes if walk.sequence < size <= last]
                difference = walk.check_page(page, within)
        if difference is None and walk.sequence < until:
            missing = walk.sequence + 1
            return Difference(walk.tenant_id, missing, f"sequence {missing} is missing")
        return difference

    def _signed_otherwise(self, signed: Mapping[int, str]) -> Difference | None:
        """The first checkpoint of another tree than that of the events; it differs behind the
        checkpoint before it."""
        roots, self.walk.roots = self.walk.roots, {}
        for size, text in signed.items():
            if size in roots and not _is_of(text, size, roots[size]):
                ((before,),) = self._rows(SIZE_BEFORE, self.epoch, size)
                what = f"the tree at size {size} is not the one of the checkpoint signed then"
                return Difference(self.walk.tenant_id, (before or 0) + 1, what)
        return None

    def _tile(self) -> Difference | None:
        """The first stored tile that is another, or is missing although it is signed over."""
        tiles, self.walk.tiles = self.walk.tiles, []
        stored: dict[tuple[int, int], tuple[bytes, bytes]] = {}
        for level, of_level in groupby(sorted(tiles, key=_place), key=lambda tile: tile.level):
            indexes = [tile.index for tile in of_level]
            for index, *hashes in self._rows(TILES, level, indexes[0], indexes[-1]):
                stored[level, index] = hashes[0], hashes[1]
        for tile in tiles:
            there = stored.get(_place(tile))
            if there is not None and not tile.holds(*there):
                what = "is not what its events give"
            elif there is None and tile.last <= self._signed:
                what = "is missing"
            else:
                continue
            what = f"tile {tile.level}/{tile.index} {what}"
            return Difference(self.walk.tenant_id, tile.first, what)
        return None

    def _rows(self, statement: str, *parameters: int) -> list[Row]:
        given = (self.walk.tenant_id, *parameters)
        return self._connection.execute(statement, given, binary=True).fetchall()


def _place(tile: FullTile) -> tuple[int, int]:
    return tile.level, tile.index


def _is_of(text: str, size: int, root: bytes) -> bool:
    try:
        checkpoint = Checkpoint.parse(text)
    except Malformed:
        return False
    return (checkpoint.size, checkpoint.root) == (size, root)
