"""Every bad body gets the right answer, points at the field, and leaves nothing behind."""

from __future__ import annotations

from typing import Any

import pytest

from tests.interfaces.http import bad_bodies as bad
from tests.interfaces.http import bad_events, bad_snapshots
from tests.interfaces.http.bad_bodies import Bad
from tests.interfaces.http.journeys.house import BASE, House, Shop, pointers

pytestmark = pytest.mark.anyio

SNAPSHOTS = "/orders/ord_1/snapshots"
POSTS = {
    "/events": bad.GOOD_EVENT,
    "/corrections": bad.GOOD_CORRECTION,
    SNAPSHOTS: bad.GOOD_SNAPSHOT,
    "/snapshots/compute": bad.GOOD_COMPUTE,
    "/events/validate": bad.GOOD_EVENT,
}
ROWS: list[tuple[str, Bad]] = [
    *(("/events", row) for row in (*bad.UNREADABLE, *bad.NO_OBJECT, *bad_events.EVENTS)),
    *(("/corrections", row) for row in bad_events.CORRECTIONS),
    *((SNAPSHOTS, row) for row in bad_snapshots.SNAPSHOTS),
    *(("/snapshots/compute", row) for row in bad_snapshots.COMPUTE),
    *(("/events/validate", row) for row in bad_events.VALIDATE),
]


@pytest.fixture(scope="module")
async def stocked(house: House) -> Shop:
    """What the table says the tenant holds."""
    shop = house.shop()
    await shop.record("ord_1", event_id="evt_0", type="order.created")
    await shop.record("ord_2", event_id="evt_2", type="order.created")
    await shop.record(
        event_id="evt_remark", type="order.correction", correction_of="evt_0",
        payload={"correction": "typed wrong"},
    )  # fmt: skip
    body = bad.encoded(bad.GOOD_SNAPSHOT, {"snapshot_id": "snap_0", "source": "else"})
    assert (await post(shop, SNAPSHOTS, body)).status_code == 201
    return shop


async def post(shop: Shop, path: str, body: bytes) -> Any:
    headers = {"Content-Type": "application/json"}
    return await shop.as_role("admin").post(BASE + path, content=body, headers=headers)


async def refused(shop: Shop, path: str, row: Bad) -> None:
    head = await shop.head()
    answer = await post(shop, path, bad.encoded(POSTS[path], row.body))
    assert answer.status_code == row.status, answer.text
    found = pointers(answer)
    assert (row.pointer in found) if row.pointer is not None else not found, answer.text
    assert bad.CARD not in answer.text
    assert bad.MAIL not in answer.text
    assert await shop.head() == head


def test_the_table_is_long_enough_and_names_no_row_twice() -> None:
    assert len(ROWS) >= 200
    names = [(path, row.name) for path, row in ROWS]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize(("path", "row"), ROWS, ids=[f"{path}: {row.name}" for path, row in ROWS])
async def test_a_bad_body(stocked: Shop, path: str, row: Bad) -> None:
    await refused(stocked, path, row)


async def test_what_cannot_be_read_is_refused_everywhere(stocked: Shop) -> None:
    for path in POSTS:
        for row in bad.UNREADABLE:
            await refused(stocked, path, row)


async def test_what_is_no_object_is_refused_everywhere(stocked: Shop) -> None:
    for path in ("/corrections", SNAPSHOTS, "/snapshots/compute"):
        for row in bad.NO_OBJECT:
            await refused(stocked, path, row)


async def test_validating_says_what_recording_would(stocked: Shop) -> None:
    for row in bad_events.EVENTS:
        if row.status != 422 or row.name.startswith("a correction"):
            continue  # what only the ledger can tell
        answer = await post(stocked, "/events/validate", bad.encoded(bad.GOOD_EVENT, row.body))
        assert answer.status_code == 200, row.name
        report = answer.json()
        (result,) = report["results"]
        assert report["valid"] is result["valid"] is False, row.name
        assert row.pointer in [error["pointer"] for error in result["errors"]], row.name
    assert (await stocked.get("/events/evt_new")).status_code == 404


async def test_validating_a_list_tells_of_each(stocked: Shop) -> None:
    good = stocked.event(event_id="evt_good", payload={"note": "x", "a": {"city": "Lyon"}})
    there = stocked.event(event_id="evt_0")
    answer = await post(stocked, "/events/validate", bad.encoded({}, [good, 7, there, {}]))
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [result["valid"] for result in results] == [True, False, True, False]
    assert [result["duplicate"] for result in results] == [False, False, True, False]
    assert results[0]["pii"] == ["/payload/note", "/payload/a/city"]
    assert answer.json()["valid"] is False
    large = stocked.event(payload={"x": "y" * 300_000})
    told = await post(stocked, "/events/validate", bad.encoded({}, [good, large, there]))
    assert told.status_code == 200
    assert [result["valid"] for result in told.json()["results"]] == [True, False, True]
    assert [error["pointer"] for error in told.json()["results"][1]["errors"]] == [""]
    empty = await post(stocked, "/events/validate", b"[]")
    assert empty.json() == {"valid": True, "results": []}


