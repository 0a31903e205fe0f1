"""What the use cases need from outside, as Protocols. Adapters stand in infrastructure/ and
projections/; interfaces/composition.py puts them together.

Durability and concurrency are stated here, once, and hold for every adapter.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from typing import Protocol
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from domain.errors import KeyUnavailable, OrderHistoryError
from domain.ledger.append import Unmoved
from domain.orders.events import Draft, Recorded
from domain.privacy.sealing import Opened
from domain.tenancy.quotas import Allowance

Statement = tuple[str, Sequence[object]]
"""SQL text with %s places, and its parameters."""


class Accepted(Struct, frozen=True):
    """The draft is on the ledger, committed and flushed."""

    event: Recorded


class Duplicate(Struct, frozen=True):
    """This event_id was there already; nothing was written. Compare before answering."""

    position: int
    sequence: int


class Refused(Struct, frozen=True):
    """The draft is not on the ledger, and why."""

    error: OrderHistoryError


Outcome = Accepted | Duplicate | Refused
Beside = Callable[[Sequence[Outcome]], Sequence[Statement]]
"""Given the outcomes of a submission, the statements to run in the transaction that commits it."""


class Allowances(Protocol):
    """What tenants may still send, told without waiting: as it was a second ago at most."""

    def of(self, tenant_id: str, at_us: int, sequence: int) -> Allowance | None:
        """For events that are recorded at this moment behind a sequence; None: there is no
        quota."""
        ...

    def refused(self, events: int) -> None:
        """Note that so many were."""
        ...


class Lane:
    """Submissions that do not overtake each other: as soon as one fails, those behind it fail as
    well, with Unavailable. Whoever opens the lane again sees to the failed ones first."""

    blocked = False


class Door(Protocol):
    """The one way onto the ledger."""

    async def submit(
        self,
        drafts: Sequence[Draft],
        *,
        beside: Beside | None = None,
        idempotency: tuple[str, str] | None = None,
        lane: Lane | None = None,
        unless_moved: Unmoved = (),
    ) -> list[Outcome]:
        """Commit drafts of one tenant, in order, in one transaction; one outcome each.

        At most 250 drafts. Returns only after the commit is flushed to disk. `beside` runs under
        the lock, once per attempt, and must be pure. `idempotency` is (caller, key) of a request
        with one draft. `unless_moved` are (originator, version) of streams: if one has another
        version under the lock, nothing is written, nothing of `beside` either; each draft is
        Refused with HoldsMoved, or a Duplicate.
        Any number of callers at once, from one event loop.
        Raises Unavailable (nothing acknowledged; it may or may not be recorded, and the same
        event_ids may be sent again), Overloaded when the queue is full.
        """
        ...


class StoredRow(Struct, frozen=True):
    """One event as the event store holds it. `corrected_by`: event_ids, in sequence order.
    `channel`: of its order, as it is now, where that was asked for."""

    position: int
    sequence: int
    originator_version: int
    received_us: int
    entry: bytes
    ledger_hash: bytes
    state: bytes
    corrected_by: tuple[str, ...] = ()
    channel: str | UnsetType | None = UNSET


class Head(Struct, frozen=True):
    """The end of a tenant's ledger; sequence 0 and 32 zero bytes before its first event."""

    sequence: int
    ledger_hash: bytes
    received_us: int


class EventReader(Protocol):
    """Reads the event store itself. What is committed is seen; every method is safe at once."""

    async def by_id(
        self, tenant_id: str, event_id: str, *, channel: bool = False
    ) -> StoredRow | None:
        """`channel`: with the channel of its order."""
        ...

    async def by_sequence(
        self, tenant_id: str, sequence: int, *, channel: bool = False
    ) -> StoredRow | None:
        """`channel`: with the channel of its order."""
        ...

    async def bodies(self, tenant_id: str, positions: Sequence[int]) -> list[StoredRow]:
        """The tenant's events at these positions, in the order given."""
        ...

    async def after(self, tenant_id: str, sequence: int, limit: int) -> list[StoredRow]:
        """The next events of a tenant's ledger, by sequence."""
        ...

    async def head(self, tenant_id: str) -> Head: ...

    async def corrections_of(self, tenant_id: str, event_id: str) -> list[StoredRow]: ...


