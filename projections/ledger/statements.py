"""The SQL texts with which proofs are put together. Values are bound, names are constant."""

from __future__ import annotations

from msgspec import Struct


def _newest(size: str) -> str:
    return f"""
select c.epoch, c.size, c.note, c.round, c.signed_us,
       (select string_agg(s.line, '' order by s.witness) from ledger_cosignatures s
         where s.tenant_id = c.tenant_id and s.epoch = c.epoch and s.size = c.size)
  from ledger_heads h
  join ledger_checkpoints c
    on c.tenant_id = h.tenant_id and c.epoch = h.epoch and c.size = h.{size}
 where h.tenant_id = %s
"""


NEWEST = _newest("size")
TRUSTED = _newest("witnessed_size")

PLACE = "select place from ledger_heads where tenant_id = %s and epoch = %s"


def _rounds(size: str) -> str:
    # While a log does not grow, every round has the same head of it.
    return f"""
select r.round, r.text, l.leaves
  from ledger_heads g
  join ledger_rounds r on r.epoch = g.epoch and r.round in (g.{size}, %s)
  join ledger_round_heads l on l.epoch = r.epoch and l.round = r.round
 where g.tenant_id = %s and g.epoch = %s
 order by r.round desc
"""


ROUNDS = _rounds("size")
TRUSTED_ROUNDS = _rounds("witnessed_size")

_EVENT = """
select e.position, e.topic, e.originator_id, e.originator_version, e.tenant_id, e.sequence,
       e.event_id, e.correction_of, e.received_us, e.entry, e.ledger_hash, e.state,
       (select ledger_hash from events p
         where p.tenant_id = e.tenant_id and p.sequence = e.sequence - 1)
  from events e
"""
EVENT_BY_ID = _EVENT + "where e.tenant_id = %s and e.event_id = %s"
EVENT_BY_SEQUENCE = _EVENT + "where e.tenant_id = %s and e.sequence = %s"

STATES = """
select state from events where tenant_id = %s and sequence > %s and sequence <= %s order by sequence
"""

# Of later events those that the orders read model knows by their type, and what it has not come to
# yet. Bytes are searched, not read: one event whose bytes are no JSON would end the statement.
TELLING = """
with asked(tenant_id, sequence, type) as (values (%s::text, %s::bigint, %s::text)),
told(sequence, entry, state) as (
  select o.sequence, e.entry, e.state
    from asked a
    join order_events o on o.tenant_id = a.tenant_id and o.type = a.type
     and o.sequence > a.sequence and o.order_id is null
   cross join lateral (
         select entry, state from events
          where tenant_id = o.tenant_id and sequence = o.sequence limit 1) as e
   union all
  select e.sequence, e.entry, e.state
    from asked a
    join events e on e.tenant_id = a.tenant_id
     and e.sequence > greatest(a.sequence, (select max(o.sequence) from order_events o
                                             where o.tenant_id = a.tenant_id))
   where position(convert_to(a.type, 'UTF8') in e.state) > 0)
select sequence, entry, state from told where position(%s::bytea in state) > 0
"""


# What the read model has not come to yet is not seen: for an instant a value is told to be missing.
ORDER_ERASURES = """
with asked(tenant_id, type) as (values (%s::text, %s::text))
select e.entry, e.state
  from asked a
  join order_events o on o.tenant_id = a.tenant_id and o.type = a.type
   and o.order_id is null
 cross join lateral (
       select entry, state from events
        where tenant_id = o.tenant_id and sequence = o.sequence limit 1) as e
 where position(%s::bytea in e.state) > 0
"""


class Log(Struct, frozen=True):
    """Where the hashes of a log lie. Each text takes the tenant_id first, and gives bytes one
    behind the other, by index: `entries` from an index up to one, `roots` of a level's tiles
    likewise; `tiles` the full ones of these levels and numbers."""

    tiles: str
    roots: str
    entries: str


def _tiles(table: str) -> str:
    # Each is looked up: the planner would rather read all tiles of a tenant that has a thousand.
    return f"""
select k.level, k.tile, t.hashes
  from unnest((select %s::int[]), (select %s::bigint[])) as k(level, tile)
 cross join lateral (
       select hashes from {table}
        where tenant_id = %s and level = k.level and tile = k.tile limit 1) as t
"""


# The sub-selects hide how long a range is, so that one plan serves all: planning each anew takes as
# long as reading it.
def _roots(table: str) -> str:
    return f"""
select string_agg(root, ''::bytea order by tile) from {table}
 where tenant_id = %s and level = %s
   and tile >= (select %s::bigint) and tile < (select %s::bigint)
"""


TENANT_TILES = _tiles("ledger_tiles")
TENANT_ROOTS = _roots("ledger_tiles")
TENANT_ENTRIES = """
select string_agg(entry, ''::bytea order by sequence) from events
 where tenant_id = %s
   and sequence > (select %s::bigint) and sequence <= (select %s::bigint)
"""
GLOBAL_TILES = _tiles("ledger_global_tiles")
GLOBAL_ROOTS = _roots("ledger_global_tiles")
GLOBAL_ENTRIES = """
select string_agg(r.entry, ''::bytea order by r.round)
  from ledger_heads g
  join ledger_rounds r on r.epoch = g.epoch
 where g.tenant_id = %s
   and r.round > (select %s::bigint) and r.round <= (select %s::bigint)
"""

OF_TENANT = Log(TENANT_TILES, TENANT_ROOTS, TENANT_ENTRIES)
OF_ALL = Log(GLOBAL_TILES, GLOBAL_ROOTS, GLOBAL_ENTRIES)
