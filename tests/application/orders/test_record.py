"""Recording over the real door: answers, replays, conflicts, and who sees what."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import msgspec
import pytest

from application.orders.admitting import Admission
from application.orders.record import Comparer, Preparer, RecordedAnswer, RecordEvent
from domain.access.caller import Caller
from domain.access.permissions import permissions_of
from domain.errors import Conflict, EventConflict, Invalid
from infrastructure.schemas import PayloadSchemas
from tests.application.orders.world import World
from tests.infrastructure.event_store.kit import fresh, now_us

EVENT: dict[str, Any] = {
    "event_id": "e1",
    "order_id": "o1",
    "occurred_at": "2025-08-29T12:34:56.7+02:00",
    "source": "shop",
    "type": "order.created",
    "schema_version": "v1",
    "payload": {"total_minor": 1999, "customer": {"id": "c1", "email": "ada@example.org"}},
    "metadata": {"actor_id": "u1", "ip": "192.0.2.7"},
}


def caller(tenant: str, role: str = "producer") -> Caller:
    return Caller("shop", tenant, frozenset({role}), permissions_of([role]), 2**62)


@pytest.fixture
def tenant() -> str:
    return fresh("record")


class Shop:
    """Sends events of one tenant."""

    def __init__(self, world: World, tenant: str) -> None:
        self._world = world
        self.tenant = tenant
        self._preparer = Preparer(PayloadSchemas(), now_us, os.urandom, lambda _tenant: None)
        comparer = Comparer(world.reader, world.disclosures, world.sight)
        admission = Admission(world.reader, world.sight)
        self._record = RecordEvent(world.door, world.reader, world.disclosures, comparer, admission)

    def send(self, *, role: str = "producer", key: str | None = None, **changes: Any) -> Any:
        return self._world.run(self.sending(role=role, key=key, **changes))

    async def sending(
        self, *, role: str = "producer", key: str | None = None, **changes: Any
    ) -> RecordedAnswer:
        raw = msgspec.json.encode(EVENT | changes)
        prepared = self._preparer.prepare(self.tenant, raw)
        return await self._record(caller(self.tenant, role), prepared, key)


@pytest.fixture
def shop(world: World, tenant: str) -> Shop:
    return Shop(world, tenant)


def test_the_answer_is_the_stored_event(shop: Shop) -> None:
    answer = shop.send()
    view = msgspec.json.decode(answer.body)
    assert (answer.sequence, answer.replayed) == (1, False)
    assert view["id"] == "oh_evt_000000000001"
    assert view["occurred_at"] == "2025-08-29T10:34:56.7Z"
    assert view["payload"]["total_minor"] == 1999


@pytest.mark.parametrize("replay", [False, True])
def test_a_role_that_may_not_see_persons_reads_masks(shop: Shop, replay: bool) -> None:
    if replay:
        shop.send()
    view = msgspec.json.decode(shop.send(role="producer").body)
    masked = {"masked": True}
    assert view["payload"]["customer"] == {"id": "c1", "email": masked}
    assert view["metadata"] == {"actor_id": "u1", "ip": masked}


@pytest.mark.parametrize("replay", [False, True])
def test_a_role_that_may_see_persons_reads_what_was_sent(shop: Shop, replay: bool) -> None:
    if replay:
        shop.send()
    view = msgspec.json.decode(shop.send(role="admin").body)
    assert (view["payload"], view["metadata"]) == (EVENT["payload"], EVENT["metadata"])


def test_a_replay_answers_the_same_again(shop: Shop) -> None:
    first = shop.send()
    shop.send(event_id="c1", type="order.correction", correction_of="e1",
              payload={"correction": "a slip", "patch": {"total_minor": 1}})  # fmt: skip
    again = shop.send(
        payload={"customer": EVENT["payload"]["customer"], "total_minor": 1999.0},
        occurred_at="2025-08-29T10:34:56.700Z",
    )
    assert again.replayed
    assert (again.sequence, again.body) == (first.sequence, first.body)


@pytest.mark.parametrize(
    ("changes", "pointers"),
    [
        ({"payload": {**EVENT["payload"], "total_minor": 1}}, ["/payload/total_minor"]),
        (
            {"payload": {**EVENT["payload"], "customer": {"id": "c1", "email": "eve@example.org"}}},
            ["/payload/customer/email"],
        ),
        ({"metadata": {"actor_id": "u1", "ip": "192.0.2.8"}}, ["/metadata/ip"]),
        ({"order_id": "o2"}, ["/order_id"]),
        ({"occurred_at": "2025-08-29T12:34:57Z", "source": "erp"}, ["/source", "/occurred_at"]),
    ],
)
def test_other_content_is_a_conflict(
    shop: Shop, changes: dict[str, Any], pointers: list[str]
) -> None:
    shop.send()
    with pytest.raises(EventConflict) as caught:
        shop.send(**changes)
    assert sorted(caught.value.pointers) == sorted(pointers)
    assert "example.org" not in str(caught.value)


def test_a_refusal_is_raised(shop: Shop) -> None:
    shop.send()
    shop.send(event_id="c1", type="order.correction", correction_of="e1",
              payload={"correction": "a slip"})  # fmt: skip
    with pytest.raises(Invalid):
        shop.send(event_id="c2", type="order.correction", correction_of="c1",
                  payload={"correction": "a slip"})  # fmt: skip


def test_an_idempotency_key_for_another_event(shop: Shop) -> None:
    shop.send(key="k1")
    assert shop.send(key="k1").replayed
    with pytest.raises((Invalid, Conflict)):
        shop.send(event_id="e2", key="k1")
    assert shop.send(event_id="e2", key="k2").sequence == 2


def test_the_same_event_from_many_at_once_is_recorded_once(world: World, shop: Shop) -> None:
    async def together() -> list[RecordedAnswer]:
        return list(await asyncio.gather(*(shop.sending(role="admin") for _ in range(20))))

    answers = world.run(together())
    assert [answer.replayed for answer in answers].count(False) == 1
    assert len({answer.body for answer in answers}) == 1


def test_tenants_do_not_meet(world: World, shop: Shop) -> None:
    other = Shop(world, fresh("record"))
    shop.send()
    answer = other.send(payload={"total_minor": 5})
    assert (answer.sequence, answer.replayed) == (1, False)
