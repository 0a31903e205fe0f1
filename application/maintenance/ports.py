"""What maintenance needs from outside, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Literal, Protocol

from msgspec import Struct

from application.ports import Statement

NO_END = 2**62

What = Literal["missing", "wrong", "unknown", "altered", "unreadable", "dead letter", "refused"]
"""Of rows: missing, wrong, or unknown to the ledger. Of events: missing from the ledger itself;
altered (the stored bytes do not have the stored hash); unreadable; a dead letter (left out by a
model that can take it in now); refused (it still cannot)."""


class Finding(Struct, frozen=True):
    """Rows of a table, or events, of one tenant. sequence: of the first event concerned, where it
    is known."""

    model: str
    table: str
    what: What
    count: int
    sequence: int | None = None
    healed: bool = False


def merged(findings: Iterable[Finding]) -> list[Finding]:
    """One for each model, table, kind and end."""
    sums: dict[tuple[object, ...], Finding] = {}
    for one in findings:
        key = one.model, one.table, one.what, one.healed
        before = sums.get(key)
        places = [each.sequence for each in (before, one) if each and each.sequence is not None]
        sums[key] = Finding(
            one.model,
            one.table,
            one.what,
            one.count + (before.count if before else 0),
            min(places, default=None),
            one.healed,
        )
    return sorted(sums.values(), key=lambda one: (one.model, one.table, one.what, one.healed))


class Range(Struct, frozen=True, kw_only=True):
    """A tenant's events with sequences from `first` to `last`, of which those up to `place` were
    looked at before. retry: try again what the models had to leave out."""

    tenant_id: str
    first: int = 1
    last: int = NO_END
    place: int = 0
    retry: bool = False

    @property
    def whole(self) -> bool:
        """Whether what is added up over the tenant can be held against it."""
        return self.first == 1 and self.last == NO_END


class Step(Struct, frozen=True):
    """The next events were looked at: what differs. place: the sequence of the last of them."""

    place: int
    events: int
    findings: list[Finding]


Beside = Callable[[Sequence[Finding]], Statement]
"""Given what a transaction has healed, a statement to run in it. Where that changes no row the
transaction comes to nothing, with Cancelled."""


class Walk(Protocol):
    """Holds the read models against a tenant's ledger, from its `place` on, until it has `ended`:
    at the end of the range, or at the place of a model that lags."""

    @property
    def place(self) -> int: ...

    @property
    def ended(self) -> bool: ...

    async def step(self, *, heal: bool, beside: Beside | None = None) -> Step:
        """Look at the next events, or at what follows from all of them; heal: and put right what
        differs, in transactions of their own. Raises Unavailable, KeyUnavailable, Cancelled."""
        ...


Walks = Callable[[Range], AbstractAsyncContextManager[Walk]]
"""Begins a walk, which has a connection until it is left."""


class Reindex(Protocol):
    """Makes the index of events anew where it stands."""

    async def __call__(
        self,
        tenant_id: str,
        first: int,
        last: int,
        beside: Callable[[int, int], Statement],
    ) -> None:
        """Of a tenant's events with sequences from `first` to `last`, in short transactions.

        beside: given the last sequence that was looked at, and how many rows were changed up to it,
        a statement to run in the transaction that changes them; as Beside. Raises Conflict while a
        rebuild runs, Unavailable, Cancelled.
        """
        ...


class Compacted(Struct, frozen=True):
    """The next orders were looked at: how many, and how many snapshots were taken. place: the last
    of them, None when there are no more."""

    place: tuple[int, str] | None
    orders: int
    snapshots: int


class Compaction(Protocol):
    """Takes snapshots of orders that nobody has touched for long. One that is taken twice is one.

    Raises Unavailable.
    """

    async def orders(self, tenant_id: str, before_us: int) -> int:
        """How many orders there are in which nothing happened since."""
        ...

    async def step(
        self, tenant_id: str, before_us: int, place: tuple[int, str] | None
    ) -> Compacted:
        """Take those that are due of the next of these orders behind `place`."""
        ...
