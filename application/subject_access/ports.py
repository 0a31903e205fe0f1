"""What giving access needs from outside. Everything here raises Unavailable."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any, Protocol
from uuid import UUID

from msgspec import Struct, field

from application.erasure.ports import Owner
from application.ports import StoredRow
from domain.erasure.subjects import Subject
from domain.privacy.sealing import Opened


class OrderEvents(Protocol):
    """The event store itself."""

    async def of_orders(
        self,
        tenant_id: str,
        originators: Sequence[UUID],
        after: int,
        until: int,
        limit: int | None,
    ) -> Sequence[StoredRow]:
        """Events of these orders behind the version `after`, up to the sequence `until`: in the
        orders' order, by version; None: all."""
        ...

    async def bodies(self, tenant_id: str, positions: Sequence[int]) -> Sequence[StoredRow]:
        """The events at these positions, in the order given."""
        ...


class OwnersDisclosures(Protocol):
    """Personal values, by whose data key hides them."""

    async def of_owners(
        self, tenant_id: str, sequences: Sequence[int], owners: Collection[Owner]
    ) -> Opened:
        """What these owners' keys can still disclose of these events. Raises KeyUnavailable."""
        ...

    async def in_snapshots(
        self, tenant_id: str, actor_id: str, after: int, limit: int
    ) -> Sequence[tuple[int, str]]:
        """Sequence and id of snapshots of which an actor's key hides something, by sequence."""
        ...


class EventPlace(Protocol):
    """Where an event is."""

    @property
    def position(self) -> int: ...

    @property
    def sequence(self) -> int: ...


class OrderSize(Protocol):
    """How many events an order has."""

    @property
    def order_id(self) -> str: ...

    @property
    def event_count(self) -> int: ...


class Orders(Protocol):
    """The orders read model, as far as it is asked here."""

    async def by_ids(self, tenant: str, order_ids: Sequence[str]) -> Sequence[OrderSize]:
        """In the order given; one that is not there is left out."""
        ...

    async def events(
        self, tenant: str, *, actor_id: str, after_sequence: int, limit: int, history: bool
    ) -> Sequence[EventPlace]:
        """By sequence; `history`: the service's own among them."""
        ...


class SnapshotPlaces(Protocol):
    """Where the snapshots of orders are."""

    async def of_orders(
        self, tenant_id: str, order_ids: Sequence[str], after: tuple[str, int, str], limit: int
    ) -> Sequence[tuple[str, int, str]]:
        """(order_id, captured_us, snapshot_id), sorted by these."""
        ...


class RejectedLines(Protocol):
    """The lines of bulk jobs that were not recorded, which are kept for 30 days."""

    def mentioning(self, tenant_id: str, needles: Sequence[str]) -> AsyncIterator[tuple[str, int]]:
        """Job and line of those that hold one of these texts. Raises KeyUnavailable."""
        ...


class Kept(Struct, frozen=True):
    """Why something is kept, and until when (Art. 15(1)(d)).

    ground: as the report of an erasure names it, such as `legal hold`. order_id: None if it is of
    all that is held on the person. until_us: None if no time is set. details: what else tells it,
    as JSON, none of it personal.
    """

    ground: str
    order_id: str | None = None
    until_us: int | None = None
    details: dict[str, Any] = field(default_factory=dict)


class Keeping(Protocol):
    """A kind of ground on which data is kept, as legal holds are."""

    async def over(
        self, tenant_id: str, subject: Subject, order_ids: Sequence[str]
    ) -> Sequence[Kept]:
        """All that applies now to the person or to any of these orders, which may be thousands."""
        ...
