"""How a person's data is given: to whom, on which trails, in which batches, and what is cut off."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from msgspec import structs

from application.subject_access import reading
from infrastructure.event_store.reader import Reader
from interfaces.composition.serving import api
from interfaces.settings import AccessSettings
from tests.interfaces.http.journeys.erasing import ANN, told
from tests.interfaces.http.journeys.house import BASE, ROLES, House, Json, Shop, pointers
from tests.interfaces.http.journeys.test_subject_access import (
    PATH,
    asked,
    export,
    lines_of,
    logged,
    of_kind,
)

pytestmark = pytest.mark.anyio


async def test_all_that_is_shown_is_in_the_access_log(shop: Shop) -> None:
    await told(shop)
    answer = await asked(shop.as_role("admin"), ANN["email"])
    entries, end = await logged(shop), lines_of(answer)[-1]
    assert sum(one["personal_values"] for one in entries) == end["values"] > 0
    assert {order for one in entries for order in one["orders"]} == {"ann_1", "ann_2", "ben_1"}
    assert {field for one in entries for field in one["fields"]} == {
        "city", "email", "line1", "name", "note", "phone",
    }  # fmt: skip
    assert {one["endpoint"] for one in entries} == {"POST /gdpr/access-request"}


async def test_the_audit_trail_has_who_and_why_and_how_much_and_never_whom(shop: Shop) -> None:
    await told(shop)
    found = await export(shop, "cust_ann", reason="a letter")
    await shop.get("/events")
    query = {"type": "history.subject_access.*"}
    answered, requested = (await shop.read("/audit", "admin", **query))["items"]
    target = f"subject-access/{found[0]['request_id']}"
    assert [requested["type"], answered["type"]] == [
        "history.subject_access.requested", "history.subject_access.answered",
    ]  # fmt: skip
    assert requested["target"] == answered["target"] == target
    assert (requested["actor_id"], requested["after"]) == ("a admin", {"reason": "a letter"})
    assert requested["sequence"] == found[0]["as_of_sequence"]
    end = {name: value for name, value in found[-1].items() if name != "kind"}
    assert answered["after"] == end
    acts = await shop.walk("/events", "admin", type="history.subject_access.*")
    assert len(acts) == 2
    assert "cust_ann" not in str(acts)


@pytest.mark.parametrize("role", ROLES)
async def test_only_an_administrator_is_given_it(shop: Shop, role: str) -> None:
    answer = await asked(shop.as_role(role), "cust_ann")
    assert (answer.status_code == 200) is (role == "admin")
    assert answer.status_code in (200, 403)


@pytest.mark.parametrize(
    "more",
    [
        [],
        [{"permissions": ["personal.read"], "scope": {"personal": ["name"]}}],
        [{"permissions": ["personal.read"], "scope": {"sources": ["shop"]}}],
    ],
)
async def test_without_all_personal_values_nothing_is_given(shop: Shop, more: list[Json]) -> None:
    await told(shop)
    admin = shop.as_role("admin")
    roles = [{"permissions": ["subject_access.run"]}, *more]
    for number, role in enumerate(roles):
        made = await admin.post(f"{BASE}/roles", json={"role": f"own-{number}", **role})
        assert made.status_code == 201, made.text
    names = [f"own-{number}" for number in range(len(roles))]
    desk = shop.house.client(names[0], shop.tenant, subject="desk", more=names[1:])
    answer = await asked(desk, "cust_ann")
    assert answer.status_code == 403
    assert "personal.read" in answer.json()["detail"]
    assert (await shop.read("/audit", "admin", type="history.subject_access.*"))["items"] == []


async def test_a_required_reason_is_required_before_anything_is_done(house: House) -> None:
    settings = structs.replace(house.settings, access=AccessSettings(reasoned=("admin",)))
    async with api(settings) as services:
        shop = House(settings, services).shop()
        await told(shop)
        assert (await asked(shop.as_role("admin"), "cust_ann")).status_code == 403
        why = {"X-Access-Reason": "a letter"}
        answer = await shop.as_role("admin").post(
            PATH, json={"subject_id": "cust_ann"}, headers=why
        )
        assert "Ann Marlow" in json.dumps(lines_of(answer))
        assert len(await shop.walk("/events", "auditor", type="history.subject_access.*")) == 2


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/subject_id"),
        ({"subject_id": "no at@ll"}, "/subject_id"),
        ({"subject_id": "a\u0000"}, "/subject_id"),
        ({"subject_id": "c", "reason": "4111 1111 1111 1111"}, "/reason"),
        ({"subject_id": "c", "scope": "order_data"}, "/scope"),
        ([], ""),
    ],
)
async def test_what_is_wrong_is_told(shop: Shop, body: Any, pointer: str) -> None:
    answer = await shop.as_role("admin").post(PATH, json=body)
    assert answer.status_code == 422
    assert pointer in pointers(answer)


async def much(shop: Shop, events: int = 1000) -> None:
    """An order of Ann's with so many events."""
    await shop.record("much", type="order.created", payload={"customer": ANN})
    await shop.record_all(
        shop.event("much", payload={"note": f"note {number}"}) for number in range(events - 1)
    )


