"""Every answer that shows personal values has an entry in the access log, and no other has one."""

from __future__ import annotations

import asyncio
import os
import re
from typing import Any

import httpx
import psycopg
import pytest
from msgspec import structs

from interfaces.composition.serving import api
from interfaces.http.openapi import operations
from interfaces.settings import AccessSettings
from tests.interfaces.http.journeys.house import BASE, House, Json, Shop, pointers
from tests.interfaces.http.journeys.test_stream import following

pytestmark = pytest.mark.anyio

PERSON = {
    "email": "planted@example.org",
    "name": "Planted Person",
    "phone": "+46 70 123 45 67",
}
ADDRESS = {"name": "Planted Person", "line1": "7 Planted Lane", "city": "Plantedby"}
PLANTED = re.compile(r"planted|70 123 45|192\.0\.2\.77", re.IGNORECASE)
OWN = {"record_event", "record_correction", "record_events"}
"""What a producer is answered of what it has just said itself."""
ALWAYS = {"list_access_logs"}
IN_PARTS = {"request_access"}
"""Answers whose entries are of their parts."""


async def planted(shop: Shop) -> None:
    """An order, its correction, a snapshot and a rejected line, with a person in each."""
    payload = {"customer": {"id": "c1", **PERSON}, "shipping_address": ADDRESS, "total_minor": 5}
    await shop.record(
        type="order.created", payload=payload, metadata={"actor_id": "u1", "ip": "192.0.2.77"}
    )
    note = {"correction": "planted", "patch": {"customer": {"email": "planted2@example.org"}}}
    correction = shop.event(type="order.correction", correction_of="evt_1", payload=note)
    assert (await shop.send(correction)).status_code == 201
    snapshot = {
        "snapshot_id": "snap_1", "captured_at": "2025-01-01T00:00:00Z", "source": "shop",
        "state": {"note": "planted"}, "metadata": {"email": "planted@example.org"},
    }  # fmt: skip
    path = f"{BASE}/orders/ord_1/snapshots"
    assert (await shop.as_role("producer").post(path, json=snapshot)).status_code == 201


async def rejected_job(shop: Shop, role: str = "producer") -> str:
    lines = {"Content-Type": "application/x-ndjson", "Prefer": "wait=20"}
    answer = await shop.as_role(role).post(
        f"{BASE}/events/bulk", content=b'{"note": "planted"}', headers=lines
    )
    assert answer.json()["status"] == "succeeded", answer.text
    return str(answer.json()["job_id"])


async def logged(shop: Shop, role: str = "admin", **query: Any) -> list[Json]:
    """The entries of the shop's log, the newest first, but for reads of the log itself."""
    answer = await shop.as_role(role).get(
        f"{BASE}/access-logs", params={name.rstrip("_"): value for name, value in query.items()}
    )
    assert answer.status_code == 200, answer.text
    return [one for one in answer.json()["items"] if one["operation"] != "list_access_logs"]


def requests(house: House, job_id: str) -> dict[str, tuple[str, str]]:
    """Method and path of every GET and POST below the base path but the stream, which does not end,
    asking for what is there."""
    known = {
        "event_id": "evt_1", "order_id": "ord_1", "correction_id": "evt_2", "job_id": job_id,
        "snapshot_id": "snap_1", "type": "order.*", "search_id": "none", "path": "checkpoint",
    }  # fmt: skip

    def path_of(template: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda found: known.get(found[1], "0"), template)

    return {
        item.endpoint.operation_id: (item.endpoint.method, path_of(item.path))
        for item in operations(house.app)
        if item.path.startswith(BASE)
        and item.endpoint.method in ("GET", "POST")
        and item.endpoint.operation_id != "stream_events"
    }


BODIES: dict[str, Json] = {
    "search": {"query": {"ident": "planted@example.org"}},
    "aggregate": {"measures": [{"op": "count"}]},
    "top": {"field": "type", "k": 2},
    "validate_events": {"event_id": "x"},
    "request_access": {"subject_id": "c1"},
}