async def test_a_misspelt_name_is_told_the_right_one(stocked: Shop) -> None:
    for path, name, meant in (
        ("/events", "occured_at", "occurred_at"),
        ("/events", "orderId", "order_id"),
        ("/corrections", "corection_of", "correction_of"),
    ):
        answer = await post(stocked, path, bad.encoded(POSTS[path], {name: "x"}))
        (error,) = [e for e in answer.json()["errors"] if e["pointer"] == f"/{name}"]
        assert meant in error["detail"]


async def test_everything_wrong_is_told_at_once(stocked: Shop) -> None:
    body = bad.encoded({}, {
        "event_id": "", "occurred_at": "now", "type": "x", "extra": 1,
        "payload": {"_sd": 1}, "metadata": {"actor_id": bad.MAIL},
    })  # fmt: skip
    answer = await post(stocked, "/events", body)
    assert answer.status_code == 422
    assert {
        "/event_id", "/order_id", "/occurred_at", "/source", "/type", "/schema_version", "/extra",
        "/payload/_sd", "/metadata/actor_id",
    } <= set(pointers(answer))  # fmt: skip


async def test_a_thousand_errors_are_not_all_told(stocked: Shop) -> None:
    items = [{"qty": "x"} for _ in range(1000)]
    body = bad.encoded(bad.GOOD_EVENT, {"type": "order.created", "payload": {"items": items}})
    answer = await post(stocked, "/events", body)
    assert answer.status_code == 422
    assert len(answer.json()["errors"]) <= 101


GOOD: list[tuple[str, bytes]] = [
    ("64 levels", bad.event_with(b'{"a": ' + bad.nested(62) + b"}")),
    ("2^53-1", bad.event_with(b'{"a": [9007199254740991, -9007199254740991]}')),
    ("1e308", bad.event_with(b'{"a": 1e308}')),
    ("a surrogate pair", bad.event_with(b'{"a": "\\ud83d\\ude00"}')),
    ("a look-alike of a key twice", bad.event_with(b'{"x": "\\"a\\":", "a": 1}')),
    ("256 KiB", b" " * (256 * 1024 - 600) + bad.event_with(b'{"a": "x"}')),
    ("unknown to anybody", bad.encoded(bad.GOOD_EVENT, {"type": "a.b", "schema_version": "9"})),
    ("null counts as absent", bad.encoded(bad.GOOD_EVENT, {"metadata": bad.NULL})),
    ("ids of 200 characters", bad.encoded(bad.GOOD_EVENT, {"order_id": "ö" * 200})),
    ("1970", bad.encoded(bad.GOOD_EVENT, {"occurred_at": "1970-01-01T00:00:00Z"})),
    ("a small t and z", bad.encoded(bad.GOOD_EVENT, {"occurred_at": "2025-01-01t10:00:00z"})),
    (
        "12 digits",
        bad.encoded(bad.GOOD_EVENT, {"occurred_at": "2025-01-01T10:00:00.123456789012Z"}),
    ),
    ("an id like a card", bad.encoded(bad.GOOD_EVENT, {"order_id": bad.CARD})),
]


@pytest.mark.parametrize(("name", "body"), GOOD, ids=[name for name, _ in GOOD])
async def test_what_is_just_good_enough(shop: Shop, name: str, body: bytes) -> None:
    answer = await post(shop, "/events", body)
    assert answer.status_code == 201, answer.text
    assert (await shop.get("/events/evt_new")).status_code == 200


@pytest.mark.parametrize("order_id", [bad.MAIL, "x" * 201, "a%C2%9F"])
async def test_an_order_id_in_the_path_is_as_good_as_one_in_a_body(
    stocked: Shop, order_id: str
) -> None:
    head = await stocked.head()
    answer = await post(
        stocked, f"/orders/{order_id}/snapshots", bad.encoded(bad.GOOD_SNAPSHOT, {})
    )
    assert answer.status_code == 422
    assert (pointers(answer), answer.json()["errors"][0]["in"]) == (["/order_id"], "path")
    assert await stocked.head() == head


async def test_a_snapshots_ids_may_be_what_an_events_may_be(shop: Shop) -> None:
    """A space that does not break is no control character."""
    await shop.record("ord\u00a01")
    body = bad.encoded(bad.GOOD_SNAPSHOT, {"snapshot_id": "snap\u00a01"})
    answer = await post(shop, "/orders/ord%C2%A01/snapshots", body)
    assert answer.status_code == 201
    assert await shop.walk("/orders/ord%C2%A01/snapshots") == [answer.json()]
    assert (await shop.get("/snapshots/snap%C2%A01")).status_code == 200
