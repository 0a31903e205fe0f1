"""Legal holds over HTTP: what they hold, how they end, who sees them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from application.ports import Door, Outcome
from domain.orders.events import Draft
from tests.interfaces.http.journeys.holding import PATH, delete, is_held, placed, release, snapshot
from tests.interfaces.http.journeys.house import House, Json, Shop, pointers

pytestmark = pytest.mark.anyio


async def test_an_order_on_hold_keeps_its_snapshots_until_it_is_released(shop: Shop) -> None:
    await shop.record()
    kept = await snapshot(shop)
    hold = await placed(shop)
    assert (hold["status"], hold["target_id"]) == ("active", "ord_1")
    assert await is_held(shop, "ord_1", hold)
    assert not await is_held(shop, "ord_2")
    assert (await delete(shop, kept)).status_code == 409
    assert (await shop.get(f"/snapshots/{kept}")).status_code == 200
    await release(shop, hold)
    assert (await delete(shop, kept)).status_code == 204
    seen = await shop.read(f"/legal-hold/{hold['hold_id']}", "auditor")
    assert (seen["status"], seen["released_by"]) == ("released", "a admin")
    assert hold["placed_at"] < seen["released_at"]
    await release(shop, hold)  # as it is already
    acts = await shop.walk("/audit", "auditor", type="history.hold.released")
    assert [act["target"] for act in acts] == [f"hold/{hold['hold_id']}"]


async def test_each_of_several_holds_has_to_be_released(shop: Shop) -> None:
    await shop.record()
    first, second = await placed(shop), await placed(shop, case_id="case_2")
    assert first["hold_id"] != second["hold_id"]
    assert await is_held(shop, "ord_1", first, second)
    await release(shop, first)
    assert await is_held(shop, "ord_1", second)
    await release(shop, second)
    assert not await is_held(shop, "ord_1")


@pytest.mark.parametrize(
    "query",
    [
        {"text": "declined"},
        {"ident": "PSP_77"},
        {"field": "payload.picker.zone", "eq": "B4"},
        {"field": "order.channel", "eq": "web"},
    ],
)
async def test_a_query_holds_what_matches_when_it_is_asked(shop: Shop, query: Json) -> None:
    created = {"type": "order.created", "payload": {"channel": "web"}}
    told = {
        "type": "order.payment.failed",
        "payload": {"code": "declined", "payment_id": "psp_77", "picker": {"zone": "B4"}},
    }
    asked = {"all": [query, {"field": "type", "prefix": "order."}]}
    await shop.record("old", **created)
    await shop.record("old", **told)
    await shop.record("other")
    hold = await placed(shop, target="query", target_id=None, query=asked)
    assert hold["query"] == asked
    assert await is_held(shop, "old", hold)
    assert not await is_held(shop, "other")
    assert not await is_held(shop, "new")
    await shop.record("new", **created)
    await shop.record("new", **told)
    assert await is_held(shop, "new", hold)


async def test_a_subject_holds_its_orders_as_customer_and_as_actor(shop: Shop) -> None:
    hold = await placed(shop, target="subject", target_id="cust_1")
    created = {"type": "order.created"}
    await shop.record("by-customer", **created, payload={"customer": {"id": "cust_1"}})
    await shop.record("by-id", **created, payload={"customer_id": "cust_1"})
    await shop.record("once", **created, payload={"customer": {"id": "cust_1"}})
    await shop.record("once", type="order.updated", payload={"customer": {"id": "cust_2"}})
    await shop.record("as-actor", metadata={"actor_id": "cust_1"})
    await shop.record("another", **created, payload={"customer": {"id": "cust_11"}})
    for order_id in ("by-customer", "by-id", "once", "as-actor"):
        assert await is_held(shop, order_id, hold), order_id
    assert not await is_held(shop, "another")
    assert await is_held(shop, "without-events", hold, customer={"id": "cust_1"})
    assert await is_held(shop, "without-events", hold, customer_id="cust_1")
    assert not await is_held(shop, "without-events", customer_id="cust_2")


async def test_a_hold_whose_time_is_up_holds_no_more(shop: Shop) -> None:
    await shop.record()
    soon = datetime.now(UTC) + timedelta(seconds=2)
    hold = await placed(shop, expires_at=soon.isoformat())
    held = await delete(shop, await snapshot(shop))
    seen = await shop.read(f"/legal-hold/{hold['hold_id']}", "auditor")
    if datetime.now(UTC) < soon:  # else this machine was too slow to see it
        assert (held.status_code, seen["status"]) == (409, "active")
    await asyncio.sleep((soon - datetime.now(UTC)).total_seconds() + 0.01)
    assert not await is_held(shop, "ord_1")
    seen = await shop.read(f"/legal-hold/{hold['hold_id']}", "auditor")
    assert (seen["status"], seen["released_at"]) == ("expired", None)
    await release(shop, hold)
    assert await shop.walk("/audit", "auditor", type="history.hold.released") == []


async def test_a_refusal_is_on_the_ledger(shop: Shop) -> None:
    await shop.record()
    hold, kept = await placed(shop), await snapshot(shop)
    for _ in range(2):
        assert (await delete(shop, kept)).status_code == 409
    acts = await shop.walk("/audit", "auditor", type="history.hold.refused")
    assert len(acts) == 2
    for act in acts:
        assert (act["target"], act["actor_id"]) == (f"snapshot/{kept}", "a admin")
        assert act["after"] == {"asked": "snapshot.delete", "hold_ids": [hold["hold_id"]]}
    deleted = await shop.walk("/events", type="history.snapshot.deleted")
    assert deleted == []


async def test_a_hold_that_comes_between_question_and_deletion_wins(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop.record()
    kept = await snapshot(shop)
    holds: list[Json] = []
    deleting = shop.house.services.delete_snapshot
    real: Door = deleting._door

    class Slower:
        async def submit(self, drafts: Sequence[Draft], **given: Any) -> list[Outcome]:
            if not holds:
                holds.append(await placed(shop))
            return await real.submit(drafts, **given)

    monkeypatch.setattr(deleting, "_door", Slower())
    answer = await delete(shop, kept)
    assert answer.status_code == 409, answer.text
    assert [one["hold_id"] for one in answer.json()["holds"]] == [holds[0]["hold_id"]]
    assert (await shop.get(f"/snapshots/{kept}")).status_code == 200
    assert await shop.walk("/events", type="history.snapshot.deleted") == []


async def test_while_the_read_model_lacks_events_nothing_is_deleted(shop: Shop) -> None:
    """One of them might be what a hold holds."""
    hold = await placed(shop, target="query", target_id=None, query={"ident": "psp_1"})
    await shop.record(payload={"payment_id": "psp_1"})
    letter = "insert into cell_0.dead_letters values (%s, %s, %s, 1, 'x', 1)"
    with psycopg.connect(shop.house.settings.database_url, autocommit=True) as connection:
        connection.execute(letter, ("orders", 1_000_000_000, shop.tenant))
        refused = await delete(shop, await snapshot(shop))
        connection.execute("delete from cell_0.dead_letters where tenant_id = %s", (shop.tenant,))
    assert refused.status_code == 503
    assert "retry-after" in refused.headers
    assert await is_held(shop, "ord_1", hold)


async def test_a_reason_is_personal_and_masked(shop: Shop) -> None:
    hold = await placed(shop, reason="Jane Roe against us")
    assert hold["reason"] == "Jane Roe against us"
    path = f"/legal-hold/{hold['hold_id']}"
    assert (await shop.read(path, "investigator"))["reason"] == "Jane Roe against us"
    for seen in (path, "/legal-hold", "/audit"):
        assert "Jane" not in (await shop.get(seen, "auditor")).text
    assert (await shop.read(path, "auditor"))["reason"] == {"masked": True}
    with psycopg.connect(shop.house.settings.database_url) as connection:
        rows = connection.execute(
            "select state from cell_0.events where tenant_id = %s", (shop.tenant,)
        ).fetchall()
    assert rows
    assert not any(b"Jane" in bytes(row[0]) for row in rows)


async def test_the_list_by_each_filter_and_page(shop: Shop) -> None:
    one = await placed(shop)
    two = await placed(shop, target_id="ord_2", case_id="case_2")
    three = await placed(shop, target="subject", target_id="ord_1")
    four = await placed(shop, target="query", target_id=None, query={"text": "lost"})
    await release(shop, two)

    async def listed(**query: Any) -> list[str]:
        page = await shop.read("/legal-hold", "investigator", **query)
        assert page["total"] >= len(page["items"])
        return [item["hold_id"] for item in page["items"]]

    ids = [hold["hold_id"] for hold in (four, three, two, one)]
    assert await listed() == ids
    assert await listed(page=2, limit=3) == ids[3:]
    assert await listed(target="order") == ids[2:]
    assert await listed(target_id="ord_1") == [ids[1], ids[3]]
    assert await listed(case_id="case_2") == [ids[2]]
    assert await listed(status="released") == [ids[2]]
    assert await listed(status="active", target="order") == [ids[3]]
    assert await listed(status="expired") == []
    wrong = await shop.get("/legal-hold", "auditor", status="gone")
    assert pointers(wrong) == ["/status"]


async def test_another_tenants_hold_is_not_there(shop: Shop, house: House) -> None:
    hold, other = await placed(shop), house.shop()
    path = f"{PATH}/{hold['hold_id']}"
    for method in ("GET", "DELETE"):
        answer = await other.as_role("admin").request(method, path)
        assert answer.status_code == 404, method
    assert (await shop.as_role("admin").get(path)).json()["status"] == "active"
    assert (await other.read("/legal-hold", "auditor"))["items"] == []
    assert not await is_held(other, "ord_1")
    assert await is_held(shop, "ord_1", hold)
