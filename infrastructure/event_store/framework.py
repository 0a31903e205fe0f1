"""`eventsourcing`'s contract over our event store: the only module that imports its internals.

    application.save(order)  ──▶ EventStore.put ──▶ LedgerMapper, LedgerRecorder ──▶ the one door
    application.repository.get(id, projector_func=project)
    application.take_snapshot(id, version)

Stock mappers import whatever module a topic names, and stock recorders lock the table through the
flush; ours keep plain topic names, and go through the committer like everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar, cast
from uuid import UUID

import msgspec
from eventsourcing.application import Application
from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    InfrastructureFactory,
    IntegrityError,
    JSONTranscoder,
    Mapper,
    Notification,
    StoredEvent,
    Transcoder,
)
from eventsourcing.utils import Environment
from psycopg import Connection

from domain.errors import EventConflict
from domain.orders.events import Draft, Recorded
from domain.orders.history import Folded, NotServable, fold_all, past_event
from domain.orders.order import Block, OrderSnapshot, order_of
from infrastructure.event_store.door_thread import DoorThread

SNAPSHOT_TOPIC = "order.snapshot"
T = TypeVar("T")

SELECT = """
select position, tenant_id, sequence, uuid_send(originator_id), originator_version, received_us,
       entry, ledger_hash, state, topic
  from events where originator_id = %s and originator_version > %s and originator_version <= %s
 order by originator_version {direction} limit %s
"""
SELECT_SNAPSHOTS = """
select originator_id, originator_version, topic, state, after_version, earliest_us, corrects
  from aggregate_snapshots
 where originator_id = %s and originator_version > %s and originator_version <= %s
 order by originator_version {direction} limit %s
"""
INSERT_SNAPSHOT = """
insert into aggregate_snapshots
       (originator_id, originator_version, topic, sequence, latest_us, received_us, after_version,
        earliest_us, corrects, state)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing
"""
NOTIFICATIONS = """
select position, originator_id, originator_version, topic, state from events
 where position >= %s and position <= %s and (%s::text[] = '{{}}' or topic = any(%s))
 order by position limit %s
