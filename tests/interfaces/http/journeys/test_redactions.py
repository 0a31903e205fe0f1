"""Which sources send card numbers: from what real producers send to what compliance is told."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interfaces.http.journeys.house import BASE, Json, Shop, pointers

pytestmark = pytest.mark.anyio

GENERATED = Path(__file__).parents[5] / "shared" / "data" / "events" / "generated-200k.ndjson.gz"
NOTED = re.compile(rb'"note":"[^"]*[0-9]{15}')
CARD = "4111 1111 1111 1111"
PATH = "/redactions"


async def told(shop: Shop, **query: str) -> list[Json]:
    """All of the report, page by page, once the read model has what was recorded."""
    async with asyncio.timeout(30):
        while True:
            answer = await shop.as_role("operator").get(f"{BASE}/diagnostics")
            if answer.json()["queues"]["model_events"]["redactions"] == 0:
                return await shop.walk(PATH, "auditor", limit=1, **query)
            await asyncio.sleep(0.05)


async def bulk(shop: Shop, lines: list[bytes]) -> Json:
    answer = await shop.as_role("producer").post(
        f"{BASE}/events/bulk",
        content=b"\n".join(lines),
        headers={"Content-Type": "application/x-ndjson", "Prefer": "wait=60"},
    )
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["result"])


async def test_one_source(shop: Shop) -> None:
    first = await shop.record(payload={"lines": [{"text": CARD}, {"text": f"again {CARD}"}]})
    last = await shop.record(payload={"lines": [{}, {"text": CARD}]})
    await shop.record(payload={"text": "no card"})
    assert await told(shop) == [
        {
            "source": "shop", "type": "order.note.added", "pointer": "/payload/lines/*/text",
            "events": 2, "first_at": first["received_at"], "last_at": last["received_at"],
            "last_event_id": last["event_id"],
        }
    ]  # fmt: skip


async def test_a_snapshot_is_its_senders(shop: Shop) -> None:
    await shop.record()
    body = {
        "snapshot_id": f"{shop.tenant}-1", "captured_at": "2025-01-01T00:00:00Z", "source": "till",
        "state": {"remark": CARD},
    }  # fmt: skip
    made = await shop.as_role("producer").post(f"{BASE}/orders/ord_1/snapshots", json=body)
    assert made.status_code == 201, made.text
    (found,) = await told(shop)
    assert (found["source"], found["pointer"]) == ("till", "/state/remark")


async def test_filters(shop: Shop) -> None:
    early = await shop.record(source="a", payload={"x": CARD})
    late = await shop.record(source="b", payload={"x": CARD})

    async def sources(**query: str) -> list[str]:
        return [one["source"] for one in await told(shop, **query)]

    assert await sources() == ["a", "b"]
    assert await sources(source="b") == ["b"]
    assert await sources(source="c") == []
    assert await sources(from_=late["received_at"]) == ["b"]
    assert await sources(to=late["received_at"]) == ["a"]
    assert await sources(from_=early["received_at"], to=late["received_at"]) == ["a"]
    wrong = await shop.get(PATH, "auditor", from_=late["received_at"], to=early["received_at"])
    assert (wrong.status_code, pointers(wrong)) == (422, ["/from"])
    cursor = (await shop.read(PATH, "auditor", limit=1))["next_cursor"]
    foreign = await shop.get(PATH, "auditor", cursor=cursor, source="a")
    assert foreign.status_code == 400


async def test_rejected_lines_and_other_tenants_are_not_in_it(shop: Shop) -> None:
    other = shop.house.shop()
    await other.record(payload={"x": CARD})
    line = json.dumps(shop.event(type="Wrong", payload={"x": CARD})).encode()
    assert (await bulk(shop, [line]))["rejected"] == 1
    assert await told(shop) == []


def generated() -> Iterator[bytes]:
    """Some events of generated shops, one of which noted a customer's card; every tenth of the
    others is given one here."""
    with gzip.open(GENERATED) as file:
        for number, line in enumerate(file):
            if number % 4000 == 0:
                event = json.loads(line)
                event["payload"]["remarks"] = ["called", f"paid with {CARD}"]
                yield json.dumps(event).encode()
            elif number % 400 == 0 or NOTED.search(line):
                yield line.strip()


async def test_what_generated_shops_send(shop: Shop) -> None:
    """Each event's own list of redactions, added up another way, gives the same."""
    result = await bulk(shop, list(generated()))
    assert result["recorded"] > 450
    counted: Counter[tuple[str, str, str]] = Counter()
    for event in await shop.walk("/events", limit=1000):
        places = {re.sub(r"/\d+(?=/|$)", "/*", one) for one in event.get("redactions", ())}
        counted.update((event["source"], event["type"], place) for place in places)
    assert counted.total() > 50
    assert counted["support-console", "order.note.added", "/payload/note"] == 1
    found = await told(shop)
    assert {(f["source"], f["type"], f["pointer"]): f["events"] for f in found} == counted
    for secret in ("PAN", CARD[-4:], "0005"):
        assert not [one for one in found if secret in one["pointer"]]
    for one in found:
        assert (await shop.read(f"/events/{one['last_event_id']}"))["redactions"]
