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
Key = tuple[int | None, ...]
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
    the highest sequence that counted then.
    """

    position: int
    sequence: int
    occurred_us: int
    order_id: str | None
    actor_id: str | None
    amount_minor: int | None
    said: Sequence[bool] = ()
    score: int = 0
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
    """How hits are sorted: by what, and whether the highest (or newest) comes first."""

    by: Sort = "occurred_at"
    descending: bool = True


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

    async def newest_of_orders(self, plan: Plan, after: Key | None, limit: int) -> list[Hit]:
        """Of each order the newest hit, newest first. For a plan with nothing left to decide."""
        ...

    async def newer_in_orders(
        self,
        plan: Plan,
        order_ids: Sequence[str],
        since: Key,
        after: Key | None,
        limit: int,
    ) -> list[Hit]:
        """The hits of these orders that are as new as `since` or newer, newest first."""
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
        """The groups by counts kept by hour; None where they cannot tell. Raises as `grouped`."""
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
    return (hit.occurred_us, hit.sequence)