async def test_very_much_comes_in_batches_each_logged(shop: Shop) -> None:
    await much(shop)
    found = await export(shop, "cust_ann")
    assert len(of_kind(found, "event")) == 1000
    notes = [one["payload"].get("note") for one in of_kind(found, "event")[1:]]
    assert sorted(notes) == sorted(f"note {number}" for number in range(999))
    sizes = [one["events"] for one in await logged(shop)]
    assert sum(sizes) == 1000
    assert max(sizes) <= reading.PAGE


async def test_what_is_recorded_meanwhile_is_not_in_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await much(shop, 300)
    real = Reader.of_orders
    late = iter([shop.event("much", payload={"note": "late"})])

    async def of_orders(*given: Any) -> Any:
        for event in late:
            assert (await shop.send(event)).status_code == 201
        return await real(*given)

    monkeypatch.setattr(Reader, "of_orders", of_orders)
    assert "late" not in json.dumps(await export(shop, "cust_ann"))
    assert "late" in json.dumps(await export(shop, "cust_ann"))


async def test_what_cannot_be_logged_is_not_sent(
    house: House, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk while it is under way: the file ends without its last line."""
    await much(shop, 500)
    real, notes = house.services.access_log.note, iter(range(100))

    async def note(*given: Any) -> None:
        if next(notes) == 1:
            raise OSError(28, "No space left on device")
        await real(*given)

    monkeypatch.setattr(house.services.access_log, "note", note)
    async with house.served() as url:
        text, whole = await downloaded(url, house.token("admin", [shop.tenant]))
    assert not whole
    lines = [json.loads(line) for line in text.splitlines()]
    assert lines[0]["kind"] == "export"
    assert 0 < len(of_kind(lines, "event")) <= reading.PAGE
    assert lines[-1]["kind"] != "end"


async def downloaded(url: str, token: str) -> tuple[str, bool]:
    """What came, and whether the answer came to its end."""
    came = b""
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=url, headers=headers) as client:
        try:
            async with client.stream("POST", PATH, json={"subject_id": "cust_ann"}) as answer:
                async for chunk in answer.aiter_bytes():
                    came += chunk
        except httpx.RemoteProtocolError:
            return came.decode(), False
    return came.decode(), True


async def test_a_client_that_goes_away_is_noticed(
    house: House, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was sent is in the access log; that it was answered is not told."""
    await much(shop, 1000)
    headers = {"Authorization": f"Bearer {house.token('admin', [shop.tenant])}"}
    begun, cancelled = asyncio.Event(), asyncio.Event()
    real = Reader.of_orders

    async def of_orders(reader: Reader, *given: Any) -> Any:
        if given[2] == 0:  # the first page
            return await real(reader, *given)
        begun.set()
        try:
            return await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    monkeypatch.setattr(Reader, "of_orders", of_orders)
    async with (
        house.served() as url,
        httpx.AsyncClient(base_url=url, headers=headers) as client,
    ):
        request = client.build_request("POST", PATH, json={"subject_id": "cust_ann"})
        answer = await client.send(request, stream=True)
        await begun.wait()
        await answer.aclose()
        async with asyncio.timeout(10):
            await cancelled.wait()
    acts = await shop.walk("/events", "admin", type="history.subject_access.*")
    assert [one["type"] for one in acts] == ["history.subject_access.requested"]
    assert [one["events"] for one in await logged(shop)] == [reading.PAGE - 1]
