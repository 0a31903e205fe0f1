"""The SQL texts of searches. Conditions come from `conditions.py`; values are bound.

A question by terms has four forms, of which `queries.py` takes the first that answers it, because
no statistics tell a common word from a rare one well enough:

    peek         the newest PEEKED events of the tenant, in their order: enough for a common word
    collected    all that the index of terms lists, if it lists COLLECTED at most
    peek         once more, the newest PEEKED_FURTHER: there are more than COLLECTED in all
    hits         whatever the planner likes
"""

from __future__ import annotations

from application.search.ports import RANKED, Order, Sort
from projections.orders.filters import OF_TENANT, where
from projections.search.conditions import Condition

_HIT = "position, sequence, occurred_us, order_id, actor_id, amount_minor"
_SORTED: dict[Sort, tuple[str, ...]] = {
    "occurred_at": ("occurred_us", "sequence"),
    "sequence": ("sequence",),
    "amount": ("amount_minor", "sequence"),
    "relevance": ("score", "occurred_us", "sequence"),
}

IDENTS = f"""
select value from idents
 where {OF_TENANT} and grams3(tenant_id, value) @> grams3(%(tenant)s, %(part)s)
   and strpos(value, %(part)s) > 0
 limit %(limit)s
"""
PEEKED = 2_000
PEEKED_FURTHER = 50_000
COLLECTED = 5_000
BY_BITMAP = "set local enable_seqscan = off; set local enable_indexscan = off"
"""For `collected`: by the index of terms, whatever the planner thinks of a limit."""

STATES = f"""
select position, state from events
 where {OF_TENANT} and position = any(%(positions)s::bigint[])
"""
NEWEST = f"select coalesce(max(sequence), 0) from order_events where {OF_TENANT}"


def hits(asked: Condition, order: Order, *, after: bool, without_amount: bool = False) -> str:
    """The hits behind a key. Sorted by amount, those without one are a statement of their own,
    that comes after all others: an index holds the rest."""
    conditions = [asked.sql]
    columns = _SORTED[order.by]
    if order.by == "amount":
        conditions.append(f"amount_minor is {'' if without_amount else 'not '}null")
        columns = columns[1:] if without_amount else columns
    if after:
        conditions.append(_behind(columns, order))
    return (
        f"select {_HIT}, {_said(asked)}, 0 as score from order_events e {where(conditions)}"
        f" order by {_by(columns, order)} limit %(limit)s"
    )


def peek(asked: Condition, order: Order, among: int, *, after: bool) -> str:
    """The hits among so many next events, by time or by sequence."""
    columns = _SORTED[order.by]
    conditions = [*asked.within, *([_behind(columns, order)] if after else [])]
    return (
        f"select {_HIT}, {_said(asked)}, 0 as score"
        f" from (select * from order_events e {where(conditions)}"
        f" order by {_by(columns, order)} limit {among}) as e {where([asked.sql])}"
        f" order by {_by(columns, order)} limit %(limit)s"
    )


def collected(asked: Condition, order: Order, *, after: bool) -> str:
    """The hits behind a key, all of them being found first; the last column tells how many. By
    relevance too."""
    columns = _SORTED[order.by]
    conditions = [asked.sql]
    if order.by == "relevance":
        conditions.append("sequence <= %(bound)s")
    elif after:
        conditions.append(_behind(columns, order))
    behind = f"where {_behind(columns, order)}" if after else ""
    return f"""
with found as materialized (
    select {_HIT}, {_said(asked)}, {_score(asked)} as score from order_events e
     {where(conditions)} limit {COLLECTED + 1})
select *, (select count(*) from found) from found {behind}
 order by {_by(columns, order)} limit %(limit)s"""


def collected_orders(asked: Condition, *, after: bool) -> str:
    """As `newest_of_orders`, all being found first; the last column tells how many."""
    newest, columns = Order(), _SORTED["occurred_at"]
    behind = f"where {_behind(columns, newest)}" if after else ""
    return f"""
with found as materialized (
    select {_HIT} from order_events e
     {where([asked.sql, "order_id is not null"])} limit {COLLECTED + 1}),
newest as (
    select distinct on (order_id) * from found order by order_id, {_by(columns, newest)})
select *, '{{}}'::boolean[] as said, 0 as score, (select count(*) from found)
  from newest {behind}
 order by {_by(columns, newest)} limit %(limit)s"""


def ranked(asked: Condition, *, after: bool) -> str:
    """The newest that may match, by their score."""
    best = Order("relevance")
    columns = _SORTED["relevance"]
    behind = f"where {_behind(columns, best)}" if after else ""
    return f"""
with found as materialized (
    select {_HIT}, {_said(asked)}, {_score(asked)} as score from order_events e
     {where([asked.sql, "sequence <= %(bound)s"])}
     order by occurred_us desc, sequence desc limit {RANKED})
select * from found {behind} order by {_by(columns, best)} limit %(limit)s"""


def newest_of_orders(asked: Condition, *, after: bool) -> str:
    """Of each order its newest hit: there is none behind it."""
    newest = Order()
    conditions = [asked.sql, "order_id is not null"]
    if after:
        conditions.append(_behind(_SORTED["occurred_at"], newest))
    newer = where(
        [
            "e.order_id = found.order_id",
            "(e.occurred_us, e.sequence) > (found.occurred_us, found.sequence)",
            asked.sql,
        ]
    )
    return f"""
select {_HIT}, '{{}}'::boolean[] as said, 0 as score
  from (select * from order_events e {where(conditions)}) as found
 where not exists (select from order_events e {newer})
 order by {_by(_SORTED["occurred_at"], newest)} limit %(limit)s"""


def newer_in_orders(asked: Condition, *, after: bool) -> str:
    """The hits of some orders, those newer than a key and the one at it, newest first."""
    newest, columns = Order(), _SORTED["occurred_at"]
    conditions = [
        "order_id = any(%(order_ids)s::text[])",
        "(occurred_us, sequence) >= (%(since_us)s, %(since_sequence)s)",
        asked.sql,
    ]
    if after:
        conditions.append(_behind(columns, newest))
    return (
        f"select {_HIT}, {_said(asked)}, 0 as score from order_events e {where(conditions)}"
        f" order by {_by(columns, newest)} limit %(limit)s"
    )


def _score(asked: Condition) -> str:
    return " + ".join(f"({one})::int" for one in asked.scores) or "0"


def _said(asked: Condition) -> str:
    known = ", ".join(f"({one}) is true" for one in asked.known)
    return f"array[{known}]::boolean[] as said"


def _by(columns: tuple[str, ...], order: Order) -> str:
    direction = "desc" if order.descending else "asc"
    return ", ".join(f"{column} {direction}" for column in columns)


def _behind(columns: tuple[str, ...], order: Order) -> str:
    places = ", ".join(f"%(after_{at})s" for at in range(len(columns)))
    return f"({', '.join(columns)}) {'<' if order.descending else '>'} ({places})"
