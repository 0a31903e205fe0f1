from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp
from structlog.testing import capture_logs

from domain import errors
from domain.access.caller import Caller
from domain.access.permissions import Permission
from domain.errors import EventConflict, FieldError, HoldNamed, Invalid, OrderHistoryError
from interfaces.http.answers import json_answer
from interfaces.http.app import create_app
from interfaces.http.bodies import read_json_bytes
from interfaces.http.caller import ApiRequest
from interfaces.http.endpoint import Reply, endpoint
from interfaces.http.problems import KINDS
from interfaces.http.services import Services
from tests.interfaces.http.conftest import Client, Open

pytestmark = pytest.mark.anyio

BASE = "/v1/order-history"
SECRET = "jane.doe@example.com"


def raising(error: Exception) -> HTTPRouteHandler:
    @endpoint(
        "POST", "/things/{thing_id:str}", permission=Permission.EVENTS_READ, summary="x", tag="x",
        replies={200: Reply("ok")},
    )  # fmt: skip
    async def thing(request: ApiRequest) -> ASGIApp:
        raise error

    return thing


@endpoint(
    "POST",
    "/bodies/{name:str}",
    permission=Permission.EVENTS_READ,
    summary="x",
    tag="x",
    replies={200: Reply("ok")},
)
async def echo(request: ApiRequest) -> ASGIApp:
    body = await read_json_bytes(request, 1024)
    return json_answer(
        b'{"size":%d}' % len(body), headers=[(b"x-name", b"%d" % len(name(request)))]
    )


def name(request: ApiRequest) -> str:
    return request.path_value("name")


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (errors.Unreadable(), 400, "unreadable"),
        (errors.Unauthenticated(), 401, "unauthenticated"),
        (errors.TooManyFailures(), 429, "too-many-failures"),
        (errors.Forbidden(), 403, "forbidden"),
        (errors.NotFound(), 404, "not-found"),
        (errors.Conflict(), 409, "conflict"),
        (EventConflict("e1", ["/payload/a"]), 409, "event-conflict"),
        (errors.MustBeKept(["policy_1"]), 409, "must-be-kept"),
        (errors.OnHold([HoldNamed("hold_1", "case_1")]), 409, "on-hold"),
        (errors.HoldsMoved(), 503, "unavailable"),
        (errors.TooLarge(), 413, "too-large"),
        (Invalid.field("/type", "is required"), 422, "invalid"),
        (errors.Unavailable(), 503, "unavailable"),
        (errors.Overloaded(), 503, "overloaded"),
        (errors.KeyUnavailable(), 503, "key-unavailable"),
    ],
)
async def test_each_domain_error_is_a_problem(
    open_client: Open, error: OrderHistoryError, status: int, kind: str
) -> None:
    async with open_client(raising(error)) as client:
        answer = await client.post(f"{BASE}/things/a%2Fb")
        described = await client.get(f"/problems/{kind}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == f"/problems/{kind}"
    assert problem["status"] == status
    assert problem["detail"] == str(error)
    assert problem["instance"] == f"{BASE}/things/a%2Fb"
    assert problem["title"]
    assert described.status_code == 200
    assert str(status) in described.text


def test_every_leaf_of_the_error_tree_has_a_kind() -> None:
    def leaves(cls: type[OrderHistoryError]) -> set[type[OrderHistoryError]]:
        below = set(cls.__subclasses__())
        return set().union(*(leaves(sub) for sub in below)) if below else {cls}

    project = {leaf for leaf in leaves(OrderHistoryError) if leaf.__module__ == "domain.errors"}
    assert {leaf for leaf in project if not set(leaf.__mro__) & set(KINDS)} == set()


async def test_headers_that_a_status_needs(open_client: Open) -> None:
    async with open_client(raising(errors.Overloaded())) as client:
        busy = await client.post(f"{BASE}/things/1")
        unknown = await client.post(f"{BASE}/things/1", headers={"Authorization": "Basic x"})
    assert busy.headers["retry-after"] == "1"
    assert unknown.status_code == 401
    assert unknown.headers["www-authenticate"] == "Bearer"
    assert unknown.headers["cache-control"] == "no-store"


async def test_an_invalid_request_names_every_field(open_client: Open) -> None:
    wrong = Invalid([FieldError("/payload/total_minor", "is a float"), FieldError("/type", "no")])
    async with open_client(raising(wrong)) as client:
        problem = (await client.post(f"{BASE}/things/1")).json()
    assert problem["errors"] == [
        {"pointer": "/payload/total_minor", "detail": "is a float"},
        {"pointer": "/type", "detail": "no"},
    ]


async def test_a_conflict_names_the_pointers_that_differ(open_client: Open) -> None:
    async with open_client(raising(EventConflict("e1", ["/payload/a", "/source"]))) as client:
        problem = (await client.post(f"{BASE}/things/1")).json()
    assert [wrong["pointer"] for wrong in problem["errors"]] == ["/payload/a", "/source"]


async def test_an_unknown_error_tells_nobody_its_message(open_client: Open) -> None:
    def fail() -> None:
        try:
            int(SECRET)
        except ValueError as cause:
            raise RuntimeError(f"while reading {SECRET}") from cause

    @endpoint("GET", "/broken", permission=Permission.EVENTS_READ, summary="x", tag="x", replies={})
    async def broken(request: ApiRequest) -> ASGIApp:
        fail()
        raise AssertionError

    async with open_client(broken) as client:
        with capture_logs() as logs:
            answer = await client.get(f"{BASE}/broken")
    assert answer.status_code == 500
    assert SECRET not in answer.text
    (entry,) = logs
    assert SECRET not in repr(entry)
    assert entry["error"] == "builtins.RuntimeError"
    assert entry["cause"]["error"] == "builtins.ValueError"
    assert any("fail" in frame for frame in entry["frames"])
    assert entry["request_id"] == answer.json()["request_id"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing/here", 404),
        ("GET", "/v1/order-history/nothing", 404),
        ("PUT", "/healthz", 405),
        ("TRACE", "/healthz", 405),
        ("GET", "/v1/order-history/bodies/a%00b", 404),
        ("GET", "/v1/order-history/bodies/a%1Fb", 404),
    ],
)
async def test_what_the_framework_refuses_is_a_problem_too(
    open_client: Open, method: str, path: str, status: int
) -> None:
    async with open_client(echo) as client:
        answer = await client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert set(problem) == {"type", "title", "status", "detail", "instance"}
    assert problem["instance"] == path
    if status == 405:
        assert "GET" in answer.headers["allow"]


