"""Keeping and computing snapshots of an order's state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct, structs

from application.orders.as_of import AsOfQueries, Question
from application.ports import (
    Accepted,
    Clock,
    Disclosures,
    Door,
    Outcome,
    Refused,
    Statement,
)
from application.snapshots.ports import SnapshotRow, SnapshotStore
from domain import canonical
from domain.errors import Conflict, Invalid
from domain.privacy.revealing import fill
from domain.privacy.sealing import sealed_places
from domain.snapshots.events import SOURCE, Captured, captured
from domain.snapshots.incoming import SnapshotBody, check_snapshot, read_snapshot
from domain.times import format_us

_TAKEN = "a snapshot with this snapshot_id has other content"
_DELETED = "a snapshot with this snapshot_id was deleted; choose another id"


class Kept(Struct, frozen=True):
    """A snapshot that is there; `replayed` when it was there before."""

    row: SnapshotRow
    replayed: bool


class CaptureSnapshot:
    """The commands of section 3. State and event are written in one transaction."""

    def __init__(
        self,
        door: Door,
        store: SnapshotStore,
        disclosures: Disclosures,
        as_of: AsOfQueries,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
        warm: Callable[[str], None],
    ) -> None:
        self._door = door
        self._store = store
        self._disclosures = disclosures
        self._as_of = as_of
        self._clock = clock
        self._random_bytes = random_bytes
        self._warm = warm

    async def upload(self, tenant_id: str, actor: str, order_id: str, raw: bytes) -> Kept:
        """Keep a producer's snapshot. Raises Unreadable, TooLarge, Invalid, Conflict."""
        body = read_snapshot(raw, now_us=self._clock())
        if body.source == SOURCE:
            raise Invalid.field("/source", f"{SOURCE!r} is for what is computed here; name yours")
        row = await self._keep(tenant_id, actor, order_id, body)
        if row is not None:
            return Kept(row, replayed=False)
        return Kept(await self._same(tenant_id, order_id, body), replayed=True)

    async def compute(
        self, tenant_id: str, actor: str, order_id: str, snapshot_id: str, question: Question
    ) -> SnapshotRow:
        """Fold the order's events and keep the state; or the row of an earlier attempt.

        Raises NotFound before the order's first event, Conflict when the id is taken by another
        snapshot or the answer to another question.
        """
        there = await self.computed(tenant_id, order_id, snapshot_id, question)
        if there is not None:
            return there
        body = await self._fold(tenant_id, order_id, snapshot_id, question)
        made = await self._keep(tenant_id, actor, order_id, body)
        made = made or await self.computed(tenant_id, order_id, snapshot_id, question)
        if made is None:
            raise Conflict(_DELETED)
        return made

    async def computed(
        self, tenant_id: str, order_id: str, snapshot_id: str, question: Question
    ) -> SnapshotRow | None:
        """The snapshot of this id, None if there is none. Raises Conflict when it is not the answer
        to this question about this order."""
        row = await self._store.get(tenant_id, snapshot_id)
        if row is None:
            return None
        if row.order_id != order_id or row.source != SOURCE or not _answers(row, question):
            raise Conflict(_TAKEN)
        return row

    async def _fold(
        self, tenant_id: str, order_id: str, snapshot_id: str, question: Question
    ) -> SnapshotBody:
        answer = await self._as_of.state(tenant_id, order_id, question)
        disclosed = await self._disclosures.of_order(tenant_id, order_id)
        state = msgspec.json.decode(fill(msgspec.json.encode(answer.state), disclosed))
        now = self._clock()
        value: dict[str, Any] = {
            "snapshot_id": snapshot_id,
            "captured_at": format_us(now if question.at_us is None else question.at_us),
            "source": SOURCE,
            "state": {},
            "metadata": {"event_sequence": answer.event_sequence, **_asked(question)},
        }
        # The state is checked no more: its events were, and ids stand in it as names of fields.
        return structs.replace(
            check_snapshot(value, now_us=now), state=state, marks=sealed_places(answer.state)
        )

    async def _keep(
        self, tenant_id: str, actor: str, order_id: str, body: SnapshotBody
    ) -> SnapshotRow | None:
        """The new row; None when there is or was one of this id. Raises what the door refuses."""
        self._warm(tenant_id)
        now_us = self._clock()
        new = captured(
            tenant_id,
            order_id,
            body,
            actor=actor,
            now=format_us(now_us),
            now_us=now_us,
            random_bytes=self._random_bytes,
        )

        def beside(outcomes: Sequence[Outcome]) -> Sequence[Statement]:
            (outcome,) = outcomes
            if not isinstance(outcome, Accepted):
                return ()
            row = _row(order_id, body, new, outcome.event.sequence)
            return [self._store.insertion(tenant_id, row)]

        (outcome,) = await self._door.submit([new.draft], beside=beside)
        if isinstance(outcome, Accepted):
            return _row(order_id, body, new, outcome.event.sequence)
        if isinstance(outcome, Refused):
            raise outcome.error
        return None

    async def _same(self, tenant_id: str, order_id: str, body: SnapshotBody) -> SnapshotRow:
        """The stored snapshot, if it says what `body` says. Raises Conflict."""
        row = await self._store.get(tenant_id, body.snapshot_id)
        if row is None:
            raise Conflict(_DELETED)
        disclosed = await self._disclosures.of(tenant_id, [row.sequence])
        same = (
            row.order_id == order_id
            and row.captured_us == body.captured_us
            and row.source == body.source
            and fill(row.state, disclosed) == canonical.encode(body.state)
            and _revealed(row.metadata, disclosed) == _encoded(body.metadata)
        )
        if not same:
            raise Conflict(_TAKEN)
        return row


def _asked(question: Question) -> dict[str, str]:
    """What was asked for, as the metadata of a computed snapshot keeps it."""
    asked = {"at": question.at_us, "known_at": question.known_us}
    return {name: format_us(us) for name, us in asked.items() if us is not None}


def _answers(row: SnapshotRow, question: Question) -> bool:
    metadata = msgspec.json.decode(row.metadata or b"{}")
    return {name: metadata[name] for name in ("at", "known_at") if name in metadata} == _asked(
        question
    )


def _revealed(metadata: bytes | None, disclosed: Mapping[str, object]) -> bytes | None:
    return None if metadata is None else fill(metadata, disclosed)


def _encoded(metadata: dict[str, Any] | None) -> bytes | None:
    return None if metadata is None else canonical.encode(metadata)


def _row(order_id: str, body: SnapshotBody, new: Captured, sequence: int) -> SnapshotRow:
    return SnapshotRow(
        snapshot_id=body.snapshot_id,
        order_id=order_id,
        captured_us=body.captured_us,
        captured_at=body.captured_at,
        source=body.source,
        sequence=sequence,
        size_bytes=len(new.state),
        state=new.state,
        metadata=new.metadata,
    )
