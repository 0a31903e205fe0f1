from __future__ import annotations

import asyncio
from typing import Any

import pytest
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from domain.access.permissions import Permission
from domain.errors import Invalid
from interfaces.http.answers import BASE_PATH, json_answer
from interfaces.http.caller import ApiRequest
from interfaces.http.endpoint import Reply, endpoint
from interfaces.http.services import Services
from interfaces.http.timing import BOUNDS, RequestTimes
from tests.interfaces.http.conftest import Open

pytestmark = pytest.mark.anyio

Counts = dict[tuple[str, str, int], int]


def declared(method: Any, path: str, *, direct: bool = False) -> HTTPRouteHandler:
    """Answers 201, or 422 when the query says `wrong`."""

    async def handle(request: ApiRequest) -> ASGIApp:
        if request.header(b"x-wrong"):
            raise Invalid.field("/thing", "is wrong")
        return json_answer(b"{}", status=201)

    return endpoint(
        method, path, permission=Permission.EVENTS_READ, summary="x", tag="x",
        replies={201: Reply("x")}, direct=direct,
    )(handle)  # fmt: skip


def counts(services: Services) -> Counts:
    return {
        (method, route, status): sum(cell.buckets)
        for method, route, status, cell in services.times.cells()
    }


async def test_requests_are_counted_by_template_and_status(
    open_client: Open, services: Services
) -> None:
    handlers = declared("GET", "/things/{thing:str}"), declared("POST", "/things", direct=True)
    async with open_client(*handlers) as client:
        for thing in ("one", "two%2Fthree", "two"):
            await client.get(f"{BASE_PATH}/things/{thing}")
        await client.get(f"{BASE_PATH}/things/four", headers={"x-wrong": "yes"})
        await client.get(f"{BASE_PATH}/things/five", headers={"authorization": "no"})
        await client.post(f"{BASE_PATH}/things")
        await client.post(f"{BASE_PATH}/things", headers={"x-wrong": "yes"})
    one, all_ = f"{BASE_PATH}/things/{{thing}}", f"{BASE_PATH}/things"
    assert counts(services) == {
        ("GET", one, 201): 3,
        ("GET", one, 422): 1,
        ("GET", one, 401): 1,
        ("POST", all_, 201): 1,
        ("POST", all_, 422): 1,
    }
    assert services.times.answered("POST", all_) == {201: 1, 422: 1}


async def test_what_clients_make_up_is_no_label(open_client: Open, services: Services) -> None:
    async with open_client() as client:
        for path in ("/secret-one", f"{BASE_PATH}/secret-two", "/%00secret"):
            await client.get(path)
        await client.request("SECRET", f"{BASE_PATH}/health")
        await client.request("BREW", "/secret-three")
    found = counts(services)
    assert "secret" not in str(found).lower()
    assert found["GET", "", 404] == 3
    assert sum(count for (method, _, _), count in found.items() if method == "other") == 2


async def test_the_time_is_that_until_the_answer_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [5.0]
    monkeypatch.setattr("interfaces.http.timing.perf_counter", lambda: now[0])
    sent: list[Any] = []

    async def send(message: Any) -> None:
        await asyncio.sleep(0)
        sent.append(message)

    times = RequestTimes()
    scope: Any = {"method": "GET"}
    timed = times.timed(scope, send)
    scope["path_template"] = "/stream"  # known only once it is routed
    now[0] = 5.03
    start, body = {"type": "http.response.start", "status": 200}, {"type": "http.response.body"}
    await timed(start)  # type: ignore[arg-type]  # as a server would see it
    now[0] = 99.0
    await timed(body)  # type: ignore[arg-type]  # as a server would see it
    assert sent == [start, body]
    ((method, route, status, cell),) = times.cells()
    assert (method, route, status) == ("GET", "/stream", 200)
    assert cell.seconds == pytest.approx(0.03)
    assert cell.buckets[BOUNDS.index(0.05)] == sum(cell.buckets) == 1


@pytest.mark.parametrize(
    ("seconds", "bucket"), [(0.0, 0), (0.001, 0), (0.0011, 1), (10.0, 12), (10.1, 13)]
)
def test_a_bound_belongs_to_its_bucket(seconds: float, bucket: int) -> None:
    """As Prometheus has it: `le` is less or equal."""
    times = RequestTimes()
    times.count("GET", "/", 200, seconds)
    ((*_, cell),) = times.cells()
    assert [number for number, count in enumerate(cell.buckets) if count] == [bucket]
