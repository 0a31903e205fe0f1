from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import pytest
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from domain.access.permissions import Permission
from interfaces.http.answers import created, listing, location, no_content, replayed, resource
from interfaces.http.caller import ApiRequest
from interfaces.http.endpoint import Reply, endpoint
from tests.interfaces.http.conftest import Open

pytestmark = pytest.mark.anyio

BASE = "/v1/order-history"
STORED = b'{"b": 1,  "a": 2}'


def serving(
    make: Callable[[ApiRequest], ASGIApp], method: Literal["GET", "DELETE"] = "GET"
) -> HTTPRouteHandler:
    @endpoint(
        method,
        "/things",
        permission=Permission.EVENTS_READ,
        summary="x",
        tag="x",
        replies={200: Reply("x")},
    )
    async def things(request: ApiRequest) -> ASGIApp:
        return make(request)

    return things


async def test_a_resource_goes_out_as_it_is_stored(open_client: Open) -> None:
    async with open_client(serving(lambda request: resource(request, STORED))) as client:
        answer = await client.get(f"{BASE}/things")
    assert answer.content == STORED
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "private, no-cache"
    assert answer.headers["vary"] == "Authorization, X-Tenant-ID"
    assert answer.headers["content-length"] == str(len(STORED))


@pytest.mark.parametrize(
    ("template", "status"),
    [("{}", 304), ("W/{}", 304), ('"x", {}', 304), ("*", 304), ('"x"', 200), ("", 200)],
)
async def test_if_none_match(open_client: Open, template: str, status: int) -> None:
    async with open_client(serving(lambda request: resource(request, STORED))) as client:
        tag = (await client.get(f"{BASE}/things")).headers["etag"]
        answer = await client.get(f"{BASE}/things", headers={"If-None-Match": template.format(tag)})
    assert answer.status_code == status
    assert answer.headers["etag"] == tag
    assert answer.content == (b"" if status == 304 else STORED)


async def test_another_representation_has_another_tag(open_client: Open) -> None:
    bodies = iter([STORED, STORED, STORED + b" "])
    async with open_client(serving(lambda request: resource(request, next(bodies)))) as client:
        tags = [(await client.get(f"{BASE}/things")).headers["etag"] for _ in range(3)]
    assert tags[0] == tags[1] != tags[2]


async def test_a_list_is_put_together_from_bytes(open_client: Open) -> None:
    pages = iter([listing([STORED, b"2"], "abc"), listing([], None)])
    async with open_client(serving(lambda _: next(pages))) as client:
        first, last = [await client.get(f"{BASE}/things") for _ in range(2)]
    assert first.content == b'{"items":[' + STORED + b',2],"next_cursor":"abc"}'
    assert last.json() == {"items": [], "next_cursor": None}


async def test_writes(open_client: Open) -> None:
    where = location("events", "a/b é")
    assert where == f"{BASE}/events/a%2Fb%20%C3%A9"
    answers = iter([created(b"{}", where), replayed(b"{}", where), no_content()])
    async with open_client(serving(lambda _: next(answers), "DELETE")) as client:
        new, again, gone = [await client.delete(f"{BASE}/things") for _ in range(3)]
    assert (new.status_code, new.headers["location"]) == (201, where)
    assert (again.status_code, again.headers["idempotency-replayed"]) == (200, "true")
    assert "idempotency-replayed" not in new.headers
    assert gone.status_code == 204
    assert "content-length" not in gone.headers