"""


@dataclass(frozen=True)
class StoredDraft(StoredEvent):
    """What `put` gives to the recorder: the draft, whose bytes only the committer can make."""

    draft: Draft


@dataclass(frozen=True)
class StoredRecorded(StoredEvent):
    """An event as it was read back."""

    recorded: Recorded


@dataclass(frozen=True)
class StoredSnapshot(StoredEvent):
    """A snapshot with what stands beside its state."""

    snapshot: OrderSnapshot


class LedgerMapper(Mapper[UUID]):
    """Between domain events and rows. Stored bytes are never re-encoded."""

    def to_stored_event(self, domain_event: Any) -> StoredEvent:
        if isinstance(domain_event, OrderSnapshot):
            return StoredSnapshot(
                domain_event.originator_id,
                domain_event.originator_version,
                SNAPSHOT_TOPIC,
                msgspec.json.encode(domain_event.state),
                domain_event,
            )
        draft = cast("Draft", domain_event)
        return StoredDraft(draft.originator_id, 0, draft.topic, b"", draft)

    def to_domain_event(self, stored_event: StoredEvent) -> Any:
        if isinstance(stored_event, StoredRecorded):
            return stored_event.recorded
        if isinstance(stored_event, StoredSnapshot):
            return stored_event.snapshot
        raise ValueError(f"unknown topic {stored_event.topic!r}")


class LedgerRecorder(ApplicationRecorder):
    """Reads events with a connection of its own; writes through the door."""

    def __init__(self, connect: Callable[[], Connection[Any]], door: DoorThread | None) -> None:
        self._connect = connect
        self._door = door

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        if self._door is None:
            raise IntegrityError("this application was opened for reading")
        if not stored_events:
            return []
        drafts = [cast("StoredDraft", stored).draft for stored in stored_events]
        try:
            accepted = self._door.submit(drafts)
        except EventConflict as error:
            raise IntegrityError(str(error)) from error
        for stored, outcome in zip(stored_events, accepted, strict=True):
            # `put` builds its Recordings from these objects after this call.
            object.__setattr__(stored, "originator_version", outcome.event.originator_version)
            object.__setattr__(stored, "state", outcome.event.state)
        return [outcome.event.position for outcome in accepted]

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        rows = _select(self._connect, SELECT, originator_id, gt, lte, desc=desc, limit=limit)
        events = [(Recorded(*row[:9]), row[9]) for row in rows]
        return [
            StoredRecorded(one.originator_id, one.originator_version, topic, one.state, one)
            for one, topic in events
        ]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        first = (start or 1) + (not inclusive_of_start)
        last = 2**62 if stop is None else stop
        parameters = (first, last, list(topics), list(topics), limit)
        with self._connect() as connection:
            rows = connection.execute(NOTIFICATIONS.format(), parameters, binary=True).fetchall()
        return [
            Notification(
                originator_id=row[1],
                originator_version=row[2],
                topic=row[3],
                state=row[4],
                id=row[0],
            )
            for row in rows
        ]

    def max_notification_id(self) -> int | None:
        with self._connect() as connection:
            row = connection.execute("select max(position) from events").fetchone()
        return row[0] if row else None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> NoReturn:
        raise NotImplementedError("read models are fed by projections.hub, not by subscriptions")


class SnapshotRecorder(AggregateRecorder):
    """Snapshots of orders, with the columns that decide which of them may serve a question."""

    def __init__(self, connect: Callable[[], Connection[Any]]) -> None:
        self._connect = connect

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        with self._connect() as connection:
            for stored in cast("Sequence[StoredSnapshot]", stored_events):
                folded, block = stored.snapshot.state, stored.snapshot.block
                connection.execute(
                    INSERT_SNAPSHOT,
                    (
                        stored.originator_id,
                        stored.originator_version,
                        stored.topic,
                        folded.sequence,
                        folded.latest_us,
                        folded.received_us,
                        block.after_version,
                        block.earliest_us,
                        block.corrects,
                        stored.state,
                    ),
                )
        return None

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        rows = _select(
            self._connect, SELECT_SNAPSHOTS, originator_id, gt, lte, desc=desc, limit=limit
        )
        return [_stored_snapshot(*row) for row in rows]


class LedgerFactory(InfrastructureFactory[Any]):
    """Gives the framework our recorders."""

    def __init__(
        self, env: Environment, connect: Callable[[], Connection[Any]], door: DoorThread | None
    ) -> None:
        super().__init__(env)
        self._connect = connect
        self._door = door

    def aggregate_recorder(self, purpose: str = "events") -> AggregateRecorder:
        return SnapshotRecorder(self._connect) if purpose == "snapshots" else self._recorder()

    def application_recorder(self) -> ApplicationRecorder:
        return self._recorder()

    def tracking_recorder(self, tracking_recorder_class: Any = None) -> NoReturn:
        raise NotImplementedError("positions are tracked by projections.hub")

    def process_recorder(self) -> NoReturn:
        raise NotImplementedError("positions are tracked by projections.hub")

    def is_snapshotting_enabled(self) -> bool:
        return True

    def _recorder(self) -> LedgerRecorder:
        return LedgerRecorder(self._connect, self._door)


class OrderLedger(Application[UUID]):
    """The event-sourced application: save orders, get them back, take their snapshots."""

    def __init__(
        self, connect: Callable[[], Connection[Any]], door: DoorThread | None = None
    ) -> None:
        self._connect = connect
        self._door = door
        super().__init__()
        # A snapshot serves only the questions its rule allows (domain.orders.history), which the
        # framework's repository does not know; it always projects from the first event.
        self.repository.snapshot_store = None

    def construct_factory(self, env: Environment) -> InfrastructureFactory[Any]:
        return LedgerFactory(env, self._connect, self._door)

    def construct_transcoder(self) -> Transcoder:
        return JSONTranscoder()

    def construct_mapper(self) -> Mapper[UUID]:
        return LedgerMapper(self.construct_transcoder())

    def take_snapshot(
        self,
        aggregate_id: UUID,
        version: int | None = None,
        projector_func: Any = None,
    ) -> None:
        """Fold versions 1..version on top of the newest older snapshot, and keep the result."""
        assert self.snapshots is not None
        older: Sequence[Any] = list(
            self.snapshots.get(aggregate_id, desc=True, limit=1, lte=version)
        )
        base = older[0].state if older else None
        events = cast(
            "list[Recorded]",
            list(self.events.get(aggregate_id, gt=base.version if base else None, lte=version)),
        )
        if not events:
            return
        order_id = order_of(events[-1]).order_id
        tail = [_past(event) for event in events]
        folded = fold_all(order_id, tail, base)
        if isinstance(folded, NotServable):
            whole = cast("list[Recorded]", list(self.events.get(aggregate_id, lte=version)))
            folded = fold_all(order_id, [_past(event) for event in whole])
        self.snapshots.put([OrderSnapshot(aggregate_id, folded.version, folded, Block.of(tail))])


def _stored_snapshot(
    originator_id: UUID, version: int, topic: str, state: bytes, *block: Any
) -> StoredSnapshot:
    folded = msgspec.json.decode(state, type=Folded)
    snapshot = OrderSnapshot(originator_id, version, folded, Block(*block))
    return StoredSnapshot(originator_id, version, topic, state, snapshot)


def _past(event: Recorded) -> Any:
    return past_event(event.sequence, event.originator_version, event.received_us, event.state)


def _select(
    connect: Callable[[], Connection[Any]],
    statement: str,
    originator_id: UUID | str,
    gt: int | None,
    lte: int | None,
    *,
    desc: bool,
    limit: int | None,
) -> list[tuple[Any, ...]]:
    parameters = (originator_id, gt or 0, 2**31 - 1 if lte is None else lte, limit)
    text = statement.format(direction="desc" if desc else "asc")
    with connect() as connection:
        return connection.execute(text, parameters, binary=True).fetchall()
