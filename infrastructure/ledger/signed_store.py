"""What the signer reads and writes: one connection, which it owns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct
from psycopg import Connection

from application.ledger.ports import GLOBAL
from application.ledger.signing import LogHead, SignedRound, empty_head
from domain.ledger.hashing import leaf_hash
from domain.ledger.merkle import Frontier, tree_root
from domain.ledger.tiles import HEIGHT, WIDTH

BATCH_EVENTS = 20_000
_END = 2**63 - 1
KEPT_ROUNDS = 60
"""Of so many rounds, and of the newest one that is witnessed, the heads are kept for receipts."""

NEWEST_ROUND = """
select epoch, round, position, text from ledger_rounds order by epoch desc, round desc limit 1
"""
ROUND_LEAVES = "select leaves from ledger_round_heads where epoch = %s and round = %s"
_HEAD = "select position from events order by position desc limit 1"
LIMITS = f"""
select coalesce(({_HEAD}), 0),
       coalesce((select position from tracking where model = 'ledger'), 0)
"""
NEW_ENTRIES = """
select tenant_id, sequence, entry from events where position > %s and position <= %s
 order by position
"""
ENTRIES = """
select sequence, entry from events
 where tenant_id = %s and sequence > %s and sequence <= %s and position <= %s
 order by sequence limit %s
"""
WAS_SIGNED = "select from ledger_checkpoints where tenant_id = %s and epoch = %s limit 1"
ALARMED = f"""
select tenant_id from ledger_alarms where kind = %s and tenant_id <> '{GLOBAL}'
"""
_COLUMNS = "tenant_id, place, epoch, origin, size, root, frontier, round"
ALL_HEADS = f"select {_COLUMNS} from ledger_heads"
HEADS = f"select {_COLUMNS} from ledger_heads where tenant_id = any(%s)"

INSERT_CHECKPOINTS = """
insert into ledger_checkpoints (round, signed_us, tenant_id, epoch, size, note, in_full)
select %s, %s, n.*
  from unnest(%s::text[], %s::int[], %s::bigint[], %s::text[], %s::bool[])
    as n(tenant_id, epoch, size, note, in_full)
"""
UPSERT_HEADS = """
insert into ledger_heads
       (round, signed_us, tenant_id, place, epoch, origin, size, root, frontier)
select %s, %s, n.*
  from unnest(%s::text[], %s::int[], %s::int[], %s::text[], %s::bigint[], %s::bytea[], %s::bytea[])
    as n(tenant_id, place, epoch, origin, size, root, frontier)
    on conflict (tenant_id) do update
   set epoch = excluded.epoch, origin = excluded.origin, size = excluded.size,
       root = excluded.root, frontier = excluded.frontier,
       round = excluded.round, signed_us = excluded.signed_us
"""
INSERT_ROUND = """
insert into ledger_rounds (epoch, round, text, entry, position, signed_us)
values (%s, %s, %s, %s, %s, %s)
"""
INSERT_ROUND_HEADS = "insert into ledger_round_heads (epoch, round, leaves) values (%s, %s, %s)"
PRUNE_ROUND_HEADS = f"""
delete from ledger_round_heads
 where (epoch < %s or round <= %s - {KEPT_ROUNDS})
   and round <> (select witnessed_size from ledger_heads where tenant_id = '{GLOBAL}')
"""
ROUND_ENTRIES = """
select entry from ledger_rounds where epoch = %s and round > %s and round <= %s order by round
"""
TILE_ROOTS = f"""
select root from ledger_global_tiles
 where tenant_id = '{GLOBAL}' and level = %s and tile >= %s and tile < %s order by tile
"""
INSERT_TILE = f"""
insert into ledger_global_tiles (tenant_id, level, tile, hashes, root)
values ('{GLOBAL}', %s, %s, %s, %s)
"""
TO_PUBLISH = f"""
select tenant_id, size, note from ledger_checkpoints
 where epoch = %s and round = %s and in_full order by tenant_id = '{GLOBAL}', tenant_id
