"""The SQL texts of searches. Conditions come from `conditions.py`; values are bound.

A question by terms has these forms, of which `queries.py` takes the first that answers it, because
no statistics tell a common word from a rare one well enough:

    peek         the newest PEEKED events of the tenant, in their order: enough for a common word
    peek         further, if so many were among these that there must be more than COLLECTED
    collected    all that the index of terms lists, if it lists COLLECTED at most
    peek         once more, the newest PEEKED_FURTHER: there are more than COLLECTED in all
    hits         whatever the planner likes
"""

from __future__ import annotations

from collections.abc import Sequence

from application.search.ports import RANKED, Order
from projections.orders.filters import OF_TENANT, where
from projections.search.conditions import Condition

HIT = "position, sequence, occurred_us, order_id, actor_id, amount_minor"
SORTED: dict[str, tuple[str, ...]] = {
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
PEEKED = 5_000
PEEKED_FURTHER = 50_000
COLLECTED = 5_000
BY_BITMAP = "set local enable_indexscan = off; set local random_page_cost = 0.1"
"""For `collected`: by the index of terms, whatever the planner thinks of a limit. Terms are of one
tenant: to read an index of all its events beside them, so as to fetch fewer rows, is in vain."""

STATES = f"""
select position, state from events
 where {OF_TENANT} and position = any(%(positions)s::bigint[])
"""
NEWEST = f"select coalesce(max(sequence), 0) from order_events where {OF_TENANT}"


def hits(asked: Condition, order: Order, *, after: bool, without_amount: bool = False) -> str:
    """The hits behind a key. Sorted by amount, those without one are a statement of their own,
    that comes after all others: an index holds the rest."""
    conditions = [asked.sql]
    columns = SORTED[order.by]
    if order.by == "amount":
        conditions.append(f"amount_minor is {'' if without_amount else 'not '}null")
        columns = columns[1:] if without_amount else columns
    if after:
        conditions.append(behind(columns, order))
    return (
        f"select {HIT}, {said(asked)}, 0 as score from order_events e {where(conditions)}"
        f" order by {by(columns, order)} limit %(limit)s"
    )


def peek(asked: Condition, order: Order, among: int, *, after: bool) -> str:
    """The hits among so many next events, by time or by sequence."""
    columns = SORTED[order.by]
    conditions = [*asked.within, *([behind(columns, order)] if after else [])]
    return (
        f"select {HIT}, {said(asked)}, 0 as score"
        f" from (select * from order_events e {where(conditions)}"
        f" order by {by(columns, order)} limit {among}) as e {where([asked.sql])}"
        f" order by {by(columns, order)} limit %(limit)s"
    )


def collected(asked: Condition, order: Order, *, after: bool) -> str:
    """The hits behind a key, all of them being found first; the last column tells how many. By
    relevance too."""
    columns = SORTED[order.by]
    conditions = [asked.sql]
    if order.by == "relevance":
        conditions.append("sequence <= %(bound)s")
    elif after:
        conditions.append(behind(columns, order))
    found = (
        f"select {HIT}, {said(asked)}, {score(asked)} as score from order_events e"
        f" {where(conditions)} limit {COLLECTED + 1}"
    )
    rest = f"where {behind(columns, order)}" if after else ""
    return counted(found, f"select * from found {rest}", by(columns, order))


def counted(found: str, page: str, sorting: str) -> str:
    """A page of what is found, all of which is counted in the last column: of an empty page, too,
    which is one row of nulls else."""
    return f"""
with found as materialized ({found}),
page as ({page} order by {sorting} limit %(limit)s)
select page.*, total.found
  from (select count(*) as found from found) as total left join page on true
 order by {sorting}"""


def ranked(asked: Condition, *, after: bool) -> str:
    """The newest that may match, by their score."""
    best = Order("relevance")
    columns = SORTED["relevance"]
    rest = f"where {behind(columns, best)}" if after else ""
    return f"""
with found as materialized (
    select {HIT}, {said(asked)}, {score(asked)} as score from order_events e
     {where([asked.sql, "sequence <= %(bound)s"])}
     order by occurred_us desc, sequence desc limit {RANKED})
select * from found {rest} order by {by(columns, best)} limit %(limit)s"""


def score(asked: Condition) -> str:
    """How many of the words and identifiers asked for an event has."""
    return " + ".join(f"({one})::int" for one in asked.scores) or "0"


def said(asked: Condition) -> str:
    """What is known of an event, for `Plan.decide`."""
    known = ", ".join(f"({one}) is true" for one in asked.known)
    return f"array[{known}]::boolean[] as said"


def by(columns: Sequence[str], order: Order) -> str:
    """What is behind `order by`."""
    direction = "desc" if order.descending else "asc"
    return ", ".join(f"{column} {direction}" for column in columns)


def behind(columns: Sequence[str], order: Order) -> str:
    """The condition on what comes after a key, bound as after_0, after_1 and so on."""
    places = ", ".join(f"%(after_{at})s" for at in range(len(columns)))
    return f"({', '.join(columns)}) {'<' if order.descending else '>'} ({places})"