async def test_a_bad_host_header_is_a_problem(open_client: Open) -> None:
    async with open_client() as client:
        answer = await client.get("/healthz", headers={"Host": "a b<script>"})
    assert answer.status_code == 400
    assert "script" not in answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Content-Type": "application/json"}, 200),
        ({"Content-Type": "application/json; charset=UTF-8"}, 200),
        ({"Content-Type": "application/json; charset=latin-1"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Encoding": "gzip"}, 415),
    ],
)
async def test_media_types(open_client: Open, headers: dict[str, str], status: int) -> None:
    async with open_client(echo) as client:
        answer = await client.post(f"{BASE}/bodies/a", content=b"{}", headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == (
        "application/json" if status == 200 else "application/problem+json"
    )


async def test_a_body_over_the_limit_is_413_however_it_is_sent(open_client: Open) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b" " * 500

    async with open_client(echo) as client, wire(client) as raw:
        most = await client.post(f"{BASE}/bodies/a", content=b" " * 1024)
        announced = await client.post(f"{BASE}/bodies/a", content=b" " * 1025)
        streamed = await raw.post(f"{BASE}/bodies/a", content=chunks())
    assert most.json() == {"size": 1024}
    assert announced.status_code == streamed.status_code == 413


async def test_a_right_that_is_missing_is_403_before_the_query_is_looked_at(
    open_client: Open,
) -> None:
    async with open_client(echo) as client:
        answer = await client.post(
            f"{BASE}/bodies/a?nonsense=1", headers={"Authorization": "Bearer jobs.own"}
        )
        tenant = await client.post(f"{BASE}/bodies/a", headers={"X-Tenant-ID": "other"})
    assert answer.status_code == tenant.status_code == 403


async def test_an_encoded_slash_belongs_to_the_id(open_client: Open) -> None:
    async with open_client(echo) as client:
        answer = await client.post(f"{BASE}/bodies/a%2Fb%2fc%20%C3%A9", content=b"")
        parted = await client.post(f"{BASE}/bodies/a/b", content=b"")
    assert answer.headers["x-name"] == str(len("a/b/c é"))
    assert parted.status_code == 404


async def test_a_header_given_twice_is_400(open_client: Open) -> None:
    twice = [("Authorization", "Bearer events.read"), *[("X-Tenant-ID", "acme")] * 2]
    async with open_client(echo) as client, wire(client) as raw:
        del raw.headers["Authorization"]
        once = await raw.post(f"{BASE}/bodies/a", headers=twice[:2])
        answer = await raw.post(f"{BASE}/bodies/a", headers=twice)
    assert (once.status_code, answer.status_code) == (200, 400)


async def test_several_tenants_and_none_named_points_at_the_header(
    open_client: Open, services: Services
) -> None:
    class Undecided:
        async def authenticate(
            self, authorization: str | None, tenant: str | None, address: str | None
        ) -> Caller:
            raise Invalid.field("", "must name one")

    services.authenticator = Undecided()
    async with open_client(echo) as client:
        answer = await client.post(f"{BASE}/bodies/a")
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"pointer": "/X-Tenant-ID", "detail": "must name one", "in": "header"}
    ]


async def test_a_body_that_breaks_off_is_400(services: Services) -> None:
    sent: list[Any] = []
    came = iter([
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ])  # fmt: skip

    async def receive() -> Any:
        return next(came)

    async def send(message: Any) -> None:
        sent.append(message)

    path = f"{BASE}/bodies/a"
    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(),
        "query_string": b"", "headers": [(b"authorization", b"Bearer events.read")],
    }  # fmt: skip
    await create_app(services, (echo,))(scope, receive, send)
    assert sent[0]["status"] == 400


def wire(client: Client) -> httpx.AsyncClient:
    """As a server hands requests over: chunked bodies and repeated headers stay what they are."""
    transport = httpx.ASGITransport(app=client.app)
    return httpx.AsyncClient(
        transport=transport, base_url="http://test", headers={"Authorization": "Bearer events.read"}
    )
