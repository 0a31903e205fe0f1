"""Legal holds over HTTP: what they hold, how they end, what they refuse."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest

from application.ports import Door, Outcome
from domain.orders.events import Draft
from tests.interfaces.http.bad_bodies import CARD, MAIL, NULL, Bad, encoded
from tests.interfaces.http.journeys.house import BASE, House, Json, Shop, pointers

pytestmark = pytest.mark.anyio
PATH = f"{BASE}/legal-hold"
ORDER: Json = {"target": "order", "target_id": "ord_1", "case_id": "case_1"}


async def placed(shop: Shop, **changed: Any) -> Json:
    body = {name: value for name, value in {**ORDER, **changed}.items() if value is not None}
    answer = await shop.as_role("admin").post(PATH, json=body)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"{PATH}/{answer.json()['hold_id']}"
    return dict(answer.json())


async def snapshot(shop: Shop, order_id: str = "ord_1", **state: Any) -> str:
    """A snapshot of an order that can be deleted; its id."""
    snapshot_id = f"snap_{await shop.head()}"
    body = {
        "snapshot_id": snapshot_id, "captured_at": "2025-01-01T12:00:00Z", "source": "shop",
        "state": {"status": "paid", **state},
    }  # fmt: skip
    path = f"{BASE}/orders/{order_id}/snapshots"
    answer = await shop.as_role("producer").post(path, json=body)
    assert answer.status_code == 201, answer.text
    return snapshot_id


async def delete(shop: Shop, snapshot_id: str) -> httpx.Response:
    return await shop.as_role("admin").delete(f"{BASE}/snapshots/{snapshot_id}")


async def release(shop: Shop, hold: Json) -> None:
    answer = await shop.as_role("admin").delete(f"{PATH}/{hold['hold_id']}")
    assert (answer.status_code, answer.content) == (204, b"")


async def is_held(shop: Shop, order_id: str, *holds: Json, **state: Any) -> bool:
    """Whether a deletion is refused, and by just these holds."""
    answer = await delete(shop, await snapshot(shop, order_id, **state))
    if answer.status_code == 204:
        return False
    assert answer.status_code == 409, answer.text
    assert pointers(answer) == []
    problem = answer.json()
    assert problem["type"].endswith("/on-hold")
    named = [{"hold_id": hold["hold_id"], "case_id": hold["case_id"]} for hold in holds]
    assert problem["holds"] == named
    assert all(one["hold_id"] in problem["detail"] for one in named)
    return True


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


DEEP: Any = {"text": "a"}
for _ in range(16):
    DEEP = {"not": DEEP}
QUERY: Json = {"target": "query", "target_id": None}
BAD = [
    Bad("no target", {"target": None}, 422, "/target"),
    Bad("null as a target", {"target": NULL}, 422, "/target"),
    Bad("another target", {"target": "customer"}, 422, "/target"),
    Bad("a list as a target", {"target": ["order"]}, 422, "/target"),
    Bad("no target_id", {"target_id": None}, 422, "/target_id"),
    Bad("an empty target_id", {"target_id": ""}, 422, "/target_id"),
    Bad("a number as a target_id", {"target_id": 5}, 422, "/target_id"),
    Bad("a long target_id", {"target_id": "o" * 201}, 422, "/target_id"),
    Bad("an address as a subject", {"target": "subject", "target_id": MAIL}, 422, "/target_id"),
    Bad("a query beside an order", {"query": {"text": "a"}}, 422, "/query"),
    Bad("an order beside a query", {"target": "query", "query": {"text": "a"}}, 422, "/target_id"),
    Bad("no query", QUERY, 422, "/query"),
    Bad("a text as a query", {**QUERY, "query": "lost"}, 422, "/query"),
    Bad("a deep query", {**QUERY, "query": DEEP}, 422, "/query" + "/not" * 16),
    Bad("an unindexed query", {**QUERY, "query": {"field": "payload.x", "eq": 1}}, 422,
        "/query/field"),
    Bad("an address in a query", {**QUERY, "query": {"ident": MAIL}}, 422, "/query/ident"),
    Bad("a number in a query", {**QUERY, "query": {"ident": "447700900123"}}, 422, "/query/ident"),
    Bad("a card in a query", {**QUERY, "query": {"text": CARD}}, 422, "/query/text"),
    Bad("a large query", {**QUERY, "query": {"any": [{"text": "x" * 900}] * 20}}, 422, "/query"),
    Bad("no case", {"case_id": None}, 422, "/case_id"),
    Bad("an empty case", {"case_id": ""}, 422, "/case_id"),
    Bad("a long case", {"case_id": "c" * 201}, 422, "/case_id"),
    Bad("an address as a case", {"case_id": MAIL}, 422, "/case_id"),
    Bad("a card as a case", {"case_id": CARD}, 422, "/case_id"),
    Bad("a NUL in a case", {"case_id": "a\0b"}, 422, "/case_id"),
    Bad("a list as a reason", {"reason": ["x"]}, 422, "/reason"),
    Bad("a long reason", {"reason": "x" * 2001}, 422, "/reason"),
    Bad("a NUL in a reason", {"reason": "a\0b"}, 422, "/reason"),
    Bad("a card in a reason", {"reason": f"card {CARD}"}, 422, "/reason"),
    Bad("no time", {"expires_at": "tomorrow"}, 422, "/expires_at"),
    Bad("a number as a time", {"expires_at": 5}, 422, "/expires_at"),
    Bad("a time that has gone", {"expires_at": "2025-01-01T00:00:00Z"}, 422, "/expires_at"),
    Bad("a misspelt field", {"case": "case_1"}, 422, "/case"),
    Bad("a list", b"[]", 422, ""),
    Bad("no JSON", b"{", 400, None),
]  # fmt: skip


async def test_bad_holds(shop: Shop) -> None:
    for row in BAD:
        answer = await shop.as_role("admin").post(
            PATH, content=encoded(ORDER, row.body), headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == row.status, (row.name, answer.text)
        if row.pointer is not None:
            assert row.pointer in pointers(answer), (row.name, answer.text)
        assert MAIL not in answer.text, row.name
        assert CARD not in answer.text, row.name
    assert await shop.head() == 0