@pytest.mark.parametrize("role", ["support", "admin", "history_reader"])
async def test_what_shows_a_planted_value_is_logged_and_nothing_else(shop: Shop, role: str) -> None:
    await planted(shop)
    job_id = await rejected_job(shop)
    await shop.read("/events")  # the read models have all of it
    client, showing = shop.as_role(role), set()
    asked = requests(shop.house, job_id)
    for operation, (method, path) in asked.items():
        before = len(await logged(shop, limit=1000))
        body = BODIES.get(operation)
        if operation == "record_event":
            body = shop.event(payload={"note": "planted"}, event_id="evt_own")
        answer = await client.request(method, path, json=body)
        assert answer.status_code < 500 or operation == "verify_event", answer.text
        shows = bool(PLANTED.search(answer.text)) and operation not in OWN
        entries = await logged(shop, limit=1000)
        made = len(entries) - before
        if operation not in ALWAYS:
            assert made == shows, f"{operation}: {answer.text[:500]}"
        if shows:
            showing.add(operation)
            assert entries[0]["operation"] == operation
            in_parts = operation in IN_PARTS
            assert (entries[0]["size_bytes"] == len(answer.content)) is not in_parts
            assert entries[0]["personal_values"] > 0
            assert entries[0]["fields"]
    if role == "history_reader":
        assert showing == set()
    else:
        assert showing >= {
            "get_event", "list_events", "get_timeline", "get_events_of_type", "get_state",
            "get_snapshot", "get_correction", "list_corrections_of", "search",
        }  # fmt: skip
        assert ("list_rejected" in showing) is (role == "admin")
        assert ("request_access" in showing) is (role == "admin")


async def test_an_entry_says_who_saw_what_of_whom_and_why(shop: Shop) -> None:
    await planted(shop)
    await shop.record("ord_2", payload={"note": "planted"})
    await shop.record("ord_3", payload={"total_minor": 4})
    answer = await shop.get("/events", "support", headers={"X-Access-Reason": "tickét 4".encode()})
    (entry,) = await logged(shop)
    assert entry | {"entry_id": "", "at": ""} == {
        "entry_id": "",
        "at": "",
        "subject": "a support",
        "roles": ["support"],
        "operation": "list_events",
        "endpoint": "GET /events",
        "orders": ["ord_1", "ord_2"],
        "fields": ["city", "correction", "email", "ip", "line1", "name", "note", "phone"],
        "events": 3,
        "personal_values": 10,
        "size_bytes": len(answer.content),
        "reason": "tickét 4",
        "address": "127.0.0.1",
    }


async def test_the_readers_reason_and_address_are_masked_for_who_sees_no_persons(
    shop: Shop,
) -> None:
    await planted(shop)
    await shop.get("/events/evt_1", "support", headers={"X-Access-Reason": "ticket 4"})
    (entry,) = await logged(shop, "auditor")
    assert entry["reason"] == entry["address"] == {"masked": True}


async def test_filters_each_find_what_they_say(shop: Shop) -> None:
    await planted(shop)
    await shop.record("ord_2", payload={"note": "planted"})
    await shop.get("/orders/ord_1/timeline", "support", headers={"X-Access-Reason": "t"})
    await shop.get("/orders/ord_2/timeline", "support")
    await shop.get("/events", "investigator")
    all_ = await logged(shop)
    assert [one["operation"] for one in all_] == ["list_events", "get_timeline", "get_timeline"]
    third, second, first = all_
    for query, expected in (
        ({"subject": "a support"}, [second, first]),
        ({"order_id": "ord_1"}, [third, first]),
        ({"order_id": "ord_1", "subject": "a support"}, [first]),
        ({"operation": "get_timeline"}, [second, first]),
        ({"from_": second["at"]}, [third, second]),
        ({"to": second["at"]}, [first]),
        ({"order_id": "ord_1", "from_": second["at"], "to": "2999-01-01T00:00:00Z"}, [third]),
        ({"reason_given": "true"}, [first]),
        ({"reason_given": "false", "order_id": "ord_1"}, [third]),
        ({"order_id": "ord_9"}, []),
    ):
        assert await logged(shop, **query) == expected, query


