"""The state of an order as of a moment, on both clocks (vocabulary.md, "The fold").

Reads the event store, not a read model: an answer never lags. The newest snapshot that the rule of
`domain.orders.history` allows stands for the first events; when it refuses, an older one is asked
for, and in the end the fold starts from the first event.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec
from msgspec import Struct

from application.ports import EventReader, OrderHistories, StoredRow, Window
from domain.errors import Invalid, NotFound
from domain.orders.history import AsOf, Folded, NotServable, past_event, state_as_of
from domain.orders.state import PastEvent
from domain.privacy.sealing import originator

_decode_folded = msgspec.json.Decoder(Folded).decode


class Question(Struct, frozen=True):
    """Which state is asked for; instants in microseconds.

    Without `at_us` every known event counts, also one whose producer's clock runs a little ahead:
    so an answer can be repeated exactly by its `event_sequence` alone.
    """

    at_us: int | None = None
    known_us: int | None = None
    known_sequence: int | None = None


class AsOfQueries:
    """Answers questions about the state of one order."""

    def __init__(self, histories: OrderHistories, reader: EventReader) -> None:
        self._histories = histories
        self._reader = reader

    async def state(self, tenant_id: str, order_id: str, question: Question) -> AsOf:
        """Raises NotFound before the order's first event, Invalid for a sequence to come."""
        if question.known_sequence is not None:
            await self._check_sequence(tenant_id, question.known_sequence)
        originator_id = originator(tenant_id, order_id)
        answer = await self._fold(tenant_id, order_id, originator_id, question)
        if answer is None:
            raise NotFound("nothing is known about this order at that moment")
        return answer

    async def _fold(
        self, tenant_id: str, order_id: str, originator_id: UUID, question: Question
    ) -> AsOf | None:
        window = Window(
            known_us=question.known_us,
            known_sequence=question.known_sequence,
            latest_us=question.at_us,
            later_than_us=question.at_us,
        )
        while True:
            state, rows = await self._histories.load(originator_id, window)
            base = None if state is None else _decode_folded(state)
            tail = [_past(row) for row in rows]
            answer = state_as_of(
                order_id,
                tail,
                at_us=question.at_us,
                known_us=question.known_us,
                known_sequence=question.known_sequence,
                base=base,
            )
            if not isinstance(answer, NotServable):
                return answer
            assert base is not None, "a fold from the first event always answers"
            if window.later_than_us is not None:
                # What was left out may be what a correction in the tail is about.
                window = msgspec.structs.replace(window, later_than_us=None)
                continue
            window = await self._older(tenant_id, originator_id, window, base, tail)

    async def _older(
        self,
        tenant_id: str,
        originator_id: UUID,
        window: Window,
        base: Folded,
        tail: Sequence[PastEvent],
    ) -> Window:
        """A window whose snapshot lies before everything that made this one unusable."""
        ids = {event.event_id for event in tail}
        targets = {e.correction_of for e in tail if e.correction_of and e.correction_of not in ids}
        versions = await self._histories.versions(tenant_id, originator_id, sorted(targets))
        latest = [event.occurred_us for event in tail if event.correction_of is None]
        if window.latest_us is not None:
            latest.append(window.latest_us)
        return msgspec.structs.replace(
            window,
            below_version=min([base.version, *versions]),
            latest_us=min(latest) if latest else None,
        )

    async def _check_sequence(self, tenant_id: str, sequence: int) -> None:
        if sequence > (await self._reader.head(tenant_id)).sequence:
            raise Invalid.field(
                "/known_sequence", "lies beyond the newest event; use an answer's event_sequence"
            )


def _past(row: StoredRow) -> PastEvent:
    return past_event(row.sequence, row.originator_version, row.received_us, row.state)
