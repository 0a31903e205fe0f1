"""Questions take turns: those of a tenant that asks too much at once are refused, nobody else's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack

import httpx
import pytest

from interfaces.http.turns import EACH, Turns
from projections.orders.queries import OrderQueries
from tests.interfaces.http.journeys.house import BASE, House, Json, Shop

pytestmark = pytest.mark.anyio
QUERY: Json = {"query": {"text": "order"}}
SAVED: Json = {"name": "All", "search": QUERY}


@pytest.fixture
def impatient(house: House) -> Iterator[House]:
    before = house.app.state.turns
    house.app.state.turns = Turns(patience=0.01)
    yield house
    house.app.state.turns = before


async def ask_all(shop: Shop, search_id: str) -> list[httpx.Response]:
    client = shop.as_role("support")
    return [
        await client.post(f"{BASE}/search", json=QUERY),
        await client.post(f"{BASE}/aggregations", json=QUERY),
        await client.post(f"{BASE}/topk", json={"field": "type"}),
        await client.get(f"{BASE}/searches/{search_id}/results"),
        await client.post(f"{BASE}/searches", json={**SAVED, "name": "Another"}),
    ]


async def test_only_who_asks_too_much_at_once_is_refused(impatient: House) -> None:
    shop, other = impatient.shop(), impatient.shop()
    ids = []
    for one in (shop, other):
        await one.record("ord_1")
        answer = await one.as_role("support").post(f"{BASE}/searches", json=SAVED)
        ids.append(answer.json()["search_id"])
    async with AsyncExitStack() as stack:
        for _ in range(EACH):
            await stack.enter_async_context(impatient.app.state.turns.taken(shop.tenant))
        for refused in await ask_all(shop, ids[0]):
            assert refused.status_code == 429, refused.text
            assert int(refused.headers["Retry-After"]) >= 1
            assert refused.json()["type"] == "/problems/too-many-at-once"
        assert len(await shop.read("/orders/ord_1/timeline")) > 0
        for answer in await ask_all(other, ids[1]):
            assert answer.status_code in (200, 201), answer.text
    for answer in await ask_all(shop, ids[0]):
        assert answer.status_code in (200, 201), answer.text


async def answers_beside(
    client: httpx.AsyncClient, asked: Sequence[object], waiting: asyncio.Semaphore
) -> None:
    """A question finds a turn while all that were asked wait, each having released once."""
    async with asyncio.timeout(60):
        for _ in asked:
            await waiting.acquire()
    answer = await client.post(f"{BASE}/search", json=QUERY)
    assert answer.status_code == 200, answer.text


async def test_who_sends_slowly_keeps_no_turn(impatient: House) -> None:
    shop = impatient.shop()
    client = shop.as_role("support")
    waiting, rest = asyncio.Semaphore(0), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b'{"query":'
        waiting.release()
        await rest.wait()
        yield b'{"text":"order"}}'

    asked = [asyncio.create_task(client.post(f"{BASE}/search", content=slow())) for _ in range(4)]
    await answers_beside(client, asked, waiting)
    rest.set()
    assert {(await one).status_code for one in asked} <= {200, 429}


async def test_who_waits_for_a_sequence_keeps_no_turn(
    impatient: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = impatient.shop()
    client = shop.as_role("support")
    waiting, rest = asyncio.Semaphore(0), asyncio.Event()

    async def reached_later(*_: object) -> bool:
        waiting.release()
        await rest.wait()
        return True

    monkeypatch.setattr(OrderQueries, "wait_for", reached_later)
    later = {"X-Min-Sequence": "9"}
    asked = [
        asyncio.create_task(client.post(f"{BASE}{path}", json=body, headers=later))
        for path, body in (
            ("/search", QUERY), ("/search", QUERY),
            ("/aggregations", QUERY), ("/topk", {"field": "type"}),
        )
    ]  # fmt: skip
    await answers_beside(client, asked, waiting)
    rest.set()
    assert {(await one).status_code for one in asked} <= {200, 429}
