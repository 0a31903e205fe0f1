"""Recording events: bytes in, a stored event out, or the same one again for a re-delivery."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from msgspec import Struct, structs

from application.access.seeing import Sight
from application.orders.admitting import Admission
from application.orders.views import Show, event_view
from application.ports import (
    Accepted,
    Clock,
    Disclosures,
    Door,
    Duplicate,
    EventReader,
    Refused,
    StoredRow,
)
from domain.access.caller import Caller
from domain.access.permissions import Permission
from domain.access.scope import ANYTHING, Reach
from domain.errors import EventConflict
from domain.orders.compare import differing_pointers
from domain.orders.events import Draft, Incoming, Recorded, decode_body
from domain.orders.incoming import SchemaValidator, check_event, read_event
from domain.privacy.revealing import digests, fill, mask
from domain.privacy.sealing import Opened, seal


class Prepared(Struct, frozen=True):
    """An event on its way: as it was meant (for comparing), and as it will be written."""

    incoming: Incoming
    draft: Draft


class Prepares(Protocol):
    """Makes events ready for the door. See `Preparer`."""

    def prepare(self, tenant_id: str, raw: bytes) -> Prepared: ...

    def prepare_value(self, tenant_id: str, value: Any) -> Prepared: ...


class Preparer:
    """Everything that can be done before the ledger's lock. Pure computation, but for salts and,
    once a tenant, its keys."""

    def __init__(
        self,
        validator: SchemaValidator,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
        warm: Callable[[str], None],
    ) -> None:
        self._validator = validator
        self._clock = clock
        self._random_bytes = random_bytes
        self._warm = warm
        self._warmed: set[str] = set()

    def prepare(self, tenant_id: str, raw: bytes) -> Prepared:
        """Raises Unreadable, TooLarge or Invalid with every field that is wrong."""
        return self.seal(tenant_id, self.read(raw))

    def read(self, raw: bytes) -> Incoming:
        """The event that these bytes mean; raises as `prepare`."""
        return read_event(raw, now_us=self._clock(), validator=self._validator)

    def prepare_value(self, tenant_id: str, value: Any) -> Prepared:
        """As `prepare`, of a value that `canonical.decode` gave."""
        return self.seal(
            tenant_id, check_event(value, now_us=self._clock(), validator=self._validator)
        )

    def seal(self, tenant_id: str, incoming: Incoming) -> Prepared:
        """The draft of an event that was read and checked. Raises KeyUnavailable."""
        if tenant_id not in self._warmed:
            self._warm(tenant_id)
            self._warmed.add(tenant_id)
        return Prepared(incoming, seal(incoming, tenant_id, random_bytes=self._random_bytes))


class Comparer:
    """Tells whether a re-delivered event says what is recorded."""

    def __init__(self, reader: EventReader, disclosures: Disclosures, sight: Sight) -> None:
        self._reader = reader
        self._disclosures = disclosures
        self._sight = sight

    async def differing(
        self,
        tenant_id: str,
        pairs: Sequence[tuple[Incoming, int]],
        reach: Reach = ANYTHING,
    ) -> list[list[str]]:
        """For each (event, position of the recorded one): the pointers at which they differ.

        Personal values are compared by their disclosures; what is erased, or has a pseudonym in its
        place, is not compared. Of what is recorded out of reach it is told that it has the id, and
        no more.
        """
        rows = await self._reader.bodies(tenant_id, [position for _, position in pairs])
        opened = await self._disclosures.of(tenant_id, [row.sequence for row in rows])
        disclosed = opened.recorded
        seen = {row.sequence for row in await self._sight.own(tenant_id, reach, rows)}
        return [
            ["/event_id"]
            if row.sequence not in seen
            else differing_pointers(
                incoming,
                decode_body(row.state),
                disclosed,
                erased=any(digest not in disclosed for digest in digests(row.state)),
            )
            for (incoming, _), row in zip(pairs, rows, strict=True)
        ]


class RecordedAnswer(Struct, frozen=True):
    """The stored event as its producer may see it; `replayed` when it was there before."""

    sequence: int
    body: bytes
    replayed: bool


class RecordEvent:
    """The command behind POST /events and POST /corrections."""

    def __init__(
        self,
        door: Door,
        reader: EventReader,
        disclosures: Disclosures,
        comparer: Comparer,
        admission: Admission,
    ) -> None:
        self._door = door
        self._reader = reader
        self._disclosures = disclosures
        self._comparer = comparer
        self._admission = admission

    async def __call__(
        self,
        caller: Caller,
        prepared: Prepared,
        idempotency_key: str | None = None,
        permission: Permission = Permission.EVENTS_APPEND,
    ) -> RecordedAnswer:
        """Record one event durably. Raises Forbidden for one that this permission of the caller
        does not reach, EventConflict, Invalid, Unavailable, Overloaded."""
        reach = caller.reach(permission)
        if not reach.is_of_all_events:
            (refusal,) = await self._admission.refusals(
                caller.tenant_id, reach, [prepared.incoming]
            )
            if refusal is not None:
                raise refusal
        idempotency = (caller.subject, idempotency_key) if idempotency_key else None
        (outcome,) = await self._door.submit([prepared.draft], idempotency=idempotency)
        if isinstance(outcome, Accepted):
            show: Show = mask
            if caller.sees_personal:
                disclosed = Opened()
                for one in prepared.draft.disclosed:
                    disclosed.add(one.text)
                show = partial(fill, disclosed=disclosed)
            row = stored_row(outcome.event)
            return RecordedAnswer(row.sequence, event_view(row, show), replayed=False)
        if isinstance(outcome, Refused):
            raise outcome.error
        return await self._replay(caller, prepared, outcome, reach)

    async def _replay(
        self, caller: Caller, prepared: Prepared, duplicate: Duplicate, reach: Reach
    ) -> RecordedAnswer:
        pair = (prepared.incoming, duplicate.position)
        (pointers,) = await self._comparer.differing(caller.tenant_id, [pair], reach)
        if pointers:
            raise EventConflict(prepared.incoming.event_id, pointers)
        (row,) = await self._reader.bodies(caller.tenant_id, [duplicate.position])
        show: Show = mask
        if caller.sees_personal:
            disclosed = await self._disclosures.of(caller.tenant_id, [row.sequence])
            show = partial(fill, disclosed=disclosed)
        return RecordedAnswer(row.sequence, event_view(_unlinked(row), show), replayed=True)


def stored_row(event: Recorded) -> StoredRow:
    """What the event store holds of an event that was just committed."""
    return StoredRow(
        position=event.position,
        sequence=event.sequence,
        originator_version=event.originator_version,
        received_us=event.received_us,
        entry=event.entry,
        ledger_hash=event.ledger_hash,
        state=event.state,
    )


def _unlinked(row: StoredRow) -> StoredRow:
    """Without links that came later: a replay answers what the first request was answered."""
    return structs.replace(row, corrected_by=())