async def test_pages_have_each_entry_once_while_more_come(shop: Shop) -> None:
    await planted(shop)
    for _ in range(7):
        await shop.get("/events/evt_1", "support")
    expected = [one["entry_id"] for one in await logged(shop, operation="get_event")]
    assert len(set(expected)) == 7
    for filters in ({"operation": "get_event"}, {"operation": "get_event", "order_id": "ord_1"}):
        found: list[str] = []
        cursor: Json = {}
        while True:
            query: Json = {"limit": 2, **filters, **cursor}
            answer = await shop.as_role("auditor").get(f"{BASE}/access-logs", params=query)
            found += [one["entry_id"] for one in answer.json()["items"]]
            await shop.get("/events/evt_1", "support")
            if answer.json()["next_cursor"] is None:
                break
            cursor = {"cursor": answer.json()["next_cursor"]}
        assert [one for one in found if one in expected] == expected
        assert len(set(found)) == len(found)


async def test_reading_the_log_is_logged(shop: Shop) -> None:
    for role, shown in (("auditor", 0), ("admin", 1)):
        await shop.as_role(role).get(f"{BASE}/access-logs")
        answer = await shop.as_role("admin").get(f"{BASE}/access-logs", params={"limit": 1})
        (entry,) = answer.json()["items"]
        assert entry["operation"] == "list_access_logs"
        assert (entry["subject"], entry["orders"]) == (f"a {role}", [])
        assert (entry["personal_values"] > 0) == bool(shown), "addresses of those before"


async def test_nothing_is_logged_of_what_the_caller_has_already(shop: Shop) -> None:
    await planted(shop)
    tag = (await shop.get("/events/evt_1", "support")).headers["etag"]
    again = await shop.get("/events/evt_1", "support", headers={"If-None-Match": tag})
    assert again.status_code == 304
    assert len(await logged(shop)) == 1


@pytest.mark.parametrize("reason", ["", " ", "x" * 201, "a\x7fb", b"\xff\xfe"])
async def test_a_reason_that_is_none_is_refused(shop: Shop, reason: Any) -> None:
    headers = {"X-Access-Reason": reason}
    answer = await shop.as_role("support").get(f"{BASE}/events", headers=headers)
    assert answer.status_code == 422
    assert pointers(answer) == ["/X-Access-Reason"]


async def test_a_reason_of_two_hundred_characters_is_taken_and_a_card_number_is_not(
    shop: Shop,
) -> None:
    await planted(shop)
    for reason, kept in (
        ("ö" * 200, "ö" * 200),
        ("paid with 4111 1111 1111 1111", "paid with [PAN ****1111]"),
    ):
        headers = {b"X-Access-Reason": reason.encode()}
        answer = await shop.as_role("support").get(f"{BASE}/events/evt_1", headers=headers)
        assert answer.status_code == 200
        assert (await logged(shop))[0]["reason"] == kept


async def test_where_a_role_needs_a_reason_nothing_is_shown_without(house: House) -> None:
    settings = structs.replace(house.settings, access=AccessSettings(reasoned=("support",)))
    async with api(settings) as services:
        shop = House(settings, services).shop()
        await planted(shop)
        await shop.record("ord_2", payload={"total_minor": 4})
        for path in ("/events/evt_1", "/events", "/orders/ord_1/snapshot"):
            answer = await shop.get(path, "support")
            assert answer.status_code == 403
            assert "X-Access-Reason" in answer.json()["detail"]
            assert not PLANTED.search(answer.text)
            answer = await shop.get(path, "support", headers={"X-Access-Reason": "ticket 4"})
            assert PLANTED.search(answer.text)
        stream = await shop.as_role("support").get(f"{BASE}/events/stream")
        assert stream.status_code == 403
        # Nothing personal would be shown; and another role.
        assert (await shop.get("/orders/ord_2/timeline", "support")).status_code == 200
        assert (await shop.get("/events/evt_1", "investigator")).status_code == 200
        assert len(await logged(shop)) == 4


async def test_each_batch_of_a_stream_is_logged_before_it_is_sent(house: House, shop: Shop) -> None:
    await planted(shop)
    async with house.served() as url, following(url, shop, "support", after=0) as follower:
        await follower.events(2)
        first = await logged(shop, operation="stream_events")
        await shop.record("ord_2", payload={"note": "planted"})
        await follower.event()
        entries = await logged(shop, operation="stream_events")
    assert [one["orders"] for one in first] == [["ord_1"]]
    assert [one["orders"] for one in entries] == [["ord_2"], ["ord_1"]]


