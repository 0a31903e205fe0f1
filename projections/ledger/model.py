"""The ledger read model: the full tiles of the tenants' logs (C2SP tlog-tiles), each made once.

    256 entries of events ──▶ a tile of level 0 ──▶ 256 roots of those ──▶ a tile of level 1 ──▶ ...

It keeps no state between batches: which tiles are complete follows from the sequences that come by.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Table

from domain.ledger.hashing import leaf_hash
from domain.ledger.merkle import HASH
from domain.ledger.tiles import WIDTH, tile_root
from infrastructure.postgres.ledger_tables import tiles
from projections.read_model import Derivation
from projections.reading import Connection, Notification

NAME = "ledger"

Place = tuple[str, int]
"""(tenant, tile of a level)."""

_ENTRIES = f"""
select k.tenant_id, k.tile,
       (select string_agg(e.entry, ''::bytea order by e.sequence) from events e
         where e.tenant_id = k.tenant_id
           and e.sequence > k.tile * {WIDTH} and e.sequence <= (k.tile + 1) * {WIDTH})
  from unnest(%s::text[], %s::bigint[]) as k(tenant_id, tile)"""


class LedgerModel:
    """Implements `projections.read_model.ReadModel`."""

    name = NAME
    tables: Sequence[Table] = (tiles,)
    # A row for 256 events: its index costs a rebuild nothing, and the levels above are read by it.
    appended: frozenset[str] = frozenset()
    derived: Mapping[str, Derivation] = {}

    def __init__(self, suffix: str = "") -> None:
        self._roots = _roots_sql(suffix)
        self._insert = _insert_sql(suffix)

    def beside(self, suffix: str, *, derives: bool = True) -> LedgerModel:
        return LedgerModel(suffix)

    def concerns(self, events: Sequence[Notification]) -> bool:
        return bool(_complete(events))

    async def apply(self, connection: Connection, events: Sequence[Notification]) -> None:
        level, places = 0, _complete(events)
        while places:
            await self._make(connection, level, places)
            level += 1
            places = [
                (tenant, tile // WIDTH) for tenant, tile in places if tile % WIDTH == WIDTH - 1
            ]

    async def _make(self, connection: Connection, level: int, places: Sequence[Place]) -> None:
        below = _ENTRIES if level == 0 else self._roots
        keys: list[list[object]] = [[tenant for tenant, _ in places], [tile for _, tile in places]]
        parameters = [level - 1, *keys] if level else keys
        cursor = await connection.execute(below, parameters, binary=True)
        made = []
        for tenant, tile, found in await cursor.fetchall():
            # Fewer only where events were removed, or could not be read. Without its tile such a
            # range is read from the events themselves, and proofs over a gap fail, as they must.
            if found is not None and len(found) == WIDTH * HASH:
                hashes = found if level else leaves(found)
                made.append((tenant, level, tile, hashes, tile_root(hashes)))
        if made:
            columns = [list(column) for column in zip(*made, strict=True)]
            await connection.execute(self._insert, columns, binary=True)


def leaves(entries: bytes) -> bytes:
    """The leaf hashes of entries that lie one behind the other."""
    return b"".join([leaf_hash(entries[at : at + HASH]) for at in range(0, len(entries), HASH)])


def _complete(events: Iterable[Notification]) -> list[Place]:
    """The tiles of level 0 whose last event has come, by what is seen of each tenant's sequences.

    An event that cannot be decoded is not among them; where it was the last of a tile, the one
    after it tells.
    """
    seen: dict[str, tuple[int, int]] = {}
    for event in events:
        first, _ = seen.get(event.tenant_id, (event.sequence, 0))
        seen[event.tenant_id] = first, event.sequence
    return [
        (tenant, tile)
        for tenant, (first, last) in seen.items()
        for tile in range((first + WIDTH - 2) // WIDTH - 1, last // WIDTH)
        if tile >= 0
    ]


def _roots_sql(suffix: str) -> str:
    return f"""
select k.tenant_id, k.tile,
       (select string_agg(t.root, ''::bytea order by t.tile) from ledger_tiles{suffix} t
         where t.tenant_id = k.tenant_id and t.level = %s
           and t.tile >= k.tile * {WIDTH} and t.tile < (k.tile + 1) * {WIDTH})
  from unnest(%s::text[], %s::bigint[]) as k(tenant_id, tile)"""


def _insert_sql(suffix: str) -> str:
    return f"""
insert into ledger_tiles{suffix} (tenant_id, level, tile, hashes, root)
select * from unnest(%s::text[], %s::smallint[], %s::bigint[], %s::bytea[], %s::bytea[])
    on conflict do nothing"""
