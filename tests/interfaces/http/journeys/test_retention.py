"""Retention policies over HTTP: what they may say, what a dry run tells, when they are enabled."""

from __future__ import annotations

import pytest

from tests.interfaces.http.bad_bodies import CARD, MAIL
from tests.interfaces.http.journeys.house import House, Json, Shop, pointers
from tests.interfaces.http.journeys.retaining import (
    PATH,
    PAYMENTS,
    SNAPSHOTS,
    changed,
    made,
    report,
    seen,
)

pytestmark = pytest.mark.anyio


async def refused(shop: Shop, body: Json, policy: Json | None = None) -> list[tuple[str, str]]:
    """What is wrong with a policy, or with a change of one."""
    client = shop.as_role("admin")
    if policy is None:
        answer = await client.post(PATH, json=body)
    else:
        answer = await client.patch(f"{PATH}/{policy['policy_id']}", json=body)
    assert answer.status_code == 422, answer.text
    assert pointers(answer)
    return [(one["pointer"], one["detail"]) for one in answer.json()["errors"]]


async def test_a_policy_is_made_seen_changed_and_deleted(shop: Shop) -> None:
    policy = await made(shop)
    assert {name: policy[name] for name in PAYMENTS} == PAYMENTS
    assert (policy["counted_from"], policy["duty"], policy["enabled"]) == (
        "occurred_at", False, False,
    )  # fmt: skip
    assert (policy["status"], policy["version"], policy["tried"]) == ("draft", 1, False)
    assert (policy["created_by"], policy["last_dry_run"], policy["last_run"]) == (
        "a admin", None, None,
    )  # fmt: skip
    assert await seen(shop, policy) == policy
    second = await made(shop, SNAPSHOTS)
    page = await shop.read("/retention/policies", "auditor", limit=1)
    assert (page["items"], page["total"]) == ([second], 2)
    assert (await shop.read("/retention/policies", "auditor", limit=1, page=2))["items"] == [policy]
    again = await changed(shop, policy, name="pay", retain_for="P1Y")
    assert (again["name"], again["retain_for"], again["version"]) == ("pay", "P1Y", 2)
    assert again["changed_at"] > again["created_at"] == policy["created_at"]
    assert again["sequence"] > policy["sequence"]
    gone = await shop.as_role("admin").delete(f"{PATH}/{policy['policy_id']}")
    assert (gone.status_code, gone.content) == (204, b"")
    for method in ("GET", "DELETE"):
        answer = await shop.as_role("admin").request(method, f"{PATH}/{policy['policy_id']}")
        assert answer.status_code == 404
    acts = await shop.walk("/audit", "auditor", type="history.retention.*")
    mine = [act for act in reversed(acts) if act["target"].endswith(policy["policy_id"])]
    assert [act["type"].rpartition(".")[2] for act in mine] == [
        "policy_created", "policy_changed", "policy_deleted",
    ]  # fmt: skip
    assert (mine[1]["before"]["name"], mine[1]["after"]["name"]) == ("payments", "pay")
    assert mine[2]["before"]["legal_basis"] == "contract"


async def test_a_change_may_want_the_policy_as_it_was_seen(shop: Shop) -> None:
    policy = await made(shop)
    client, path = shop.as_role("admin"), f"{PATH}/{policy['policy_id']}"
    tag = (await client.get(path)).headers["etag"]
    same = await client.get(path, headers={"If-None-Match": tag})
    assert same.status_code == 304
    done = await client.patch(path, json={"name": "pay"}, headers={"If-Match": tag})
    assert done.status_code == 200
    late = await client.patch(path, json={"name": "late"}, headers={"If-Match": tag})
    assert late.status_code == 412
    assert (await seen(shop, policy))["name"] == "pay"
    now = await client.patch(path, json={"name": "x"}, headers={"If-Match": done.headers["etag"]})
    assert now.status_code == 200
    any_ = await client.patch(path, json={"name": "y"}, headers={"If-Match": "*"})
    assert any_.json()["name"] == "y"


@pytest.mark.parametrize(
    ("change", "pointer", "why"),
    [
        ({"event_types": ["order.payment.failed"]}, "/event_types", "overlaps"),
        ({"event_types": ["*"], "retain_for": "P9Y"}, "/event_types", "overlaps"),
        ({"action": "purge"}, "/retain_for", "must come later than redact after P6M"),
        ({"action": "archive", "retain_for": "P1Y"}, "/retain_for", "must come later"),
        ({"action": "purge", "retain_for": "P1Y", "duty": True}, "/retain_for",
         "is before a duty to keep for P1Y ends"),
    ],
)  # fmt: skip
async def test_conflicts_are_refused_and_named(
    shop: Shop, change: Json, pointer: str, why: str
) -> None:
    policy = await made(shop)
    ((place, detail),) = await refused(shop, {**PAYMENTS, **change, "name": "other"})
    assert place == pointer
    assert why in detail
    assert policy["policy_id"] in detail
    assert "'payments'" in detail
    assert "order.payment." in detail