"""
CHECKPOINT = "select note from ledger_checkpoints where tenant_id = %s and epoch = %s and size = %s"


def global_head(connection: Connection[Any], service_origin: str) -> LogHead:
    """The head of the global log; an empty one of epoch 1 before the first round."""
    row = connection.execute(HEADS, ([GLOBAL],)).fetchone()
    return _head(row) if row else empty_head(service_origin, GLOBAL, None, 1)


def tenant_heads(
    connection: Connection[Any], tenants: Sequence[str] | None = None
) -> dict[str, LogHead]:
    """The heads of these tenants, or of all; those that were never signed are absent."""
    if tenants is None:
        rows = connection.execute(ALL_HEADS).fetchall()
    else:
        rows = connection.execute(HEADS, (list(tenants),)).fetchall()
    return {row[0]: _head(row) for row in rows if row[0] != GLOBAL}


class NewestRound(Struct, frozen=True):
    """The last one that was signed; number 0 before the first of a new origin. position: of the
    last event that it covers."""

    epoch: int
    number: int
    position: int
    text: str


def newest_round(connection: Connection[Any]) -> NewestRound | None:
    """None before the first of all."""
    row = connection.execute(NEWEST_ROUND).fetchone()
    return NewestRound(*row) if row else None


def last_position(connection: Connection[Any]) -> int:
    """The position up to which rounds cover the events."""
    newest = newest_round(connection)
    return newest.position if newest else 0


def round_leaves(connection: Connection[Any], epoch: int, number: int) -> bytes:
    """The heads that a round is over, 32 bytes each, by place; empty when they are not there."""
    row = connection.execute(ROUND_LEAVES, (epoch, number)).fetchone()
    return bytes(row[0]) if row else b""


def was_signed(connection: Connection[Any], tenant_id: str, epoch: int) -> bool:
    """Whether there is a checkpoint of this log."""
    return connection.execute(WAS_SIGNED, (tenant_id, epoch)).fetchone() is not None


def alarmed(connection: Connection[Any], kind: str) -> frozenset[str]:
    """The tenants for which an alarm of this kind stands."""
    return frozenset(row[0] for row in connection.execute(ALARMED, (kind,)).fetchall())


def limits(connection: Connection[Any]) -> tuple[int, int]:
    """The position of the last event, and that to which the tiles are built."""
    store, tiles = connection.execute(LIMITS).fetchone() or (0, 0)
    return int(store), int(tiles)


def new_entries(
    connection: Connection[Any], after: int, up_to: int
) -> dict[str, list[tuple[int, bytes]]]:
    """(sequence, entry) of the events at positions in (after, up_to], by tenant."""
    found: dict[str, list[tuple[int, bytes]]] = {}
    cursor = connection.execute(NEW_ENTRIES, (after, up_to), binary=True)
    for tenant_id, sequence, entry in cursor:
        found.setdefault(tenant_id, []).append((sequence, entry))
    return found


def entries(
    connection: Connection[Any],
    tenant_id: str,
    after: int,
    *,
    last: int = _END,
    up_to: int = _END,
) -> Iterator[list[tuple[int, bytes]]]:
    """(sequence, entry) of a tenant's events behind the sequence `after`, a few thousand at a time;
    none behind the sequence `last` or the position `up_to`."""
    while True:
        wanted = (tenant_id, after, last, up_to, BATCH_EVENTS)
        chunk = connection.execute(ENTRIES, wanted, binary=True).fetchall()
        if chunk:
            yield chunk
        if len(chunk) < BATCH_EVENTS:
            return
        after = chunk[-1][0]


def write(connection: Connection[Any], signed: SignedRound, position: int, now_us: int) -> None:
    """A round, whole or not at all. Raises UniqueViolation when another signer was first."""
    all_ = [*signed.logs, signed.whole]
    heads = [one.head for one in all_]
    epoch = signed.whole.head.epoch
    tenants = [head.tenant_id for head in heads]
    epochs = [head.epoch for head in heads]
    sizes = [head.size for head in heads]
    with connection.transaction():
        connection.execute(
            INSERT_ROUND, (epoch, signed.number, signed.text, signed.entry, position, now_us)
        )
        connection.execute(
            INSERT_CHECKPOINTS,
            (
                signed.number,
                now_us,
                tenants,
                epochs,
                sizes,
                [one.note for one in all_],
                [head.place is None or head.place in signed.in_full for head in heads],
            ),
        )
        connection.execute(
            UPSERT_HEADS,
            (
                signed.number,
                now_us,
                tenants,
                [head.place for head in heads],
                epochs,
                [head.origin for head in heads],
                sizes,
                [head.root for head in heads],
                [head.frontier.to_bytes() for head in heads],
            ),
        )
        connection.execute(INSERT_ROUND_HEADS, (epoch, signed.number, signed.leaves))
        connection.execute(PRUNE_ROUND_HEADS, (epoch, signed.number))
        _write_tiles(connection, epoch, signed.number)


def to_publish(connection: Connection[Any], epoch: int, number: int) -> Mapping[str, bytes]:
    """The checkpoints of a round that are published, by key."""
    rows = connection.execute(TO_PUBLISH, (epoch, number)).fetchall()
    return {published_key(tenant_id, epoch, size): note.encode() for tenant_id, size, note in rows}


def published_key(tenant_id: str, epoch: int, size: int) -> str:
    """Where a checkpoint is published."""
    return f"{published_prefix(tenant_id, epoch)}/{size}"


def published_prefix(tenant_id: str, epoch: int) -> str:
    """Where a log's checkpoints are published, by size."""
    return f"{tenant_id}/{epoch}/checkpoint"


def checkpoint_note(
    connection: Connection[Any], tenant_id: str, epoch: int, size: int
) -> str | None:
    """The note that was signed of a log at a size."""
    row = connection.execute(CHECKPOINT, (tenant_id, epoch, size)).fetchone()
    return str(row[0]) if row else None


def _write_tiles(connection: Connection[Any], epoch: int, size: int) -> None:
    """The tiles of the global log that its newest leaf has filled."""
    level = 0
    while size and size % (1 << HEIGHT * (level + 1)) == 0:
        index = (size >> HEIGHT * (level + 1)) - 1
        first = index * WIDTH
        if level == 0:
            rows = connection.execute(ROUND_ENTRIES, (epoch, first, first + WIDTH)).fetchall()
            hashes = [leaf_hash(row[0]) for row in rows]
        else:
            rows = connection.execute(TILE_ROOTS, (level - 1, first, first + WIDTH)).fetchall()
            hashes = [row[0] for row in rows]
        connection.execute(INSERT_TILE, (level, index, b"".join(hashes), tree_root(hashes)))
        level += 1


def _head(row: Iterable[Any]) -> LogHead:
    tenant_id, place, epoch, origin, size, root, frontier, number = row
    try:
        edge = Frontier.from_bytes(size, frontier)
    except ValueError:
        edge = Frontier()  # not what gives the root: such a head is not gone on from
    return LogHead(tenant_id, place, epoch, origin, edge, root, number)
