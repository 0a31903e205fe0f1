"""Roles of a tenant's own over HTTP: made, assigned, effective at once, and on the ledger."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.interfaces.http.journeys.house import BASE, House, Json, Shop, pointers

pytestmark = pytest.mark.anyio

DESK: Json = {
    "role": "desk",
    "permissions": ["events.read", "orders.read", "personal.read"],
    "scope": {"sources": ["stripe"], "personal": ["contact"]},
}


async def put(shop: Shop, path: str, body: Any, role: str = "admin") -> httpx.Response:
    return await shop.as_role(role).put(BASE + path, json=body)


async def post(shop: Shop, body: Any, role: str = "admin") -> httpx.Response:
    return await shop.as_role(role).post(f"{BASE}/roles", json=body)


async def test_a_role_is_made_changed_and_removed(shop: Shop) -> None:
    made = await post(shop, DESK)
    assert (made.status_code, made.headers["location"]) == (201, f"{BASE}/roles/desk")
    view = {
        "role": "desk", "built_in": False,
        "permissions": ["events.read", "orders.read", "personal.read"],
        "scope": {"sources": ["stripe"], "personal": ["contact"]},
    }  # fmt: skip
    assert made.json() == view == await shop.read("/roles/desk", "auditor")
    again = await post(shop, DESK)
    assert (again.status_code, again.headers["idempotency-replayed"]) == (200, "true")

    assert (await post(shop, {**DESK, "scope": None})).status_code == 409
    changed = await put(shop, "/roles/desk", {"permissions": ["events.read"]})
    assert (changed.status_code, changed.json()["scope"]) == (200, {})

    removed = await shop.as_role("admin").delete(f"{BASE}/roles/desk")
    assert removed.status_code == 204
    assert (await shop.get("/roles/desk", "admin")).status_code == 404
    assert (await shop.as_role("admin").delete(f"{BASE}/roles/desk")).status_code == 404


async def test_lists_have_pages(shop: Shop) -> None:
    for name in ("b_role", "a_role"):
        assert (await post(shop, {**DESK, "role": name})).status_code == 201
    first = await shop.read("/roles", "auditor", limit=7)
    assert first["total"] == 9
    assert all(item["built_in"] for item in first["items"])
    second = await shop.read("/roles", "auditor", limit=7, page=2)
    assert [item["role"] for item in second["items"]] == ["a_role", "b_role"]
    await put(shop, "/role-assignments/ann", {"roles": ["a_role"]})
    assert await shop.read("/role-assignments", "auditor") == {
        "items": [{"subject": "ann", "roles": ["a_role"]}], "total": 1,
    }  # fmt: skip


async def test_an_assignment_takes_effect_at_once_and_only_here(shop: Shop) -> None:
    await shop.record(source="stripe")
    other = shop.house.shop()
    client = shop.house.client("nobody", shop.tenant, other.tenant, subject="ann/1")
    client.headers["X-Tenant-ID"] = shop.tenant
    path = f"{BASE}/events"
    assert (await client.get(path)).status_code == 403
    await post(shop, DESK)
    given = await put(shop, "/role-assignments/ann%2F1", {"roles": ["desk"]})
    assert given.json() == {"subject": "ann/1", "roles": ["desk"]}
    assert (await client.get(path)).status_code == 200
    assert (await client.get(path, headers={"X-Tenant-ID": other.tenant})).status_code == 403
    refused = await shop.as_role("admin").delete(f"{BASE}/roles/desk")
    assert refused.status_code == 409
    assert "1 subjects" in refused.json()["detail"]
    await put(shop, "/role-assignments/ann%2F1", {"roles": []})
    assert (await client.get(path)).status_code == 403
    assert (await shop.read("/role-assignments/ann%2F1", "admin"))["roles"] == []


async def test_a_role_of_the_token_may_be_one_of_the_tenants_own(shop: Shop) -> None:
    await shop.record(source="stripe")
    client = shop.as_role("desk")
    assert (await client.get(f"{BASE}/events")).status_code == 403
    await post(shop, DESK)
    assert (await client.get(f"{BASE}/events")).status_code == 200
    await put(shop, "/roles/desk", {"permissions": ["receipts.read"]})
    assert (await client.get(f"{BASE}/events")).status_code == 403


async def test_a_subject_that_is_an_email_address_is_not_written_down(shop: Shop) -> None:
    given = await put(shop, "/role-assignments/ann@example.com", {"roles": ["auditor"]})
    assert given.json()["subject"].startswith("sub_")
    client = shop.house.client("nobody", shop.tenant, subject="ann@example.com")
    assert (await client.get(f"{BASE}/audit")).status_code == 200
    listed = await shop.get("/role-assignments", "admin")
    assert "ann@" not in listed.text + (await shop.get("/audit", "admin")).text


async def test_who_manages_roles_gives_no_more_than_it_has(shop: Shop) -> None:
    granting = {"role": "granter", "permissions": ["roles.manage", "events.read"]}
    assert (await post(shop, granting)).status_code == 201
    granter = shop.as_role("granter")
    for body, status in (
        ({"role": "a", "permissions": ["events.read"], "scope": {"sources": ["x"]}}, 201),
        ({"role": "b", "permissions": ["events.read", "personal.read"]}, 403),
    ):
        assert (await granter.post(f"{BASE}/roles", json=body)).status_code == status
    escalated = await granter.put(f"{BASE}/role-assignments/me", json={"roles": ["admin"]})
    assert escalated.status_code == 403


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({**DESK, "role": "Desk"}, "/role"),
        ({**DESK, "permissions": ["events.sing"]}, "/permissions/0"),
        ({**DESK, "scope": {"sourcs": ["a"]}}, "/scope/sourcs"),
        ({"role": "x", "permissions": ["audit.read"], "scope": {"types": ["a.*"]}}, "/permissions"),
        ([], ""),
    ],
)
async def test_what_is_wrong_is_told(shop: Shop, body: Any, pointer: str) -> None:
    answer = await post(shop, body)
    assert answer.status_code == 422
    assert pointers(answer) == [pointer]


async def test_no_card_number_gets_onto_the_ledger(shop: Shop) -> None:
    card = "4111111111111111"
    for answer, pointer in (
        (await put(shop, f"/role-assignments/{card}", {"roles": ["auditor"]}), "/subject"),
        (await post(shop, {**DESK, "role": f"c-{card}"}), "/role"),
        (await post(shop, {**DESK, "scope": {"types": [f"a.{card}"]}}), "/scope/types/0"),
    ):
        assert (answer.status_code, pointers(answer)) == (422, [pointer])
        assert card not in str(answer.json()["errors"])
    assert await shop.head() == 0


async def test_names_that_are_taken(shop: Shop) -> None:
    answer = await post(shop, {"role": "admin", "permissions": ["events.read"]})
    assert answer.status_code == 409
    assert (await put(shop, "/roles/admin", {"permissions": ["events.read"]})).status_code == 409
    assert (await put(shop, "/roles/nobody", {"permissions": ["events.read"]})).status_code == 404
    unknown = await put(shop, "/role-assignments/ann", {"roles": ["nobody"]})
    assert (unknown.status_code, pointers(unknown)) == (422, ["/roles"])
    long = await put(shop, f"/role-assignments/{'a' * 256}", {"roles": []})
    assert (long.status_code, pointers(long)) == (422, ["/subject"])


async def test_every_change_is_on_the_ledger_and_in_the_audit_log(shop: Shop) -> None:
    await post(shop, DESK)
    await put(shop, "/role-assignments/ann", {"roles": ["desk"]})
    await put(shop, "/role-assignments/ann", {"roles": []})
    await shop.as_role("admin").delete(f"{BASE}/roles/desk")
    acts = await shop.walk("/audit", "admin", limit=3)
    assert [(act["type"], act["target"]) for act in acts] == [
        ("history.role.removed", "role/desk"),
        ("history.role.assigned", "subject/ann"),
        ("history.role.assigned", "subject/ann"),
        ("history.role.defined", "role/desk"),
    ]
    assert {act["actor_id"] for act in acts} == {"a admin"}
    assert {act["address"] for act in acts} == {"127.0.0.1"}
    given, taken = acts[2], acts[1]
    assert (given["before"], given["after"]) == (None, {"roles": ["desk"]})
    assert (taken["before"], taken["after"]) == ({"roles": ["desk"]}, None)
    masked = await shop.read("/audit", "auditor")
    assert {str(act["address"]) for act in masked["items"]} == {"{'masked': True}"}

    event = await shop.read(f"/events/{acts[0]['id']}", "auditor")
    assert event["type"] == "history.role.removed"
    listed = await shop.read("/events", "auditor", type="history.role.*")
    assert len(listed["items"]) == 4
    assert not (await shop.read("/events"))["items"]


async def test_the_audit_log_is_filtered(shop: Shop, house: House) -> None:
    await post(shop, DESK)
    other = house.client("admin", shop.tenant, subject="bob")
    await other.put(f"{BASE}/role-assignments/ann", json={"roles": ["desk"]})

    async def types(**query: Any) -> list[str]:
        acts = await shop.walk("/audit", "auditor", **query)
        return [act["type"].removeprefix("history.role.") for act in acts]

    assert await types() == ["assigned", "defined"]
    assert await types(actor_id="bob") == ["assigned"]
    assert await types(target="role/desk") == ["defined"]
    assert await types(type="history.role.defined") == ["defined"]
    assert await types(type="history.*") == ["assigned", "defined"]
    assert await types(type="history.snapshot.*") == []
    assert await types(from_="2025-01-01T00:00:00Z", to="2025-01-02T00:00:00Z") == []
    assert await types(from_="2025-01-01T00:00:00Z") == ["assigned", "defined"]


async def test_the_services_other_acts_are_in_it(shop: Shop) -> None:
    body = {
        "snapshot_id": "s1", "captured_at": "2025-01-01T00:00:00Z", "source": "shop",
        "state": {"note": "Jane"},
    }  # fmt: skip
    await shop.record()
    await shop.as_role("producer").post(f"{BASE}/orders/ord_1/snapshots", json=body)
    (act,) = (await shop.read("/audit", "auditor"))["items"]
    assert (act["type"], act["target"]) == ("history.snapshot.captured", "snapshot/s1")
    assert act["details"]["order_id"] == "ord_1"
