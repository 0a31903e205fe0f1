"""The live stream, through a real server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from interfaces.http import stream
from tests.interfaces.http.journeys.house import BASE, House, Json, Shop

pytestmark = pytest.mark.anyio
PATIENCE = 15
"""Seconds after which a test gives up; nothing is measured."""


class Follower:
    """Reads one open stream."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def block(self) -> dict[str, str]:
        """The next comment or event; empty at the end. A comment has the key ""."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(PATIENCE):
            async for line in self._lines:
                if not line:
                    return fields
                name, _, value = line.partition(":")
                fields[name] = value.removeprefix(" ")
        return {}

    async def event(self) -> Json:
        """The next event."""
        while fields := await self.block():
            if "data" in fields:
                event: Json = json.loads(fields["data"])
                assert int(fields["id"]) == event["sequence"]
                return event
        raise AssertionError("the stream ended")

    async def events(self, count: int) -> list[int]:
        return [(await self.event())["sequence"] for _ in range(count)]


@pytest.fixture
async def url(house: House) -> AsyncIterator[str]:
    async with house.served() as url:
        yield url


@asynccontextmanager
async def following(
    url: str, shop: Shop, role: str = "history_reader", *, ttl: int = 600,
    headers: dict[str, str] | None = None, **query: Any,
) -> AsyncIterator[Follower]:  # fmt: skip
    token = shop.house.token(role, [shop.tenant], ttl=ttl)
    given = {"Authorization": f"Bearer {token}", **(headers or {})}
    params = {name.rstrip("_"): value for name, value in query.items()}
    async with (
        httpx.AsyncClient(base_url=url, headers=given, timeout=PATIENCE) as client,
        client.stream("GET", f"{BASE}/events/stream", params=params) as response,
    ):
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/event-stream"
        yield Follower(response)


async def test_what_is_recorded_comes_as_it_reads(url: str, shop: Shop) -> None:
    await shop.record()
    async with following(url, shop) as masked, following(url, shop, "support") as seen:
        assert "" in await masked.block()  # connected: what comes now is not missed
        assert "" in await seen.block()
        stored = await shop.record(payload={"note": "Jane"})
        assert await masked.event() == await shop.read(f"/events/{stored['id']}")
        assert (await seen.event())["payload"] == {"note": "Jane"}


async def test_a_resumed_stream_has_no_gap_and_no_repeat(url: str, shop: Shop) -> None:
    total, met = 60, list[int]()

    async def write() -> None:
        for _ in range(total):
            await shop.record()
            await shop.house.shop().record()

    writer = asyncio.create_task(write())
    headers: dict[str, str] = {}
    while len(met) < total:
        async with following(url, shop, headers=headers, after=0) as follower:
            met += await follower.events(min(7, total - len(met)))
        headers = {"Last-Event-ID": str(met[-1])}
    await writer
    assert met == list(range(1, total + 1))


async def test_where_a_stream_begins(url: str, shop: Shop) -> None:
    for _ in range(4):
        await shop.record()
    async with following(url, shop, after=2) as follower:
        assert await follower.events(2) == [3, 4]
    async with following(url, shop, after=0, headers={"Last-Event-ID": "3"}) as follower:
        assert await follower.events(1) == [4]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"order_id": "ord_2"}, [2]),
        ({"type": "order.payment.*"}, [3]),
        ({"type": "order.note.added"}, [1, 2, 5]),
        ({"source": "wms"}, [4]),
        ({"actor_id": "svc"}, [3, 4]),
        ({"from_": "2025-01-03T00:00:00Z"}, [4, 5]),
        ({"to": "2025-01-02T00:00:00Z"}, [1, 2, 3]),
        ({"source": "shop", "order_id": "ord_1"}, [1, 3, 5]),
        ({"type": "history.*"}, [6]),
        ({}, [1, 2, 3, 4, 5]),
    ],
)
async def test_filters_are_those_of_the_list(
    url: str, shop: Shop, query: Json, expected: list[int]
) -> None:
    by: Json = {"metadata": {"actor_id": "svc"}}
    await shop.record()
    await shop.record("ord_2")
    await shop.record(type="order.payment.succeeded", **by)
    await shop.record(source="wms", type="order.shipped", occurred_at="2025-01-03T00:00:00Z", **by)
    await shop.record(occurred_at="2025-01-04T00:00:00Z")
    body = {
        "snapshot_id": "s", "captured_at": "2025-01-01T00:00:00Z", "source": "shop", "state": {},
    }  # fmt: skip
    await shop.as_role("producer").post(f"{BASE}/orders/ord_1/snapshots", json=body)
    listed = [event["sequence"] for event in await shop.walk("/events", **query)]
    assert listed == expected
    async with following(url, shop, after=0, **query) as follower:
        assert await follower.events(len(expected)) == expected


async def test_a_comment_keeps_the_connection_open(
    url: str, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT", 0.1)
    await shop.record()
    async with following(url, shop) as follower:
        assert [list(await follower.block()) for _ in range(3)] == [[""]] * 3


async def test_open_streams_end_when_the_server_stops(house: House, shop: Shop) -> None:
    await shop.record()
    async with asyncio.timeout(5), house.served() as url:
        followers = [following(url, shop) for _ in range(3)]
        opened = [await follower.__aenter__() for follower in followers]
        for follower in opened:
            assert await follower.block()
        house.services.stopping.set()
        for follower in opened:
            assert await follower.block() == {}
        for ended in followers:
            await ended.__aexit__(None, None, None)


async def test_a_stream_ends_with_its_token(url: str, shop: Shop) -> None:
    await shop.record()
    async with following(url, shop, ttl=2, after=0) as follower:
        assert await follower.events(1) == [1]
        assert await follower.block() == {}


@pytest.mark.parametrize("value", ["x", "-1", "1.5", "", "9007199254740992"])
async def test_a_last_event_id_that_is_none(shop: Shop, value: str) -> None:
    answer = await shop.as_role("history_reader").get(
        f"{BASE}/events/stream", headers={"Last-Event-ID": value}
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0] == {
        "pointer": "/Last-Event-ID", "detail": "is not a sequence", "in": "header",
    }  # fmt: skip
