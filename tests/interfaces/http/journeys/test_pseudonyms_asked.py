"""Who may ask for pseudonyms, and for what they stand for; what is wrong with a request."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.interfaces.http.journeys.erasing import ANN, OF_ANN, told
from tests.interfaces.http.journeys.house import BASE, House, Shop, over, pointers
from tests.interfaces.http.journeys.pseudonymizing import asked, created, pseudonymize, put_back

pytestmark = pytest.mark.anyio


async def test_values_come_back_by_a_right_of_its_own(shop: Shop, house: House) -> None:
    await told(shop)
    await pseudonymize(shop, "cust_ann")
    admin = shop.as_role("admin")
    roles = {"forgets": ["erasure.manage"], "unmasks": ["pseudonyms.reverse", "jobs.own"]}
    for name, permissions in roles.items():
        body = {"role": name, "permissions": permissions}
        assert (await admin.post(f"{BASE}/roles", json=body)).status_code == 201
    body = {"subject_id": "cust_ann", "reason": "case 7"}
    forgets, unmasks = (house.client(name, shop.tenant) for name in roles)
    async with forgets, unmasks:
        assert (await forgets.post(f"{BASE}/gdpr/depseudonymize", json=body)).status_code == 403
        assert (await unmasks.post(f"{BASE}/gdpr/pseudonymize", json=body)).status_code == 403
        made = await unmasks.post(f"{BASE}/gdpr/depseudonymize", json=body)
        assert made.status_code == 202, made.text
        assert (await over(unmasks, made.headers["location"]))["status"] == "succeeded"
    assert (await created(shop, "evt_1"))["customer"] == ANN


async def test_nobody_found_is_a_report_that_says_so(shop: Shop) -> None:
    await shop.record(payload={"note": "Jane"})
    for subject in ("cust_nobody", "nobody@example.org"):
        assert (await pseudonymize(shop, subject))["orders"]["found"] == 0
        assert (await put_back(shop, subject))["orders"]["found"] == 0
    assert "Jane" in (await shop.get("/orders/ord_1/timeline", "admin")).text


async def test_another_tenant_has_other_pseudonyms_and_keeps_its_values(shop: Shop) -> None:
    other = shop.house.shop()
    await told(shop)
    await told(other)
    job = await asked(shop, "pseudonymize", "cust_ann")
    assert (await created(other, "evt_1"))["customer"] == ANN
    await pseudonymize(other, "cust_ann")
    mine, theirs = await created(shop, "evt_1"), await created(other, "evt_1")
    for name in ("email", "name", "phone"):
        assert mine["customer"][name] != theirs["customer"][name]
    await put_back(other, "cust_ann")
    assert await created(shop, "evt_1") == mine
    for client, status in ((other.as_role("admin"), 404), (shop.as_role("auditor"), 403)):
        answer = await client.get(f"{BASE}/gdpr/{job['job_id']}")
        assert answer.status_code == status


async def test_who_asked_and_why_is_on_the_ledger_and_never_about_whom(shop: Shop) -> None:
    await told(shop)
    job = await asked(shop, "pseudonymize", ANN["email"], reason="less is enough")
    back = await asked(shop, "depseudonymize", ANN["email"], reason="case 7")
    for kind, one, why in (
        ("pseudonymisation", job, "less is enough"), ("depseudonymisation", back, "case 7"),
    ):  # fmt: skip
        (act,) = (await shop.read("/audit", "admin", type=f"history.{kind}.*"))["items"]
        assert (act["target"], act["after"]) == (
            f"{kind}/{one['job_id']}", {"job_id": one["job_id"], "reason": why},
        )  # fmt: skip
    facts = await shop.walk("/events", "admin", type="history.subject.pseudonymised")
    facts += await shop.walk("/events", "admin", type="history.subject.reidentified")
    assert len(facts) == 2
    assert {fact["payload"]["job_id"] for fact in facts} == {job["job_id"], back["job_id"]}
    assert not [value for value in (*OF_ANN, "cust_ann") if value in str(facts) + str(job)]


async def test_an_equal_request_under_way_is_joined(shop: Shop) -> None:
    await told(shop)
    with psycopg.connect(shop.house.settings.database_url, autocommit=True) as connection:
        letter = "insert into cell_0.dead_letters values ('orders', 1000000000, %s, 1, 'x', 1)"
        connection.execute(letter, (shop.tenant,))  # so that the job waits
        client, path = shop.as_role("admin"), f"{BASE}/gdpr/pseudonymize"
        made = [await client.post(path, json={"subject_id": "cust_ann"}) for _ in range(2)]
        connection.execute("delete from cell_0.dead_letters where tenant_id = %s", (shop.tenant,))
    assert made[0].json()["job_id"] == made[1].json()["job_id"]
    assert made[1].headers["idempotency-replayed"] == "true"
    assert (await over(client, made[0].headers["location"]))["status"] == "succeeded"


@pytest.mark.parametrize("path", ["pseudonymize", "depseudonymize"])
@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"reason": "x"}, "/subject_id"),
        ({"subject_id": 7, "reason": "x"}, "/subject_id"),
        ({"subject_id": "no at@ll", "reason": "x"}, "/subject_id"),
        ({"subject_id": "c", "reason": ""}, "/reason"),
        ({"subject_id": "c", "reason": 7}, "/reason"),
        ({"subject_id": "c", "reason": "4111 1111 1111 1111"}, "/reason"),
        ({"subject_id": "c", "reason": "x", "scope": "order_data"}, "/scope"),
        ([], ""),
    ],
)
async def test_what_is_wrong_is_told(shop: Shop, path: str, body: Any, pointer: str) -> None:
    answer = await shop.as_role("admin").post(f"{BASE}/gdpr/{path}", json=body)
    assert answer.status_code == 422
    assert pointer in pointers(answer)


async def test_the_values_come_back_for_a_reason_only(shop: Shop) -> None:
    body = {"subject_id": "cust_ann"}
    answer = await shop.as_role("admin").post(f"{BASE}/gdpr/depseudonymize", json=body)
    assert (answer.status_code, pointers(answer)) == (422, ["/reason"])
