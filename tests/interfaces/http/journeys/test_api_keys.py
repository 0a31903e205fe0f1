"""API keys over HTTP: shown once, limited, rotated, revoked; and what is tried against them."""

from __future__ import annotations

from typing import Any

import httpx
import psycopg
import pytest

from domain.access.api_keys import write_key
from tests.interfaces.http.journeys.house import BASE, Json, Shop, pointers

pytestmark = pytest.mark.anyio
PATH = f"{BASE}/api-keys"


async def made(shop: Shop, **changed: Any) -> Json:
    body = {"label": "stripe connector", **changed}
    answer = await shop.as_role("admin").post(PATH, json=body)
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return dict(answer.json())


def holding(shop: Shop, key: str) -> httpx.AsyncClient:
    # Of each tenant at an address of its own: what does not hold is counted by address.
    number = int(shop.tenant.removeprefix("shop-"))
    client = shop.house.client(None, address=f"198.51.{number // 200}.{number % 200}")
    client.headers["Authorization"] = f"Bearer {key}"
    return client


async def sent(shop: Shop, key: str, **changed: Any) -> httpx.Response:
    event = shop.event(**{"source": "stripe", **changed})
    return await holding(shop, key).post(f"{BASE}/events", json=event)


async def test_a_key_records_what_it_may_and_reads_nothing(shop: Shop) -> None:
    new = await made(shop, permissions=["events.append"], scope={"sources": ["stripe"]})
    assert new["status"] == "active"
    assert (await sent(shop, new["key"])).status_code == 201
    assert (await sent(shop, new["key"], source="adyen")).status_code == 403
    client = holding(shop, new["key"])
    for path in ("/events", "/orders", "/api-keys", "/audit"):
        assert (await client.get(BASE + path)).status_code == 403
    assert (await client.post(f"{BASE}/events/validate", json={})).status_code == 403


async def test_a_key_is_shown_once(shop: Shop) -> None:
    new = await made(shop)
    view = await shop.read(f"/api-keys/{new['key_id']}", "admin")
    assert new == {**view, "key": new["key"]}
    secret = new["key"].split("~")[3]
    for path in ("/api-keys", f"/api-keys/{new['key_id']}", "/audit"):
        assert secret not in (await shop.get(path, "admin")).text
    (act,) = (await shop.read("/audit", "auditor"))["items"]
    assert (act["type"], act["target"]) == (
        "history.api_key.created", f"api_key/{new['key_id']}",
    )  # fmt: skip


async def test_nothing_that_is_stored_opens_the_door(shop: Shop) -> None:
    new = await made(shop)
    secret = new["key"].split("~")[3]
    with psycopg.connect(shop.house.settings.database_url, autocommit=True) as connection:
        rows = connection.execute(
            "select state from cell_0.events where tenant_id = %s", (shop.tenant,)
        ).fetchall()
    assert rows
    assert not any(secret.encode() in bytes(row[0]) for row in rows)


async def test_a_rotated_key_goes_on_and_its_old_secret_ends(shop: Shop) -> None:
    new = await made(shop)
    path = f"{PATH}/{new['key_id']}/rotate"
    kept = (await shop.as_role("admin").post(path, json={})).json()
    assert (kept["key_id"], kept["secrets"]) == (new["key_id"], 2)
    assert (await sent(shop, new["key"])).status_code == 201
    assert (await sent(shop, kept["key"])).status_code == 201
    last = (await shop.as_role("admin").post(path, json={"overlap": "PT0S"})).json()
    assert last["secrets"] == 1
    for old in (new, kept):
        refused = await sent(shop, old["key"])
        assert refused.status_code == 401
        assert "www-authenticate" in refused.headers
    assert (await sent(shop, last["key"])).status_code == 201


async def test_a_revoked_key_holds_no_more(shop: Shop) -> None:
    new = await made(shop)
    assert (await sent(shop, new["key"])).status_code == 201
    path = f"{PATH}/{new['key_id']}"
    assert (await shop.as_role("admin").delete(path)).status_code == 204
    assert (await sent(shop, new["key"])).status_code == 401
    assert (await shop.as_role("admin").delete(path)).status_code == 204
    view = await shop.read(f"/api-keys/{new['key_id']}", "admin")
    assert (view["status"], view["secrets"]) == ("revoked", 0)
    again = await shop.as_role("admin").post(f"{path}/rotate", json={})
    assert again.status_code == 422
    acts = await shop.walk("/audit", "auditor")
    assert [act["type"] for act in acts] == ["history.api_key.revoked", "history.api_key.created"]


