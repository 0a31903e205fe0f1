"""What searching needs of a read model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

from msgspec import Struct

from domain.search.aggregation import Group, Measure, Value
from domain.search.aggregation import Key as GroupKey
from domain.search.fields import Field
from domain.search.query import Node

Sort = Literal["occurred_at", "sequence", "amount", "relevance"]
OrderSort = Literal["occurred_at", "last_event_at", "created_at", "total_minor", "relevance"]
"""What orders are sorted by: their newest match, what they are now, or their best match."""
Key = tuple[int | str | None, ...]
"""Where a page goes on: the values that its last hit is sorted by."""

Decide = Callable[[Sequence[bool], Mapping[str, Any]], bool]
"""Whether an event is meant: what the database said of it (`Hit.said`), and its body, decoded."""

SECONDS = 2.0
"""How long one statement, and the reading of candidates, may take."""
RANKED = 10_000
"""How many matches relevance ranks, the newest."""


class Hit(Struct, frozen=True, gc=False):
    """An event that was found. said: of each of the plan's parts, whether it is true of it.

    score: how many of the question's words and identifiers it has, where they are counted; bound:
    the highest sequence that counted then. value: of its order, what orders are sorted by.
    """

    position: int
    sequence: int
    occurred_us: int
    order_id: str | None
    actor_id: str | None
    amount_minor: int | None
    said: Sequence[bool] = ()
    score: int = 0
    value: int | None = None
    bound: int = 0


class Plan(Struct, frozen=True):
    """A question of one tenant, ready to be asked.

    condition: what the index made of it, for the index alone. decide: what is left to decide with
    an event's body; None: every hit is a match.
    """

    tenant_id: str
    condition: Any
    decide: Decide | None


class Asked(Struct, frozen=True):
    """What is wanted of the events. top: how many groups, those in which the first measure is
    highest; None for all of them."""

    measures: Sequence[Measure]
    groups: Sequence[Group]
    top: int | None = None


Rows = list[tuple[GroupKey, tuple[Value, ...]]]
"""Groups: their keys, and the value of each measure."""


class Order(Struct, frozen=True):
    """How hits are sorted, or the orders that have some: by what, and whether the highest (or
    newest) comes first."""

    by: Sort | OrderSort = "occurred_at"
    descending: bool = True


NEWEST_FIRST = Order()


class SearchIndex(Protocol):
    """Finds events. Each method takes at most `SECONDS`, else it raises TooCostly.

    All raise Unavailable while the database is away.
    """

    async def plan(self, tenant_id: str, node: Node) -> Plan:
        """The question, with the parts of identifiers looked up. The service's own events are in
        it only where the question asks for their types. Raises Invalid for a part that too many
        identifiers have."""
        ...

    async def hits(self, plan: Plan, order: Order, after: Key | None, limit: int) -> list[Hit]:
        """Of what matches, or of all that may (`Plan.decide`), the next after a key. By relevance:
        of the newest RANKED up to the sequence with which the walk began, so that all its pages
        rank the same."""
        ...

    async def orders(self, plan: Plan, order: Order, after: Key | None, limit: int) -> list[Hit]:
        """The next orders that have a hit, each as its newest one, by relevance as its best.
        Equal ones are sorted by order_id, those without a total come last. By the newest hit, and
        by relevance, of a plan with nothing left to decide."""
        ...

    async def in_orders(
        self,
        plan: Plan,
        order_ids: Sequence[str],
        since: Key | None,
        after: Key | None,
        limit: int,
    ) -> list[Hit]:
        """The hits of these orders, newest first; those as new as `since` or newer, if given."""
        ...

    async def having(self, plan: Plan, order_ids: Sequence[str]) -> list[str]:
        """Which of these orders have a hit, of a plan with nothing left to decide."""
        ...

    async def states(self, plan: Plan, hits: Sequence[Hit]) -> list[bytes]:
        """The bytes of these events, in their order."""
        ...

    async def explain(self, plan: Plan, order: Order, *, orders: bool, limit: int) -> list[str]:
        """The names of the indexes that the database would use, sorted."""
        ...


class GroupIndex(Protocol):
    """Groups and counts what a question means. Times and errors as of SearchIndex."""

    def in_columns(self, field: Field) -> bool:
        """Whether the index holds the values of a field itself."""
        ...

    async def span(self, tenant_id: str) -> tuple[int, int] | None:
        """The lowest and the highest occurred_at of the tenant's events; None without any."""
        ...

    async def rolled_up(
        self, tenant_id: str, node: Node, asked: Asked, starts: Sequence[int]
    ) -> Rows | None:
        """The groups by what is added up beforehand; None where that cannot tell. Raises as
        `grouped`."""
        ...

    async def grouped(self, plan: Plan, asked: Asked, starts: Sequence[int]) -> Rows:
        """The groups by the rows of events, of a plan with nothing left to decide, in fields that
        are in columns. starts: when the intervals of time begin; the key of one is its number,
        from 1, that of what is before or behind all of them 0 or their number.
        Raises Invalid for a mix of currencies, and for more than MOST_GROUPS."""
        ...

    async def order_values(
        self, tenant_id: str, order_ids: Sequence[str]
    ) -> Mapping[str, Mapping[str, Any]]:
        """Of each order the values of its fields, by their names."""
        ...


def key_of(hit: Hit, order: Order) -> Key:
    """The key behind which a page goes on after this hit."""
    if order.by == "sequence":
        return (hit.sequence,)
    if order.by == "amount":
        return (hit.amount_minor, hit.sequence)
    if order.by == "relevance":
        return (hit.bound, hit.score, hit.occurred_us, hit.sequence)
    if order.by in ("last_event_at", "created_at", "total_minor"):
        return (hit.value, hit.order_id)
    return (hit.occurred_us, hit.sequence)