async def test_a_change_conflicts_just_so(shop: Shop) -> None:
    policy = await made(shop)
    other = await made(shop, event_types=["order.created"], retain_for="P1D")
    ((place, detail),) = await refused(shop, {"event_types": ["*"]}, other)
    assert (place, policy["policy_id"] in detail) == ("/event_types", True)
    assert (await seen(shop, other))["version"] == 1
    await changed(shop, other, retain_for="P2D")  # it does not conflict with itself


@pytest.mark.parametrize(
    ("bad", "pointer"),
    [
        ({"retain_for": "6 months"}, "/retain_for"),
        ({"retain_for": "P101Y"}, "/retain_for"),
        ({"event_types": ["history.*"]}, "/event_types/0"),
        ({"event_types": None}, "/event_types"),
        ({"name": f"ask {MAIL}"}, "/name"),
        ({"legal_basis": f"ask {MAIL}"}, "/legal_basis"),
        ({"legal_basis": f"as for {CARD}"}, "/legal_basis"),
        ({"legal_basis": "\0"}, "/legal_basis"),
        ({"legal_basis": None}, "/legal_basis"),
        ({"applies_to": "snapshots", "event_types": None, "counted_from": "received_at"},
         "/counted_from"),
        ({"enabled": True}, "/enabled"),
        ({"retain_fro": "P1Y"}, "/retain_fro"),
    ],
)  # fmt: skip
async def test_what_a_policy_may_not_say(shop: Shop, bad: Json, pointer: str) -> None:
    ((place, detail),) = await refused(shop, {**PAYMENTS, **bad})
    assert place == pointer
    assert MAIL not in detail
    assert CARD not in detail


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b'{"dry_run": 1}', b'{"x": 1}'])
async def test_bodies_that_are_none(shop: Shop, body: bytes) -> None:
    policy = await made(shop)
    client, path = shop.as_role("admin"), f"{PATH}/{policy['policy_id']}"
    for method, where in (("POST", PATH), ("PATCH", path), ("POST", f"{path}/runs")):
        answer = await client.request(method, where, content=body)
        empty_run = where.endswith("/runs") and body == b""
        assert answer.status_code == 202 if empty_run else answer.status_code in (400, 422)


async def test_a_policy_is_enabled_once_it_was_tried_as_it_is(shop: Shop) -> None:
    policy = await made(shop)
    ((pointer, detail),) = await refused(shop, {"enabled": True}, policy)
    assert (pointer, "dry run" in detail) == ("/enabled", True)
    await report(shop, policy, dry_run=True)
    assert (await seen(shop, policy))["tried"] is True
    assert (await changed(shop, policy, name="pay"))["tried"] is True
    active = await changed(shop, policy, enabled=True)
    assert (active["enabled"], active["status"], active["version"]) == (True, "active", 3)
    assert (await changed(shop, policy, legal_basis="law"))["enabled"] is True
    longer = await changed(shop, policy, retain_for="P1Y")
    assert (longer["enabled"], longer["status"], longer["tried"]) == (False, "draft", False)
    assert await refused(shop, {"enabled": True}, policy)
    await report(shop, policy, dry_run=True)
    assert await refused(shop, {"retain_for": "P2Y", "enabled": True}, policy)
    assert (await changed(shop, policy, enabled=True))["enabled"] is True


async def test_only_an_enabled_policy_is_run(shop: Shop) -> None:
    policy = await made(shop)
    path = f"{PATH}/{policy['policy_id']}/runs"
    answer = await shop.as_role("admin").post(path, json={"dry_run": False})
    assert (answer.status_code, pointers(answer)) == (422, ["/dry_run"])
    assert (await shop.as_role("admin").post(path)).json()["kind"] == "retention"


async def test_the_templates_can_be_sent_as_they_are(shop: Shop) -> None:
    templates = (await shop.read("/retention/templates", "auditor"))["items"]
    assert [one["retain_for"] for one in templates] == ["P7Y", "P12M"]
    for body in templates:
        policy = await made(shop, body)
        assert {name: policy[name] for name in body} == body


async def test_a_policy_of_another_tenant_is_not_there(shop: Shop, house: House) -> None:
    policy = await made(shop)
    other = house.shop()
    assert (await other.read("/retention/policies", "admin"))["items"] == []
    answer = await other.as_role("admin").post(f"{PATH}/{policy['policy_id']}/runs")
    assert answer.status_code == 404
    await made(other)  # conflicts with nothing of theirs
    assert (await seen(shop, policy))["version"] == 1
