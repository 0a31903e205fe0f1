"""Every answer that shows personal values has an entry in the access log, and no other has one."""

from __future__ import annotations

import re

import pytest

from interfaces.http.openapi import operations
from tests.interfaces.http.journeys.house import BASE, House, Json, Shop
from tests.interfaces.http.journeys.planted import PLANTED, logged, planted

pytestmark = pytest.mark.anyio

OWN = {"record_event", "record_correction", "record_events"}
"""What a producer is answered of what it has just said itself."""
ALWAYS = {"list_access_logs"}
IN_PARTS = {"request_access"}
"""Answers whose entries are of their parts."""


async def rejected_job(shop: Shop, role: str = "producer") -> str:
    lines = {"Content-Type": "application/x-ndjson", "Prefer": "wait=20"}
    answer = await shop.as_role(role).post(
        f"{BASE}/events/bulk", content=b'{"note": "planted"}', headers=lines
    )
    assert answer.json()["status"] == "succeeded", answer.text
    return str(answer.json()["job_id"])


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