@pytest.mark.parametrize("written", [OSError(28, "No space left on device"), 7])
async def test_what_cannot_be_logged_is_not_shown(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, written: Any
) -> None:
    """A full disk: the write fails, or is short."""
    await planted(shop)
    real = os.write

    def write(descriptor: int, data: bytes) -> int:
        if isinstance(written, OSError):
            raise written
        return real(descriptor, data[:written])

    await shop.get("/events/evt_1", "support")
    with monkeypatch.context() as patched:
        patched.setattr("infrastructure.access_log.spool.os.write", write)
        for path in ("/events/evt_1", "/orders/ord_1/timeline", "/orders/ord_1/snapshot"):
            answer = await shop.get(path, "support")
            assert answer.status_code == 503
            assert answer.headers["retry-after"]
            assert not PLANTED.search(answer.text)
            assert (await shop.get(path, "history_reader")).status_code == 200
    assert (await shop.get("/events/evt_1", "support")).status_code == 200
    assert len(await logged(shop)) == 2, "one before, one after, none lost behind a torn frame"


async def test_no_entry_holds_a_value_of_the_order_or_of_the_reader(
    house: House, shop: Shop, database_url: str
) -> None:
    await planted(shop)
    headers = {"X-Access-Reason": "planted reason"}
    await shop.get("/orders/ord_1/timeline", "support", headers=headers)
    await shop.get("/orders/ord_1/snapshot", "support", headers=headers)
    directory = house.settings.data_dir / "access"
    spooled = b"".join(path.read_bytes() for path in directory.iterdir())
    await logged(shop)
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "select l::text, p::text, o::text from cell_0.access_log l"
            " join cell_0.access_log_personal p using (tenant_id, entry_id)"
            " join cell_0.access_log_orders o using (tenant_id, entry_id)"
            " where tenant_id = %s",
            (shop.tenant,),
        ).fetchall()
    assert len(rows) == 2
    kept = "".join(text for row in rows for text in row).encode() + spooled
    for value in ("planted", "Planted", "70 123", "192.0.2.77", "127.0.0.1"):
        assert value.encode() not in kept
        assert value.encode().hex().encode() not in kept


async def test_an_erased_reason_stays_erased_and_the_entry_stays(
    shop: Shop, database_url: str
) -> None:
    await planted(shop)
    await shop.get("/events/evt_1", "support", headers={"X-Access-Reason": "ticket 4"})
    (before,) = await logged(shop)
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "update cell_0.data_keys set wrapped = null"
            " where tenant_id = %s and kind = 'reader' and subject = 'a support'",
            (shop.tenant,),
        )
    erased = {"reason": {"erased": True}, "address": {"erased": True}}
    assert await logged(shop) == [before | erased]
    await shop.get("/events/evt_1", "support", headers={"X-Access-Reason": "ticket 5"})
    assert [one["reason"] for one in await logged(shop)] == [{"erased": True}] * 2


async def test_a_role_of_any_characters_stops_no_log(shop: Shop) -> None:
    """A token's roles are whatever its issuer writes; no column holds U+0000."""
    await planted(shop)
    odd = shop.house.client("support", shop.tenant, more=["\x00", "tier 2"])
    assert (await odd.get(f"{BASE}/events/evt_1")).status_code == 200
    assert [one["roles"] for one in await logged(shop)] == [["support", "tier 2"]]


async def test_many_at_once_are_each_logged_once(shop: Shop) -> None:
    await planted(shop)
    client = shop.as_role("support")

    async def read() -> httpx.Response:
        return await client.get(f"{BASE}/events/evt_1")

    answers = await asyncio.gather(*(read() for _ in range(60)))
    shown = [answer for answer in answers if answer.status_code == 200]  # a busy machine refuses
    entries = await logged(shop, limit=1000)
    assert len({one["entry_id"] for one in entries}) == len(entries) == len(shown) > 0
