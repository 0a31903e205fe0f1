"""What is due goes: from every store, with every proof intact, and nothing that is held or kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from application.audit.acts import Acts
from application.jobs.asking import Jobs
from application.retention.letting_go import LetGo
from application.retention.scheduling import RunDaily
from application.retention.settling import Settle
from domain.access.caller import SERVICE
from domain.errors import Unavailable
from domain.retention.policies import STREAM
from infrastructure.event_store.tenants import TenantsHaving
from interfaces.composition.connections import clock
from interfaces.composition.endings import FoundByItself
from tests.interfaces.http.journeys.house import BASE, House, Json, Shop, states
from tests.interfaces.http.journeys.planted import stored
from tests.interfaces.http.journeys.retaining import (
    ACTOR,
    ADDRESS,
    CREATED,
    FAILED,
    MAIL,
    SNAPSHOTS,
    asked,
    changed,
    enabled,
    ended,
    found,
    jobs_of,
    made,
    old_key,
    place_hold,
    release,
    report,
    seen,
)

pytestmark = pytest.mark.anyio


async def test_what_is_due_goes_and_every_proof_holds(shop: Shop, house: House) -> None:
    await shop.record("ord_1", **CREATED, metadata=ACTOR)
    await shop.record("ord_1", **FAILED, metadata=ACTOR)
    await shop.record("ord_1", **{**FAILED, "payload": {"reason": "no name", "attempt": 2}})
    before = (await shop.get("/events/evt_2/bytes", "admin")).content
    assert await found(shop, MAIL) == ["evt_2"]
    keys = old_key(house, shop, "order", "ord_1"), old_key(house, shop, "actor", "agent_1")
    policy = await enabled(shop, await made(shop))
    result = await report(shop, policy, dry_run=False)
    assert (result["orders"], result["events"], result["values"]) == (1, 2, 5)
    assert (result["held"]["orders"], result["retained"]) == (0, [])
    assert all(store.get("left", 0) == 0 for store in result["stores"])

    timeline = (await shop.get("/orders/ord_1/timeline", "admin")).text
    assert MAIL not in timeline
    assert "no name" not in timeline
    assert timeline.count('{"erased":true}') == 5
    assert "ben@example.org" in timeline
    assert timeline.count(ADDRESS) == 1  # of the event that is not due
    assert await found(shop, MAIL) == []
    assert await found(shop, "ben@example.org") == ["evt_1"]

    assert (await shop.get("/events/evt_2/bytes", "admin")).content == before
    assert await states(shop, "evt_2") == {
        "/payload/reason": "erased", "/payload/email": "erased", "/metadata/ip": "erased",
        "/metadata/user_agent": "erased",
    }  # fmt: skip
    assert set((await states(shop, "evt_1")).values()) == {"matches"}
    # The order has a new key, and the old one opens no more; an actor has the one that it had.
    key, bucket = old_key(house, shop, "order", "ord_1")
    assert key != keys[0][0]
    assert bucket != keys[0][1]
    assert old_key(house, shop, "actor", "agent_1")[0] == keys[1][0]

    (fact,) = await shop.walk("/audit", "auditor", type="history.retention.redacted")
    job_id = (await seen(shop, policy))["last_run"]["job_id"]
    assert fact["details"] == {
        "job_id": job_id, "policy_id": policy["policy_id"],
        "events": [
            {"sequence": 2,
             "pointers": ["/payload/email", "/payload/reason", "/metadata/ip",
                          "/metadata/user_agent"]},
            {"sequence": 3, "pointers": ["/payload/reason"]},
        ],
    }  # fmt: skip
    assert MAIL not in stored(house)


async def test_later_values_of_the_same_order_are_kept(shop: Shop) -> None:
    await shop.record("ord_1", **FAILED, metadata=ACTOR)
    policy = await enabled(shop, await made(shop))
    await report(shop, policy, dry_run=False)
    await shop.record("ord_1", **CREATED, metadata=ACTOR)
    timeline = (await shop.get("/orders/ord_1/timeline", "admin")).text
    assert "ben@example.org" in timeline
    assert ADDRESS in timeline
    again = await report(shop, policy, dry_run=False)
    assert (again["orders"], again["events"], again["values"]) == (0, 0, 0)
    assert [run["result"]["events"] for run in await jobs_of(shop, policy)] == [0, 1]
    last = (await seen(shop, policy))["last_run"]
    assert (last["numbers"]["events"], last["policy_version"]) == (0, 2)


async def test_what_is_held_stays_until_the_hold_ends(shop: Shop) -> None:
    await shop.record("held", **FAILED, metadata=ACTOR)
    await shop.record("free", **FAILED, metadata=ACTOR)
    hold_id = await place_hold(shop)
    policy = await enabled(shop, await made(shop))
    result = await report(shop, policy, dry_run=False)
    assert (result["orders"], result["events"]) == (1, 1)
    assert result["held"] == {"orders": 1, "events": 1, "holds": [hold_id]}
    assert result["retained"] == [
        {"order_id": "held", "ground": "legal hold", "hold_ids": [hold_id]}
    ]
    held = (await shop.get("/orders/held/timeline", "admin")).text
    assert (MAIL in held, ADDRESS in held) == (True, True)
    assert set((await states(shop, "evt_1")).values()) == {"matches"}
    assert len(await jobs_of(shop, policy)) == 1

    await release(shop, hold_id)
    newest, _ = await jobs_of(shop, policy)
    assert newest["status"] == "succeeded"
    assert newest["submitted_by"] == SERVICE
    assert (newest["result"]["orders"], newest["result"]["retained"]) == (1, [])
    assert set((await states(shop, "evt_1")).values()) == {"erased"}
    await release(shop, hold_id)
    assert len(await jobs_of(shop, policy)) == 2


async def test_a_release_runs_nothing_that_left_nothing_under_it(shop: Shop) -> None:
    await shop.record("held", **FAILED)
    policy = await enabled(shop, await made(shop))
    await report(shop, policy, dry_run=False)
    await release(shop, await place_hold(shop))
    assert len(await jobs_of(shop, policy)) == 1


async def test_what_a_duty_keeps_stays(shop: Shop) -> None:
    await shop.record("ord_1", **FAILED)
    policy = await enabled(shop, await made(shop, retain_for="P7M"))
    keep = await made(
        shop, name="keep", duty=True, action="archive", counted_from="received_at",
        event_types=["order.payment.failed"],
    )  # fmt: skip
    result = await report(shop, policy, dry_run=False)
    assert (result["events"], result["kept"]) == (
        0, {"events": 1, "policies": [keep["policy_id"]]},
    )  # fmt: skip
    assert set((await states(shop, "evt_1")).values()) == {"matches"}
    gone = await shop.as_role("admin").delete(f"{BASE}/retention/policies/{keep['policy_id']}")
    assert gone.status_code == 204
    assert (await report(shop, policy, dry_run=False))["events"] == 1


async def test_a_policy_that_is_disabled_meanwhile_lets_nothing_more_go(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop.record("ord_1", **FAILED)
    policy = await enabled(shop, await made(shop))
    refreshed = LetGo.refreshed

    async def disabled_after(self: LetGo, running: Any) -> Any:
        found = await refreshed(self, running)
        monkeypatch.undo()
        await changed(shop, policy, enabled=False)
        return found

    monkeypatch.setattr(LetGo, "refreshed", disabled_after)
    job = await ended(shop, await asked(shop, policy, dry_run=False))
    assert job["status"] == "failed"
    assert "not enabled" in job["errors"][0]["detail"]
    assert set((await states(shop, "evt_1")).values()) == {"matches"}


@pytest.mark.parametrize("where", ["between orders", "before keys and terms are renewed"])
async def test_an_attempt_that_is_cut_off_is_gone_on_with(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    for number in range(3):
        await shop.record(f"ord_{number}", **FAILED)
    policy = await enabled(shop, await made(shop))
    monkeypatch.setattr("application.retention.running.AT_ONCE", 1)
    cut: list[int] = []

    def cutting(method: Callable[..., Any], after: int) -> Callable[..., Any]:
        async def once(self: Any, *arguments: Any) -> Any:
            cut.append(1)
            if len(cut) == after:
                raise Unavailable
            return await method(self, *arguments)

        return once

    if where == "between orders":
        monkeypatch.setattr(LetGo, "orders", cutting(LetGo.orders, 2))
    else:
        monkeypatch.setattr(Settle, "__call__", cutting(Settle.__call__, 1))
    result = await report(shop, policy, dry_run=False)
    assert len(cut) > 1
    assert (result["orders"], result["events"]) == (3, 3)
    assert await found(shop, MAIL) == []
    for number in range(3):
        assert set((await states(shop, f"evt_{number + 1}")).values()) == {"erased"}
    assert len(await shop.walk("/audit", "auditor", type="history.retention.evaluated")) == 2


async def test_enabled_policies_are_run_once_a_day(shop: Shop, house: House) -> None:
    await shop.record("ord_1", **FAILED)
    await made(shop, SNAPSHOTS)
    policy = await enabled(shop, await made(shop))
    services = house.services
    acts, jobs = services.policies._acts, Jobs(services.jobs._store, FoundByItself())
    assert isinstance(acts, Acts)
    day = 24 * 3600 * 1_000_000

    async def run(moment: Callable[[], int]) -> list[Json]:
        daily = RunDaily(acts, jobs, tenants, moment)
        await daily()
        await daily()
        return await jobs_of(shop, policy)

    async def tenants() -> Sequence[str]:
        return [shop.tenant]

    (job,) = await run(clock)
    assert (job["submitted_by"], job["result"]["events"]) == (SERVICE, 1)
    assert len(await run(lambda: clock() + day)) == 2
    await changed(shop, policy, name="renamed")
    assert len(await run(clock)) == 3


async def test_whose_policies_are_run(shop: Shop, house: House) -> None:
    await house.shop().record()
    await made(shop)
    pool = house.services.policies._evaluations._pool  # type: ignore[attr-defined]  # the adapter's
    found_ = await TenantsHaving(pool, STREAM)()
    assert shop.tenant in found_
