"""What retention needs from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from domain.retention.due import DueEvents, DueSnapshots
from domain.retention.evaluations import Evaluated


class Lasts(Struct, frozen=True):
    """The last dry run of a policy and its last run, as far as they have ended."""

    dry_run: Evaluated | None = None
    run: Evaluated | None = None


NEVER = Lasts()


class LastEvaluations(Protocol):
    """What policies came to. Raises Unavailable."""

    async def of(self, tenant_id: str, policy_ids: Sequence[str]) -> Mapping[str, Lasts]:
        """Of those that were ever evaluated."""
        ...


class Place(Struct, frozen=True):
    """Where a walk is: behind which order or snapshot, after how many of how many; more: whether
    there are any behind it."""

    after: str = ""
    done: int = 0
    total: int = 0
    more: bool = True


BEGINNING = Place()


class DueOrder(Struct, frozen=True):
    """Events of an order of which values are due and can still be disclosed. events: how many that
    nothing keeps; kept: how many more a duty keeps; first: (occurred_us, sequence) of the earliest,
    last_us: when the latest occurred, of those that nothing keeps."""

    order_id: str
    events: int
    kept: int
    first: tuple[int, int] | None
    last_us: int | None


class DueSnapshot(Struct, frozen=True):
    """A snapshot that is due. customers: whom its state names as that."""

    snapshot_id: str
    order_id: str
    captured_us: int
    sequence: int
    customers: Sequence[str]


class EventSample(Struct, frozen=True):
    """An event that is due."""

    order_id: str
    event_id: str
    sequence: int
    type: str
    occurred_us: int
    received_us: int


class Due(Protocol):
    """Finds what is due, by the orders read model and what lies beside the ledger.

    Raises Unavailable.
    """

    async def caught_up(self, tenant_id: str) -> None:
        """Wait until the read model has all that is recorded by now. Raises Unavailable while it
        lags, or lacks events."""
        ...

    async def types(self, tenant_id: str) -> Sequence[str]:
        """All types that the tenant's orders have."""
        ...

    async def orders(
        self, tenant_id: str, due: DueEvents, place: Place
    ) -> tuple[list[DueOrder], Place]:
        """Those with due events of the next few thousand orders, by id, and the place behind
        these."""
        ...

    async def sequences(
        self, tenant_id: str, due: DueEvents, order_ids: Sequence[str]
    ) -> Mapping[str, Sequence[int]]:
        """By order: the events that are due and that nothing keeps."""
        ...

    async def samples(self, tenant_id: str, sequences: Sequence[int]) -> Sequence[EventSample]:
        """These events, in the order given."""
        ...

    async def snapshots(
        self, tenant_id: str, due: DueSnapshots, place: Place, *, disclosed: bool
    ) -> tuple[list[DueSnapshot], Place]:
        """Those that are due of the next snapshots, by id, and the place behind these. disclosed:
        only those of which something personal can still be disclosed."""
        ...
