"""Real orders, recorded over HTTP, come back equal; and masked for who may not see persons."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import pytest

from domain.times import parse_us
from tests.interfaces.http.journeys.house import BASE, Json, Shop
from tests.personal import personal, value_at

pytestmark = pytest.mark.anyio

EVENTS = Path(__file__).parents[5] / "shared" / "data" / "events"
FILES = ("olist", "online-retail", "generated-20k")
WRITERS = 32


def lines(name: str, every: int) -> Iterator[bytes]:
    """All events of every n-th order, in file order."""
    orders: dict[str, int] = {}
    with gzip.open(EVENTS / f"{name}.ndjson.gz") as file:
        for line in file:
            found = re.search(rb'"order_id" ?: ?"([^"]+)"', line)
            if found and orders.setdefault(found[1].decode(), len(orders)) % every == 0:
                yield line.strip()


async def record(shop: Shop, sent: list[bytes]) -> dict[str, Json]:
    """Send all from many writers, each order by one of them; those accepted, by event_id."""
    by_writer: list[list[bytes]] = [[] for _ in range(WRITERS)]
    for line in sent:
        order_id = re.search(rb'"order_id" ?: ?"([^"]+)"', line)
        by_writer[crc32(order_id[1]) % WRITERS if order_id else 0].append(line)
    accepted: dict[str, Json] = {}

    async def write(part: list[bytes]) -> None:
        for line in part:
            answer = await shop.as_role("producer").post(f"{BASE}/events", content=line)
            assert answer.status_code in (200, 201, 400, 409, 422), answer.text
            if answer.status_code == 201:
                event = json.loads(line)
                accepted[event["event_id"]] = event

    await asyncio.gather(*(write(part) for part in by_writer))
    return accepted


async def timelines(shop: Shop, orders: set[str], role: str) -> tuple[dict[str, Json], list[str]]:
    """All events of these orders by event_id, and the answers as text."""
    client = shop.as_role(role)
    head = await shop.head()
    assert await shop.house.services.orders.wait_for(shop.tenant, head, 120)
    found: dict[str, Json] = {}
    texts: list[str] = []
    for order_id in sorted(orders):
        url = f"{BASE}/orders/{order_id}/timeline?limit=1000"
        answer = await client.get(url)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert page["next_cursor"] is None
        moments = [(parse_us(e["occurred_at"]), e["sequence"]) for e in page["items"]]
        assert moments == sorted(moments)
        found |= {event["event_id"]: event for event in page["items"]}
        texts.append(answer.text)
    return found, texts


def same(sent: Json, got: Json) -> bool:
    """Whether a timeline shows what was sent; times as instants, numbers as JSON numbers."""
    names = ("order_id", "source", "type", "schema_version", "payload", "metadata")
    mine = [sent.get(name) for name in (*names, "correction_of")]
    theirs = [got.get(name) for name in (*names, "correction_of")]
    return mine == theirs and parse_us(sent["occurred_at"]) == parse_us(got["occurred_at"])


def check_masked(sent: Json, masked: Json) -> set[str]:
    """Checks each classified value of an event; returns what was personal in it, as words."""
    pointers = list(personal(sent))
    for pointer in pointers:
        assert value_at(masked, pointer) == {"masked": True}, pointer
    return {value for pointer in pointers if isinstance(value := value_at(sent, pointer), str)}


async def hold(shop: Shop, name: str, every: int) -> tuple[int, int]:
    """Record a file's sample and look at all of it as two roles: (events, personal values)."""
    accepted = await record(shop, list(lines(name, every)))
    orders = {event["order_id"] for event in accepted.values()}
    seen, _ = await timelines(shop, orders, "support")
    masked, texts = await timelines(shop, orders, "history_reader")
    assert seen.keys() == masked.keys() == accepted.keys()
    by_order: dict[str, set[str]] = defaultdict(set)
    for event_id, sent in accepted.items():
        if not seen[event_id].get("redactions"):
            assert same(sent, seen[event_id]), event_id
        by_order[sent["order_id"]] |= check_masked(sent, masked[event_id])
    for order_id, text in zip(sorted(orders), texts, strict=True):
        assert "_sd" not in text
        assert "@" not in text
        leaked = [word for word in by_order[order_id] if len(word) > 8 and f'"{word}"' in text]
        assert not leaked, order_id
    return len(accepted), sum(map(len, by_order.values()))


@pytest.mark.parametrize(("name", "every"), [("olist", 60), ("online-retail", 40), (FILES[2], 14)])
async def test_a_sample_comes_back_equal(shop: Shop, name: str, every: int) -> None:
    events, values = await hold(shop, name, every)
    assert events > 200
    assert values > 50 or name == "online-retail"


@pytest.mark.long
@pytest.mark.parametrize("name", FILES)
async def test_all_of_it_comes_back_equal(shop: Shop, name: str) -> None:
    events, _ = await hold(shop, name, 1)
    assert events == {"olist": 60_371, "online-retail": 10_783}.get(name, events) > 10_000


async def test_states_and_lists_leak_nothing_either(shop: Shop) -> None:
    accepted = await record(shop, list(lines("generated-20k", 60)))
    orders = {event["order_id"] for event in accepted.values()}
    words = {
        word
        for event in accepted.values()
        for pointer in personal(event)
        if isinstance(word := value_at(event, pointer), str) and len(word) > 8
    }
    assert len(words) > 100
    answers = [(await shop.get("/orders", limit=1000)).text]
    answers += [(await shop.get("/events", limit=1000)).text]
    for order_id in orders:
        answers.append((await shop.get(f"/orders/{order_id}/snapshot")).text)
        answers.append((await shop.get(f"/orders/{order_id}/timeline/aggregate")).text)
    for event_id in accepted:
        answers.append((await shop.get(f"/events/{event_id}/bytes")).text)
    for answer in answers:
        assert not [word for word in words if f'"{word}"' in answer]
        assert "@" not in answer
