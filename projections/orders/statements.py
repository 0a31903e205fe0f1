"""The SQL texts with which the orders read model answers. Values are bound, names are constant."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from typing import Literal

from domain.audit.acts import OF_ORDERS
from domain.search.calendar import HOUR_US
from projections.orders.filters import (
    EVENT_CONDITIONS,
    OF_TENANT,
    ORDER_CONDITIONS,
    where,
)

Sort = Literal["last_event_at", "created_at", "total_minor"]
Names = frozenset[str]

_KEY = "position, sequence, occurred_us"
_ORDER = (
    "order_id, number, status, channel, currency, customer_id, total_minor, on_hold, skus,"
    " created_us, first_us, last_us, last_sequence, event_count"
)
_SORT_COLUMNS: Mapping[Sort, str] = {
    "last_event_at": "last_us",
    "created_at": "created_us",
    "total_minor": "total_minor",
}

ORDER_EXISTS = f"select 1 from orders {where(['order_id = %(order_id)s'])}"
BY_IDS = f"select {_ORDER} from orders {where(['order_id = any(%(order_ids)s::text[])'])}"

OF_CUSTOMER = (
    f"select order_id from orders {where(['customer_id = %(customer_id)s'])} order by order_id"
)
# The sub-select hides how many orders are asked for, so that one plan serves all: each is looked up
# by its key, and to plan anew would take four times as long as to look.
_OF_THESE = "order_id = any((select %(order_ids)s::text[])::text[])"
CHANNELS = f"select order_id, channel from orders {where([_OF_THESE])}"

AGGREGATE = f"""
select type, source, actor_id,
       (select a.actor_type from actors a
         where a.tenant_id = %(tenant)s and a.actor_id = e.actor_id) as actor_type,
       count(*), min(occurred_us), max(occurred_us), count(*) filter (where maintenance)
  from order_events e
 {where(["order_id = %(order_id)s"])}
 group by type, source, actor_id
"""

# The place of the tenant's event against the place of the model; no row while either is to come.
REACHED = """
select 1
  from events e
  join tracking t on t.model = %(model)s and t.position >= e.position
 where e.tenant_id = %(tenant)s and e.sequence = %(sequence)s
"""

LEFT_OUT = "select 1 from dead_letters where model = %(model)s and tenant_id = %(tenant)s limit 1"


@cache
def timeline(
    filters: Names, by_sequence: bool, after: bool, maintenance: bool = False, within: str = ""
) -> str:
    """An order's events, `within` a condition; `maintenance`: that of the systems among them. By
    sequence, they are first collected through the order's own index: a plan that walks the tenant's
    sequence instead would read other orders' events by the way."""
    conditions = [EVENT_CONDITIONS[name] for name in sorted(filters | {"order_id"})]
    conditions += [within] * bool(within)
    if not maintenance:
        conditions.append("not maintenance")
    if by_sequence:
        return _collected(conditions + ["sequence > %(after_sequence)s"] * after)
    if after:
        conditions.append("(occurred_us, sequence) > (%(after_us)s, %(after_sequence)s)")
    return (
        f"select {_KEY} from order_events {where(conditions)}"
        " order by occurred_us, sequence limit %(limit)s"
    )


WINDOW: Names = frozenset({"from_us", "to_us"})
_HOURS: Mapping[str, str] = {
    "from_us": f"hour_us > %(from_us)s - {HOUR_US}",
    "to_us": "hour_us < %(to_us)s",
}
"""Of `event_hours`: those that a window of time touches."""


Span = Literal["short", "long"]
SHORT = 100_000
"""Events, whatever their times, that are walked through for those of a window of time."""
_UNINDEXED: Mapping[str, str] = {
    EVENT_CONDITIONS[name]: EVENT_CONDITIONS[name].replace("occurred_us", f"occurred_us {nothing}")
    for name, nothing in {"from_us": "+ 0", "to_us": "- 0"}.items()
}
"""The same conditions, for which no index is read: in a short span most events are of the window.
The planner, taking times and sequences to be independent, thinks that few are, and would read and
sort all of them; of two different expressions it thinks that each lets a third pass."""


@cache
def span(filters: Names) -> str:
    """The first and the last sequence of the hours that a window touches; nulls, where these hold
    no event. What happened close together was, most of it, recorded close together."""
    hours = [_HOURS[name] for name in sorted(filters & WINDOW)]
    return f"select min(first_sequence), max(last_sequence) from event_hours {where(hours)}"


