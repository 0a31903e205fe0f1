"""`eventsourcing`'s contract over our store: save, get, snapshots, notifications."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import psycopg
import pytest
from eventsourcing.application import AggregateNotFoundError
from eventsourcing.persistence import IntegrityError

from domain.errors import Invalid
from domain.orders.events import decode_body
from domain.orders.history import Folded
from domain.orders.order import Order, project
from domain.privacy.sealing import originator
from infrastructure.event_store.appending import Appending
from infrastructure.event_store.committer import Committer
from infrastructure.event_store.door_thread import DoorThread
from infrastructure.event_store.framework import OrderLedger
from infrastructure.event_store.statements import COMMITTER_SETTINGS
from infrastructure.key_store.files import FileKeyStore
from infrastructure.postgres.connect import address, connect_one
from infrastructure.postgres.wire import Wire
from infrastructure.privacy.keyring import Keyring
from tests.domain.ledger.drafts import correction, draft
from tests.infrastructure.event_store.kit import Ledger, fresh, now_us, personal


@pytest.fixture
def door(database_url: str, key_store: FileKeyStore) -> Iterator[DoorThread]:
    async def make() -> Committer:
        async def connect() -> Any:
            return Wire(
                await connect_one(
                    database_url, "cell_0", name="test door", settings=COMMITTER_SETTINGS
                )
            )

        return Committer(connect, Appending(Keyring(key_store), now_us))

    door = DoorThread(make)
    yield door
    door.close()


@pytest.fixture
def orders(database_url: str, door: DoorThread) -> Iterator[OrderLedger]:
    target = address(database_url, "cell_0", name="test application")
    with OrderLedger(lambda: psycopg.connect(target, autocommit=True), door) as application:
        yield application


@pytest.fixture
def tenant() -> str:
    return fresh("framework")


def an_order(tenant: str, *event_ids: str, order_id: str = "o1") -> Order:
    order = Order(tenant, order_id)
    for number, event_id in enumerate(event_ids, start=1):
        payload = msgspec.json.encode({"total_minor": number})
        order.record(draft(event_id, order_id, tenant, type="order.updated", payload=payload))
    return order


def test_save_and_get(orders: OrderLedger, tenant: str, ledger: Ledger) -> None:
    recordings = orders.save(an_order(tenant, "e1", "e2"))
    assert [one.notification.originator_version for one in recordings] == [1, 2]
    assert [decode_body(one.notification.state).event_id for one in recordings] == ["e1", "e2"]
    order = orders.repository.get(originator(tenant, "o1"), projector_func=project)
    assert isinstance(order, Order)
    assert (order.tenant_id, order.order_id, order.version) == (tenant, "o1", 2)
    assert order.folded is not None
    assert order.folded.state["total_minor"] == 2
    ledger.check()


def test_an_order_is_saved_as_often_as_there_is_news(orders: OrderLedger, tenant: str) -> None:
    order = an_order(tenant, "e1")
    orders.save(order)
    assert orders.save(order) == []
    order.record(draft("e2", "o1", tenant))
    (recording,) = orders.save(order)
    assert recording.notification.originator_version == 2


def test_several_orders_are_saved_together(orders: OrderLedger, tenant: str) -> None:
    one, two = an_order(tenant, "e1"), an_order(tenant, "e2", "e3", order_id="o2")
    recordings = orders.save(one, two)
    positions = [recording.notification.id for recording in recordings]
    assert positions == list(range(positions[0], positions[0] + 3))


def test_personal_values_go_with_a_plain_save(
    orders: OrderLedger, tenant: str, ledger: Ledger
) -> None:
    order = Order(tenant, "o1")
    order.record(personal("e1", "o1", tenant, note="to Ada Lovelace"))
    orders.save(order)
    rows = ledger.rows("select sealed from disclosures where tenant_id = %s", tenant)
    assert len(rows) == 1
    assert b"Lovelace" not in rows[0][0]


@pytest.mark.parametrize("others", [[], ["e2"]])
def test_a_taken_event_id_is_an_integrity_error(
    orders: OrderLedger, tenant: str, ledger: Ledger, others: list[str]
) -> None:
    orders.save(an_order(tenant, "e1"))
    with pytest.raises(IntegrityError):
        orders.save(an_order(tenant, *others, "e1"))
    assert ledger.event_ids(tenant) == ["e1"]


def test_all_or_none(orders: OrderLedger, tenant: str, ledger: Ledger) -> None:
    order = an_order(tenant, "e1")
    order.record(correction("c1", "e1", tenant_id=tenant))
    order.record(correction("c2", "c1", tenant_id=tenant))
    with pytest.raises(Invalid):
        orders.save(order, an_order(tenant, "e9", order_id="o2"))
    assert ledger.event_ids(tenant) == []


def test_an_unknown_order(orders: OrderLedger, tenant: str) -> None:
    with pytest.raises(AggregateNotFoundError):
        orders.repository.get(originator(tenant, "o1"), projector_func=project)


def test_an_older_version(orders: OrderLedger, tenant: str) -> None:
    orders.save(an_order(tenant, "e1", "e2", "e3"))
    order = orders.repository.get(originator(tenant, "o1"), version=2, projector_func=project)
    assert isinstance(order, Order)
    assert order.version == 2


def test_an_order_takes_no_fact_about_another(tenant: str) -> None:
    with pytest.raises(ValueError, match="another order"):
        Order(tenant, "o1").record(draft("e1", "o2", tenant))


def test_snapshots_build_on_each_other(orders: OrderLedger, tenant: str, ledger: Ledger) -> None:
    orders.save(an_order(tenant, *(f"e{n}" for n in range(1, 13))))
    order_id = originator(tenant, "o1")
    for version in (5, 10):
        orders.take_snapshot(order_id, version)
    rows = ledger.rows(
        "select originator_version, sequence, latest_us, received_us, state"
        " from aggregate_snapshots where originator_id = %s order by 1",
        order_id,
    )
    assert [row[0] for row in rows] == [5, 10]
    for version, sequence, latest_us, received_us, state in rows:
        folded = msgspec.json.decode(state, type=Folded)
        whole = orders.repository.get(order_id, version=version, projector_func=project)
        assert isinstance(whole, Order)
        assert folded == whole.folded
        assert (folded.version, folded.state["total_minor"]) == (version, version)
        columns = (folded.sequence, folded.latest_us, folded.received_us)
        assert columns == (sequence, latest_us, received_us)


def test_a_snapshot_after_a_late_event_starts_from_the_first(
    orders: OrderLedger, tenant: str, ledger: Ledger
) -> None:
    order_id = originator(tenant, "o1")
    orders.save(an_order(tenant, "e1", "e2"))
    orders.take_snapshot(order_id)
    late = draft("e3", "o1", tenant, occurred_at="2020-01-01T00:00:00Z", payload=b'{"number":"7"}')
    order = Order(tenant, "o1")
    order.record(late)
    orders.save(order)
    orders.take_snapshot(order_id)
    statement = (
        "select state from aggregate_snapshots where originator_id = %s order by originator_version"
    )
    newest = msgspec.json.decode(ledger.rows(statement, order_id)[-1][0], type=Folded)
    whole = orders.repository.get(order_id, projector_func=project)
    assert isinstance(whole, Order)
    assert newest == whole.folded
    assert (newest.state["total_minor"], newest.state["number"]) == (2, "7")


def test_a_snapshot_of_nothing_and_one_that_is_there(orders: OrderLedger, tenant: str) -> None:
    order_id = originator(tenant, "o1")
    orders.take_snapshot(order_id)
    orders.save(an_order(tenant, "e1"))
    orders.take_snapshot(order_id)
    orders.take_snapshot(order_id)
    assert orders.snapshots is not None
    assert len(list(orders.snapshots.get(order_id))) == 1


def test_notifications_in_the_order_of_commits(orders: OrderLedger, tenant: str) -> None:
    before = orders.recorder.max_notification_id() or 0
    orders.save(an_order(tenant, "e1", "e2"), an_order(tenant, "e3", order_id="o2"))
    found = orders.notification_log.select(before + 1, limit=10)
    assert [one.id for one in found] == [before + 1, before + 2, before + 3]
    assert [decode_body(one.state).event_id for one in found] == ["e1", "e2", "e3"]
    assert orders.recorder.max_notification_id() == before + 3
    recorder = orders.recorder
    exclusive = recorder.select_notifications(before + 1, 10, inclusive_of_start=False)
    assert [one.id for one in exclusive] == [before + 2, before + 3]
    bounded = recorder.select_notifications(before + 1, 10, stop=before + 2)
    assert [one.id for one in bounded] == [before + 1, before + 2]
    assert recorder.select_notifications(before + 1, 10, topics=["history.recorded"]) == []
    assert len(recorder.select_notifications(before + 1, 10, topics=["order.recorded"])) == 3


def test_an_application_without_a_door_only_reads(
    database_url: str, orders: OrderLedger, tenant: str
) -> None:
    orders.save(an_order(tenant, "e1"))
    target = address(database_url, "cell_0", name="test reader")
    with OrderLedger(lambda: psycopg.connect(target, autocommit=True)) as reading:
        order = reading.repository.get(originator(tenant, "o1"), projector_func=project)
        assert isinstance(order, Order)
        with pytest.raises(IntegrityError):
            reading.save(an_order(tenant, "e2"))


def test_subscriptions_are_the_hubs_business(orders: OrderLedger) -> None:
    with pytest.raises(NotImplementedError):
        orders.recorder.subscribe()


def test_salts_make_equal_facts_differ(orders: OrderLedger, ledger: Ledger, tenant: str) -> None:
    for number in (1, 2):
        order = Order(tenant, f"o{number}")
        order.record(personal(f"e{number}", f"o{number}", tenant, note="the same"))
        orders.save(order)
    rows = ledger.rows("select state from events where tenant_id = %s", tenant)
    digests = {msgspec.json.decode(row[0])["payload"]["note"]["_sd"] for row in rows}
    assert len(digests) == 2
