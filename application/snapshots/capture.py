"""Keeping, computing and deleting snapshots of an order's state."""

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
from domain.errors import Conflict, NotFound
from domain.privacy.revealing import reveal
from domain.privacy.sealing import sealed_places
from domain.snapshots.events import SOURCE, Captured, captured, deleted
from domain.snapshots.incoming import SnapshotBody, check_snapshot, read_snapshot
from domain.times import format_us


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
        return await self._keep(tenant_id, actor, order_id, body)

    async def compute(
        self, tenant_id: str, actor: str, order_id: str, snapshot_id: str, question: Question
    ) -> SnapshotRow:
        """Fold the order's events and keep the state; or the row of an earlier attempt.

        Raises NotFound before the order's first event, Conflict when another order has the id.
        """
        there = await self._store.get(tenant_id, snapshot_id)
        if there is not None:
            if there.order_id != order_id or there.source != SOURCE:
                raise Conflict("a snapshot with this snapshot_id has other content")
            return there
        answer = await self._as_of.state(tenant_id, order_id, question)
        disclosed = await self._disclosures.of_order(tenant_id, order_id)
        state = msgspec.json.decode(reveal(msgspec.json.encode(answer.state), disclosed))
        now = self._clock()
        value: dict[str, Any] = {
            "snapshot_id": snapshot_id,
            "captured_at": format_us(now if question.at_us is None else question.at_us),
            "source": SOURCE,
            "state": {},
            "metadata": {"event_sequence": answer.event_sequence},
        }
        # The state is checked no more: its events were, and ids stand in it as names of fields.
        body = structs.replace(
            check_snapshot(value, now_us=now), state=state, marks=sealed_places(answer.state)
        )
        return (await self._keep(tenant_id, actor, order_id, body)).row

    async def delete(self, tenant_id: str, actor: str, snapshot_id: str) -> None:
        """Remove the state and its personal values; leave a tombstone. Raises NotFound."""
        row = await self._store.get(tenant_id, snapshot_id)
        if row is None:
            raise NotFound("there is no such snapshot")
        now_us = self._clock()
        draft = deleted(
            tenant_id,
            row.order_id,
            snapshot_id,
            actor=actor,
            now=format_us(now_us),
            now_us=now_us,
            random_bytes=self._random_bytes,
        )
        removal = self._store.removal(tenant_id, snapshot_id, row.sequence)
        (outcome,) = await self._door.submit([draft], beside=lambda _: removal)
        if isinstance(outcome, Refused):
            raise outcome.error

    async def _keep(self, tenant_id: str, actor: str, order_id: str, body: SnapshotBody) -> Kept:
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
            return Kept(_row(order_id, body, new, outcome.event.sequence), replayed=False)
        if isinstance(outcome, Refused):
            raise outcome.error
        return Kept(await self._same(tenant_id, order_id, body), replayed=True)

    async def _same(self, tenant_id: str, order_id: str, body: SnapshotBody) -> SnapshotRow:
        """The stored snapshot, if it says what `body` says. Raises Conflict."""
        row = await self._store.get(tenant_id, body.snapshot_id)
        if row is None:
            raise Conflict("a snapshot with this snapshot_id was deleted; choose another id")
        disclosed = await self._disclosures.of(tenant_id, [row.sequence])
        same = (
            row.order_id == order_id
            and row.captured_us == body.captured_us
            and row.source == body.source
            and reveal(row.state, disclosed) == canonical.encode(body.state)
            and _revealed(row.metadata, disclosed) == _encoded(body.metadata)
        )
        if not same:
            raise Conflict("a snapshot with this snapshot_id has other content")
        return row


def _revealed(metadata: bytes | None, disclosed: Mapping[str, object]) -> bytes | None:
    return None if metadata is None else reveal(metadata, disclosed)


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
