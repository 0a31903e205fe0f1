"""Generated histories of holds, retention policies and erasures, by HTTP: nothing under hold ever
goes, nothing that a duty keeps goes, nothing goes that nobody asked for; and what was due has gone
once all holds are released.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from msgspec import Struct

from interfaces.settings import Settings
from tests.interfaces.http.journeys.house import BASE, House, Json, opened

T = TypeVar("T")
ORDERS = {f"ord_{number}": f"cust_{number % 2}" for number in range(4)}
"""order -> its customer."""
PAYMENT, NOTE = "order.payment.failed", "order.note.added"
AGES = {"new": timedelta(days=10), "old": timedelta(days=500)}
POLICY: Json = {
    "name": "Payments, 12 months", "applies_to": "events", "event_types": ["order.payment.*"],
    "retain_for": "P12M", "legal_basis": "PCI DSS 10.5.1", "action": "redact",
}  # fmt: skip


class Value(Struct, frozen=True):
    """A personal value that was recorded: the text is nobody else's."""

    text: str
    order_id: str
    type: str
    age: str

    @property
    def customer(self) -> str:
        return ORDERS[self.order_id]


class Histories(RuleBasedStateMachine):
    """Each run is of a tenant of its own. Between two steps no job is under way."""

    housed: ClassVar[Housed]

    def __init__(self) -> None:
        super().__init__()
        self.shop = self.housed.house.shop()
        self.values: list[Value] = []
        self.holds: dict[str, Callable[[Value], bool]] = {}
        self.gone: set[str] = set()
        self.asked: set[str] = set()
        self.due: set[str] = set()
        self.duty = False
        self.policy: str | None = None

    # -- what happens -----------------------------------------------------------------------------

    @initialize(
        policy=st.sampled_from([None, "duty", "redact"]),
        recorded=st.lists(
            st.tuples(
                st.sampled_from(sorted(ORDERS)),
                st.sampled_from([PAYMENT, NOTE]),
                st.sampled_from(sorted(AGES)),
            ),
            min_size=2,
            max_size=6,
        ),
    )
    def begin(self, policy: str | None, recorded: list[tuple[str, str, str]]) -> None:
        for one in recorded:
            self._record(*one)
        self.duty = policy == "duty"
        if policy is not None:
            self.housed.run(self._enabled({**POLICY, "duty": self.duty}))

    @rule(
        order_id=st.sampled_from(sorted(ORDERS)),
        kind=st.sampled_from([PAYMENT, NOTE]),
        age=st.sampled_from(sorted(AGES)),
    )
    def record(self, order_id: str, kind: str, age: str) -> None:
        self._record(order_id, kind, age)
        self.look(frozenset())

    @rule(order_id=st.sampled_from(sorted(ORDERS)))
    def hold_an_order(self, order_id: str) -> None:
        self._hold({"target": "order", "target_id": order_id}, lambda one: one.order_id == order_id)

    @rule(customer=st.sampled_from(sorted(set(ORDERS.values()))))
    def hold_a_subject(self, customer: str) -> None:
        body = {"target": "subject", "target_id": customer}
        self._hold(body, lambda one: one.customer == customer)

    @rule()
    def hold_what_failed(self) -> None:
        failed = {"field": "type", "eq": PAYMENT}

        def holds(value: Value) -> bool:
            return any(one.order_id == value.order_id for one in self.values if one.type == PAYMENT)

        self._hold({"target": "query", "query": failed}, holds)

    @precondition(lambda self: self.holds)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        self._release(data.draw(st.sampled_from(sorted(self.holds))))

    @rule(customer=st.sampled_from(sorted(set(ORDERS.values()))))
    def erase(self, customer: str) -> None:
        self.asked.add(customer)
        self.due |= {one.text for one in self.values if one.customer == customer}
        held = self._held()
        job = self.housed.run(self._job("/gdpr/erase-request", {"subject_id": customer}))
        assert job["status"] == "succeeded", job
        self.look(held)

    @precondition(lambda self: self.policy is not None)
    @rule()
    def retain(self) -> None:
        held = self._held()
        path = f"/retention/policies/{self.policy}/runs"
        job = self.housed.run(self._job(path, {"dry_run": False}))
        assert job["status"] == "succeeded", job
        self.due |= {one.text for one in self.values if self._outlived(one)}
        self.look(held)

    def teardown(self) -> None:
        if not self.values:  # it has failed before it began
            return
        for hold_id in sorted(self.holds):
            self._release(hold_id)
        if self.policy is not None:
            self.retain()
        stays = [one for one in self.values if one.text in self.due - self.gone]
        assert not [one for one in stays if not self._kept(one)]

    # -- what must hold ---------------------------------------------------------------------------

    def look(self, held: frozenset[str]) -> None:
        """held: the values that were under hold all the time since it was looked last."""
        read = self.housed.run(self._read())
        for one in self.values:
            if one.text in read:
                assert one.text not in self.gone, f"{one} has come back"
            elif one.text not in self.gone:
                assert one.text not in held, f"{one} was under hold"
                assert not self._kept(one), f"{one} must be kept"
                assert one.customer in self.asked or self._outlived(one), f"nobody asked for {one}"
                self.gone.add(one.text)

    def _kept(self, one: Value) -> bool:
        return self.duty and one.type == PAYMENT and one.age == "new"

    def _outlived(self, one: Value) -> bool:
        return self.policy is not None and one.type == PAYMENT and one.age == "old"

    def _held(self) -> frozenset[str]:
        return frozenset(
            one.text for one in self.values if any(holds(one) for holds in self.holds.values())
        )

    # -- how it is done ---------------------------------------------------------------------------

    def _record(self, order_id: str, kind: str, age: str) -> None:
        value = Value(f"secret-{len(self.values)}-of-{order_id}", order_id, kind, age)
        at = datetime.now(UTC) - AGES[age]
        customer = {"id": value.customer, "name": value.text}
        self.housed.run(
            self.shop.record(
                order_id, type=kind, occurred_at=at.strftime("%Y-%m-%dT%H:%M:%SZ"),
                payload={"customer": customer, "note": value.text},
            )
        )  # fmt: skip
        self.values.append(value)

    def _hold(self, body: Json, holds: Callable[[Value], bool]) -> None:
        made = self.housed.run(self._post("/legal-hold", {**body, "case_id": "case_1"}))
        self.holds[made["hold_id"]] = holds
        self.look(frozenset())

    def _release(self, hold_id: str) -> None:
        del self.holds[hold_id]
        held = self._held()
        self.housed.run(self._released(hold_id))
        self.look(held)

    async def _released(self, hold_id: str) -> None:
        answer = await self.shop.as_role("admin").delete(f"{BASE}/legal-hold/{hold_id}")
        assert answer.status_code == 204, answer.text
        await self._settled()

    async def _enabled(self, policy: Json) -> None:
        made = await self._post("/retention/policies", policy)
        path = f"/retention/policies/{made['policy_id']}"
        tried = await self._job(f"{path}/runs", {"dry_run": True})
        assert tried["status"] == "succeeded", tried
        answer = await self.shop.as_role("admin").patch(BASE + path, json={"enabled": True})
        assert answer.status_code == 200, answer.text
        self.policy = made["policy_id"]

    async def _read(self) -> str:
        """All timelines."""
        texts = []
        for order_id in ORDERS:
            answer = await self.shop.get(f"/orders/{order_id}/timeline", "admin", limit=1000)
            texts.append(answer.text)
        return "\n".join(texts)

    async def _post(self, path: str, body: Json) -> Json:
        answer = await self.shop.as_role("admin").post(BASE + path, json=body)
        assert answer.status_code in (201, 202), answer.text
        return dict(answer.json())

    async def _job(self, path: str, body: Json) -> Json:
        """The job, when it and all others are over."""
        made = await self._post(path, body)
        await self._settled()
        answer = await self.shop.as_role("admin").get(f"{BASE}/jobs/{made['job_id']}")
        return dict(answer.json())

    async def _settled(self) -> None:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            live = [
                (await self.shop.as_role("admin").get(f"{BASE}/jobs", params={"status": status}))
                for status in ("queued", "running")
            ]
            if not any(answer.json()["items"] for answer in live):
                return
            await asyncio.sleep(0.02)
        raise AssertionError("jobs do not end")


class Housed:
    """A house in an event loop of a thread of its own, for steps that are called without one."""

    house: House

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def run(self, awaitable: Awaitable[T]) -> T:
        async def wait() -> T:
            return await awaitable

        return asyncio.run_coroutine_threadsafe(wait(), self._loop).result(120)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture
def housed(tmp_path: Path, database_url: str) -> Iterator[Housed]:
    housed = Housed()
    house = opened(Settings(database_url, tmp_path / "house"))
    housed.house = housed.run(house.__aenter__())
    try:
        yield housed
    finally:
        housed.run(house.__aexit__(None, None, None))
        housed.close()


def test_fifty_histories(housed: Housed) -> None:
    Histories.housed = housed
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=50,
            stateful_step_count=8,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