class EventPages(Protocol):
    """Pages of events, with what is disclosed of them."""

    async def page(
        self, tenant_id: str, positions: Sequence[int], disclosing: Sequence[int]
    ) -> tuple[list[StoredRow], Opened]:
        """The tenant's events at these positions, in the order given; all that can still be
        disclosed of the events with the sequences `disclosing`.

        Raises KeyUnavailable.
        """
        ...


class Window(Struct, frozen=True):
    """Which part of an order's history is asked for. None: no bound.

    `below_version` and `latest_us` bound the snapshot that may serve, not the events. Of events
    later than `later_than_us` on the first clock most may be left out, where nothing is corrected.
    """

    known_us: int | None = None
    known_sequence: int | None = None
    below_version: int | None = None
    latest_us: int | None = None
    later_than_us: int | None = None


class OrderHistories(Protocol):
    """An order's events, with the newest snapshot that may stand for the first of them."""

    async def load(
        self, originator_id: UUID, window: Window
    ) -> tuple[bytes | None, list[StoredRow]]:
        """The snapshot's state (or None), and the known events after it, by version."""
        ...

    async def versions(
        self, tenant_id: str, originator_id: UUID, event_ids: Sequence[str]
    ) -> list[int]:
        """The versions at which the order holds these event_ids; absent ones are left out."""
        ...

    async def newest_version(self, originator_id: UUID) -> int:
        """The version of its newest event, or of a stream's; 0 before the first."""
        ...

    async def newest_versions(self, originator_ids: Sequence[UUID]) -> Mapping[UUID, int]:
        """The same of many."""
        ...


class Disclosures(Protocol):
    """The personal values behind the digests of stored events."""

    async def of(self, tenant_id: str, sequences: Sequence[int]) -> Opened:
        """All that can still be disclosed. Raises KeyUnavailable."""
        ...

    async def of_order(self, tenant_id: str, order_id: str) -> Opened:
        """The same for the payloads of all of an order's events."""
        ...


class KeyMissing(KeyUnavailable):
    """The key store answers, and lacks a key that it once gave."""


class KeysDestroyed(KeyMissing):
    """The keys of this tenant were destroyed when it left; it gets none any more."""


class KeyStore(Protocol):
    """Keys that must never lie in the database. A key is durable before it is returned, and gone
    from the medium after `destroy`. Safe from several processes at once."""

    def bucket(self, tenant_id: str, bucket: int) -> tuple[UUID, bytes]:
        """The tenant's current key of a bucket (0..1023): its id and 32 bytes. Made on demand."""
        ...

    def bucket_key(self, tenant_id: str, bucket: int, key_id: UUID) -> bytes:
        """A given bucket key. Raises KeyMissing when it is not there, KeyUnavailable when that
        cannot be told."""
        ...

    def rotate_buckets(self, tenant_id: str, buckets: Collection[int]) -> None:
        """Give each of these buckets a new current key; the old ones stay."""
        ...

    def destroy_retired(self, tenant_id: str, buckets: Collection[int]) -> None:
        """Remove the keys that others have replaced in these buckets, beyond recovery. Nothing may
        be wrapped under them any more."""
        ...

    def job_key(self, job_id: str, purpose: str) -> bytes:
        """The key of a job ("spool" or "lines"), made on first use."""
        ...

    def has_job_key(self, job_id: str, purpose: str) -> bool:
        """Whether it was made, and not destroyed. Raises KeyUnavailable."""
        ...

    def destroy_job_key(self, job_id: str, purpose: str) -> None: ...

    def tenant_key(self, tenant_id: str, purpose: str) -> bytes:
        """A key of a tenant ("pseudonyms" or "mappings"), 32 bytes, made on first use."""
        ...

    def destroy_tenant_key(self, tenant_id: str, purpose: str) -> None: ...

    def destroy_tenant(self, tenant_id: str) -> None:
        """Remove all bucket keys of a tenant: who asks for one after this gets KeysDestroyed."""
        ...


class Wake(Protocol):
    """Wakes readers when something was committed. A hint: readers poll each second as well."""

    def moment(self) -> int:
        """Take it before looking, and wait with it after: nothing in between is missed."""
        ...

    async def wait(self, since: int, timeout: float) -> None:
        """Return when something was committed after `since`, or after `timeout` seconds."""
        ...


class Tenants(Protocol):
    """Which tenants something is to be done for."""

    async def __call__(self) -> Sequence[str]:
        """Raises Unavailable."""
        ...


class Clock(Protocol):
    def __call__(self) -> int:
        """Microseconds since 1970."""
        ...


class ByteStream(Protocol):
    """A request's body, as it comes."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...
