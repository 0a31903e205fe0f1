"""ETag and If-None-Match: the tag is that of what this caller sees."""

from __future__ import annotations

import pytest

from tests.interfaces.http.journeys.house import Shop

pytestmark = pytest.mark.anyio

READS = (
    "/events/evt_1",
    "/events/evt_1/bytes",
    "/orders/ord_1/timeline/aggregate",
    "/orders/ord_1/snapshot?at=2025-01-02T00:00:00Z&known_at=2099-01-01T00:00:00Z",
    "/snapshots/snap_1",
    "/corrections/evt_2",
)


async def fill(shop: Shop) -> None:
    await shop.record(payload={"note": "Jane"}, event_id="evt_1")
    await shop.record(
        type="order.correction", correction_of="evt_1", payload={"correction": "x"},
        event_id="evt_2",
    )  # fmt: skip
    body = {
        "snapshot_id": "snap_1", "captured_at": "2025-01-01T00:00:00Z", "source": "shop",
        "state": {"note": "Jane"},
    }  # fmt: skip
    path = "/v1/order-history/orders/ord_1/snapshots"
    assert (await shop.as_role("producer").post(path, json=body)).status_code == 201


@pytest.mark.parametrize("path", READS)
async def test_who_has_it_already_gets_304(shop: Shop, path: str) -> None:
    await fill(shop)
    first = await shop.get(path)
    assert first.status_code == 200
    tag = first.headers["etag"]
    assert first.headers["cache-control"] == "private, no-cache"
    assert first.headers["vary"] == "Authorization, X-Tenant-ID"
    for given in (tag, f"W/{tag}", f'"else", {tag}', "*"):
        again = await shop.get(path, headers={"If-None-Match": given})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
        assert "content-length" not in again.headers
        assert again.headers["vary"] == first.headers["vary"]
    for given in ('"else"', tag.strip('"'), tag[:-2] + '"', ""):
        other = await shop.get(path, headers={"If-None-Match": given})
        assert (other.status_code, other.content) == (200, first.content)


async def test_the_tag_changes_with_masking(shop: Shop) -> None:
    await fill(shop)
    for path in ("/events/evt_1", "/snapshots/snap_1"):
        masked = (await shop.get(path)).headers["etag"]
        answer = await shop.get(path, "support", headers={"If-None-Match": masked})
        assert answer.status_code == 200
        assert "Jane" in answer.text
    raw = (await shop.get("/events/evt_1/bytes")).headers["etag"]
    assert (await shop.get("/events/evt_1/bytes", "support")).headers["etag"] == raw


async def test_the_tag_changes_with_a_correction(shop: Shop) -> None:
    await shop.record(event_id="evt_1")
    event = (await shop.get("/events/evt_1")).headers["etag"]
    raw = (await shop.get("/events/evt_1/bytes")).headers["etag"]
    await shop.record(type="order.correction", correction_of="evt_1", payload={"correction": "x"})
    changed = await shop.get("/events/evt_1", headers={"If-None-Match": event})
    assert changed.status_code == 200
    same = await shop.get("/events/evt_1/bytes", headers={"If-None-Match": raw})
    assert same.status_code == 304


@pytest.mark.parametrize(
    "query",
    [
        "", "?at=2025-01-02T00:00:00Z", "?known_at=2099-01-01T00:00:00Z", "?known_sequence=2",
        "?at=2025-01-02T00:00:00Z&known_sequence=2",
    ],
)  # fmt: skip
async def test_the_time_of_asking_changes_no_tag(shop: Shop, query: str) -> None:
    await shop.record(type="order.created", payload={"customer": {"id": "c", "name": "Jane"}})
    await shop.record()
    path = f"/orders/ord_1/snapshot{query}"
    first = await shop.get(path)
    tag = first.headers["etag"]
    assert tag.startswith('W/"'), "the bytes differ: the time of asking is in them"
    for given in (tag, tag.removeprefix("W/"), f'"else", {tag}'):
        again = await shop.get(path, headers={"If-None-Match": given})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
    seen = await shop.get(path, "support", headers={"If-None-Match": tag})
    assert (seen.status_code, "Jane" in seen.text) == (200, True)
    await shop.record(type="order.shipped", occurred_at="2025-01-01T11:00:00Z")
    changed = await shop.get(path, headers={"If-None-Match": tag})
    assert changed.status_code == (304 if "known_sequence" in query else 200)


async def test_the_tag_of_a_state_is_that_of_its_question(shop: Shop) -> None:
    await shop.record()
    seen = set()
    for query in ("", "?at=2025-01-02T00:00:00Z", "?at=2025-01-03T00:00:00Z"):
        seen.add((await shop.get(f"/orders/ord_1/snapshot{query}")).headers["etag"])
    assert len(seen) == 3