async def test_when_a_key_was_used_last_is_told(shop: Shop) -> None:
    new = await made(shop)
    path = f"/api-keys/{new['key_id']}"
    assert (await shop.read(path, "admin"))["last_used_at"] is None
    await sent(shop, new["key"])
    for _ in range(100):
        used = (await shop.read(path, "admin"))["last_used_at"]
        if used is not None:
            break
    assert used > new["created_at"]
    page = await shop.read("/api-keys", "admin")
    assert (page["total"], page["items"][0]["last_used_at"]) == (1, used)


async def test_what_is_tried_with_keys(shop: Shop) -> None:
    """None of it is let in, and none of it is repeated in an answer."""
    key = (await made(shop))["key"]
    other = shop.house.shop()
    _, tenant, key_id, secret, _ = key.split("~")
    tried = {
        "another tenant's name in it": write_key(other.tenant, key_id, secret),
        "another key's id": write_key(tenant, "key_" + "0" * 32, secret),
        "another secret": write_key(tenant, key_id, "A" * 43),
        "no checksum": key[:-9],
        "a wrong checksum": key[:-1] + ("0" if key[-1] != "0" else "1"),
        "its hash for a secret": write_key(tenant, key_id, "0" * 43),
        "upper case": key.upper(),
        "in one reading of two": key + "~" + key,
        "a path": write_key("../acme", key_id, secret),
        "no secret": f"ohk1~{tenant}~{key_id}~~",
    }
    for what, text in tried.items():
        answer = await sent(shop, text)
        assert answer.status_code in (401, 429), what
        assert secret not in answer.text
    client = holding(shop, key)
    event = shop.event(source="stripe")
    elsewhere = await client.post(
        f"{BASE}/events", json=event, headers={"X-Tenant-ID": other.tenant}
    )
    assert elsewhere.status_code == 403
    here = await client.post(f"{BASE}/events", json=event, headers={"X-Tenant-ID": shop.tenant})
    assert here.status_code == 201


async def test_failures_of_others_at_its_address_do_not_shut_a_key_out(shop: Shop) -> None:
    key = (await made(shop))["key"]
    assert (await sent(shop, key)).status_code == 201
    for _ in range(25):
        refused = await sent(shop, key[:-1])
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0
    assert (await sent(shop, key)).status_code == 201


async def test_who_may_not_append_everything_makes_no_such_key(shop: Shop) -> None:
    role = {"role": "keys", "permissions": ["api_keys.manage"]}
    assert (await shop.as_role("admin").post(f"{BASE}/roles", json=role)).status_code == 201
    answer = await shop.as_role("keys").post(PATH, json={"label": "mine"})
    assert answer.status_code == 403
    assert "further than you have it" in answer.json()["detail"]


async def test_who_may_not_append_everything_gets_no_secret_of_such_a_key(shop: Shop) -> None:
    key = await made(shop)
    role = {"role": "keys", "permissions": ["api_keys.manage"]}
    assert (await shop.as_role("admin").post(f"{BASE}/roles", json=role)).status_code == 201
    answer = await shop.as_role("keys").post(f"{PATH}/{key['key_id']}/rotate", json={})
    assert answer.status_code == 403
    assert "further than you have it" in answer.json()["detail"]
    assert (await shop.read(f"/api-keys/{key['key_id']}", "admin"))["secrets"] == 1


async def test_what_is_wrong_is_told(shop: Shop) -> None:
    client = shop.as_role("admin")
    body = {"label": "", "permissions": ["roles.manage"], "expires_at": "2020-01-01T00:00:00Z"}
    answer = await client.post(PATH, json=body)
    assert (answer.status_code, pointers(answer)) == (
        422, ["/label", "/permissions", "/expires_at"],
    )  # fmt: skip
    for path in ("/api-keys/key_1", "/api-keys/key_1/rotate"):
        method = "POST" if path.endswith("rotate") else "GET"
        assert (await client.request(method, BASE + path, json={})).status_code == 404