@cache
def events(
    filters: Names,
    history: bool,
    span: Span | None = None,
    within: str = "",
    *,
    acts: bool = True,
) -> str:
    """A tenant's events by sequence, `within` a condition; `history`: the service's own among them,
    `acts`: what was done to it, too. span: of a window of time, whose first and last sequence are
    bound."""
    conditions = [EVENT_CONDITIONS[name] for name in sorted(filters)]
    conditions += [within] * bool(within)
    if not acts:
        conditions.append(f"(order_id is not null or starts_with(type, '{OF_ORDERS}'))")
    if span is not None:
        conditions.append("sequence between %(first_sequence)s and %(last_sequence)s")
    if span == "short":
        conditions = [_UNINDEXED.get(one, one) for one in conditions]
    if not history:
        conditions.append("order_id is not null")
    if "order_id" in filters:
        return _collected(conditions)
    if "prefix" in filters:
        return _of_kinds(conditions)
    return f"select {_KEY} from order_events {where(conditions)} order by sequence limit %(limit)s"


def _collected(conditions: Collection[str]) -> str:
    return (
        f"with found as materialized (select {_KEY} from order_events {where(conditions)})"
        f" select {_KEY} from found order by sequence limit %(limit)s"
    )


def _of_kinds(conditions: Collection[str]) -> str:
    """Walks from type to type of the tenant, then reads each that fits by its index: a rare type
    is found without passing all events, in any collation."""
    return f"""
with recursive kinds(type) as (
    (select type from order_events where {OF_TENANT} order by type limit 1)
    union all
    select (select order_events.type from order_events
             where {OF_TENANT} and order_events.type > kinds.type order by type limit 1)
      from kinds where kinds.type is not null
)
select {_KEY}
  from kinds
 cross join lateral (
       select {_KEY} from order_events {where(["order_events.type = kinds.type", *conditions])}
        order by sequence limit %(limit)s) as found
 where starts_with(kinds.type, %(prefix)s)
 order by sequence limit %(limit)s"""


_CREATED_BEFORE_CHANGED = "created_us < %(last_event_before)s"
"""What a filter on the last event implies: its walk by creation begins there, not at the newest."""
_OTHER_WINDOW: Mapping[Sort, Names] = {
    "last_event_at": frozenset({"created_from", "created_to"}),
    "created_at": frozenset({"last_event_after", "last_event_before"}),
}
"""Of a sort by one time, the filters that bound the other."""


@cache
def orders(
    filters: Names, sort: Sort, after: bool, without_total: bool = False, within: str = ""
) -> str:
    """A page of orders, newest or highest first, the order id breaking ties downwards; `within` a
    condition.

    Orders without a total come after all others: sorted by total, they are a statement of their
    own, because an index keeps them on the other side.
    """
    conditions = [ORDER_CONDITIONS[name] for name in sorted(filters)]
    conditions += [within] * bool(within)
    column = _SORT_COLUMNS[sort]
    if sort == "total_minor":
        conditions.append(f"total_minor is {'' if without_total else 'not '}null")
    if after and without_total:
        conditions.append("order_id < %(after_order)s")
    elif after:
        conditions.append(f"({column}, order_id) < (%(after_key)s, %(after_order)s)")
    if sort in _OTHER_WINDOW and filters >= _OTHER_WINDOW[sort]:
        return _within_window(conditions, column)
    if sort == "created_at" and "last_event_before" in filters:
        conditions.append(_CREATED_BEFORE_CHANGED)
    return (
        f"select {_ORDER} from orders {where(conditions)}"
        f" order by {column} desc, order_id desc limit %(limit)s"
    )


def _within_window(conditions: Collection[str], column: str) -> str:
    """By the window of the one time, sorted by the other, whatever the planner bets on: from the
    newest on, it would pass all orders that were created, or changed, since."""
    by = f"order by {column} desc, order_id desc"
    return f"""
with found as materialized (select order_id, {column} from orders {where(conditions)}),
page as (select order_id from found {by} limit %(limit)s)
select one.*
  from page
 cross join lateral (
       select {_ORDER} from orders {where(["order_id = page.order_id"])} limit 1) as one
 {by.replace("order_id", "one.order_id")}"""
