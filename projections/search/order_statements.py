"""The SQL texts of searches for orders. Conditions come from `conditions.py`; values are bound.

By their newest or best match, orders are found as their events are (`statements.py`). By what they
are themselves:

    walk         the next WALKED orders, each asked for an event: enough for a common question
    collected    all events that are meant, COLLECTED at most, and their orders
    walk         as far as time allows
"""

from __future__ import annotations

from collections.abc import Sequence

from application.search.ports import RANKED, Order
from projections.orders.filters import OF_TENANT, ORDER_COLUMNS, where
from projections.search import statements
from projections.search.conditions import Condition
from projections.search.statements import HIT, SORTED, behind, by, counted, said, score

WALKED = 2_000
BY_ORDER = "set local enable_bitmapscan = off"
"""For `walked`: each order's events by their timeline, whatever the planner thinks of a term."""

_NOTHING_SAID = "'{}'::boolean[] as said"
_NEWEST = "occurred_us desc, sequence desc"


def newest(asked: Condition, order: Order, *, after: bool) -> str:
    """Of each order its newest hit, by time: there is none behind it."""
    columns = SORTED["occurred_at"]
    conditions = [asked.sql, "order_id is not null"]
    if after:
        conditions.append(behind(columns, order))
    newer = where(
        [
            "e.order_id = found.order_id",
            "(e.occurred_us, e.sequence) > (found.occurred_us, found.sequence)",
            asked.sql,
        ]
    )
    return f"""
select {HIT}, {_NOTHING_SAID}, 0 as score
  from (select * from order_events e {where(conditions)}) as found
 where not exists (select from order_events e {newer})
 order by {by(columns, order)} limit %(limit)s"""


def collected_newest(asked: Condition, order: Order, *, after: bool) -> str:
    """As `newest`, all being found first; the last column tells how many."""
    columns = SORTED["occurred_at"]
    rest = f"where {behind(columns, order)}" if after else ""
    page = f"select *, {_NOTHING_SAID}, 0 as score from ({_one_each(_NEWEST)}) as one {rest}"
    return counted(_found(asked), page, by(columns, order))


def ranked(asked: Condition, *, after: bool) -> str:
    """Of each order its best hit among the newest, by their score."""
    best, columns = Order("relevance"), SORTED["relevance"]
    rest = f"where {behind(columns, best)}" if after else ""
    conditions = [asked.sql, "order_id is not null", "sequence <= %(bound)s"]
    return f"""
with found as materialized (
    select {HIT}, {_NOTHING_SAID}, {score(asked)} as score from order_events e
     {where(conditions)} order by {_NEWEST} limit {RANKED})
select * from ({_one_each(by(columns, best))}) as one {rest}
 order by {by(columns, best)} limit %(limit)s"""


def collected_ranked(asked: Condition, *, after: bool) -> str:
    """As `ranked`, all being found first; the last column tells how many."""
    best, columns = Order("relevance"), SORTED["relevance"]
    rest = f"where {behind(columns, best)}" if after else ""
    found = (
        f"select {HIT}, {_NOTHING_SAID}, {score(asked)} as score from order_events e"
        f" {where([asked.sql, 'order_id is not null', 'sequence <= %(bound)s'])}"
        f" limit {statements.COLLECTED + 1}"
    )
    page = f"select * from ({_one_each(by(columns, best))}) as one {rest}"
    return counted(found, page, by(columns, best))


def walked(
    asked: Condition, order: Order, *, after: bool, tail: bool, among: int | None = None
) -> str:
    """The next orders that have a hit, each with its newest; among so many next ones, if given.
    tail: of those that have not what is sorted by, which come after all others."""
    of_order = where([*asked.of_order, *_places(order, after=after, tail=tail)])
    some = f"select order_id, {_column(order)} as value from orders {of_order}"
    if among is not None:
        some += f" order by {by(_columns(order, tail=tail), order)} limit {among}"
    match = where(["e.order_id = listed.order_id", asked.sql])
    sorting = ("listed.order_id",) if tail else ("listed.value", "listed.order_id")
    return f"""
select match.*, {_NOTHING_SAID}, 0 as score, listed.value
  from ({some}) as listed
 cross join lateral (
       select {HIT} from order_events e {match} order by {_NEWEST} limit 1) as match
 order by {by(sorting, order)} limit %(limit)s"""


def collected_by(asked: Condition, order: Order, *, after: bool, tail: bool) -> str:
    """As `walked`, all hits being found first; the last column tells how many."""
    listed = " and ".join(_places(order, after=after, tail=tail, of="listed."))
    page = f"""
    select one.*, {_NOTHING_SAID}, 0 as score, listed.{_column(order)} as value
      from ({_one_each(_NEWEST)}) as one
      join orders listed on listed.{OF_TENANT} and listed.order_id = one.order_id
     where {listed or "true"}"""
    sorting = ("order_id",) if tail else ("value", "order_id")
    return counted(_found(asked), f"select * from ({page}) as one", by(sorting, order))


def in_orders(asked: Condition, *, since: bool, after: bool) -> str:
    """The hits of some orders, newest first; those newer than a key and the one at it."""
    conditions = ["order_id = any(%(order_ids)s::text[])", asked.sql]
    if since:
        conditions.append("(occurred_us, sequence) >= (%(since_us)s, %(since_sequence)s)")
    if after:
        conditions.append(behind(SORTED["occurred_at"], Order()))
    return (
        f"select {HIT}, {said(asked)}, 0 as score from order_events e {where(conditions)}"
        f" order by {_NEWEST} limit %(limit)s"
    )


def having(asked: Condition) -> str:
    """Which of some orders have a hit."""
    match = where(["e.order_id = listed.order_id", asked.sql])
    return f"""
select listed.order_id from unnest(%(order_ids)s::text[]) as listed(order_id)
 where exists (select from order_events e {match})"""


def _found(asked: Condition) -> str:
    return (
        f"select {HIT} from order_events e {where([asked.sql, 'order_id is not null'])}"
        f" limit {statements.COLLECTED + 1}"
    )


def _one_each(sorting: str) -> str:
    """Of what is found, the first of each order."""
    return f"select distinct on (order_id) * from found order by order_id, {sorting}"


def _column(order: Order) -> str:
    return ORDER_COLUMNS[f"order.{order.by}"]


def _columns(order: Order, *, tail: bool, of: str = "") -> Sequence[str]:
    return [f"{of}order_id"] if tail else [f"{of}{_column(order)}", f"{of}order_id"]


def _places(order: Order, *, after: bool, tail: bool, of: str = "") -> list[str]:
    """The conditions on orders behind a key."""
    conditions = []
    if order.by == "total_minor":
        conditions.append(f"{of}total_minor is {'' if tail else 'not '}null")
    if after:
        conditions.append(behind(_columns(order, tail=tail, of=of), order))
    return conditions
