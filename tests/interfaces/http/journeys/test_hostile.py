"""Whatever a client sends: a documented 4xx, a problem document, nothing stored, nothing told."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import httpx
import pytest

from interfaces.http.openapi import operations
from tests.interfaces.http.journeys.house import BASE, House, Shop, pointers

pytestmark = pytest.mark.anyio

PATHS = [
    (f"{BASE}/events/%2F", 404),
    (f"{BASE}/events/%2f%2F", 404),
    (f"{BASE}/events/%00", 404),
    (f"{BASE}/events/evt_1%00", 404),
    (f"{BASE}/events/evt_1%00x", 404),
    (f"{BASE}/events/a%0d%0aSet-Cookie:x", 404),
    (f"{BASE}/events/%1F", 404),
    (f"{BASE}/events/%ff%fe", 404),
    (f"{BASE}/events/%c3", 404),
    (f"{BASE}/events/%ed%a0%80", 404),
    (f"{BASE}/events/%", 404),
    (f"{BASE}/events/%zz", 404),
    (f"{BASE}/events/%25", 404),
    (f"{BASE}/events/%252F", 404),
    (f"{BASE}/events/%2e%2e", 404),
    (f"{BASE}/events/%2e%2e%2f%2e%2e%2fetc%2fpasswd", 404),
    (f"{BASE}/events/' or 1=1 --".replace(" ", "%20"), 404),
    (f"{BASE}/events/{'x' * 10_240}", 404),
    (f"{BASE}/events/{'%C3%A9' * 2_000}", 404),
    (f"{BASE}/events/oh_evt_{'9' * 18}", 404),
    (f"{BASE}/events/oh_evt_{'9' * 19}", 404),
    (f"{BASE}/events/oh_evt_{'9' * 5000}", 404),
    (f"{BASE}/events/oh_evt_000000000000", 404),
    (f"{BASE}/events/oh_evt_-00000000001", 404),
    (f"{BASE}/events/oh_evt_{'%D9%A0' * 11}%D9%A1", 404),  # Arabic digits
    (f"{BASE}/events//bytes", 404),
    (f"{BASE}/events/evt_1/", 200),
    (f"{BASE}//events", 200),
    (f"{BASE}%2Fevents", 404),
    (f"{BASE}/orders/ord_1%2Ftimeline", 404),
    (f"{BASE}/orders/{'x' * 10_240}/timeline", 404),
    (f"{BASE}/orders/%F0%9F%98%80/snapshot", 404),
    (f"{BASE}/orders/%00/snapshot", 404),
    (f"{BASE}/orders/ord_1/events/{'a.' * 5000}a", 422),
    (f"{BASE}/orders/ord_1/events/%F0%9F%98%80", 422),
    (f"{BASE}/snapshots/{'x' * 10_240}", 404),
    (f"{BASE}/snapshots/%ff", 404),
    (f"{BASE}/jobs/{'x' * 10_240}", 404),
    (f"{BASE}/jobs/%ff/rejected", 404),
    (f"{BASE}/corrections/%2F", 404),
    ("/docs/..%2f..%2fpyproject.toml", 404),
    ("/docs/%2Fetc%2Fpasswd", 404),
    ("/problems/%00", 404),
    ("/%ff", 404),
    ("/" + "x/" * 2000, 404),
]  # fmt: skip


@pytest.fixture(scope="module")
async def stocked(house: House) -> Shop:
    shop = house.shop()
    await shop.record(event_id="evt_1")
    return shop


async def ask(shop: Shop, method: str, path: str, **more: Any) -> httpx.Response:
    """As the admin; the path goes out as it is written here."""
    request = shop.as_role("admin").build_request(method, "/", **more)
    request.url = request.url.copy_with(raw_path=path.encode())
    return await shop.as_role("admin").send(request)


@pytest.mark.parametrize(("path", "status"), PATHS, ids=[path[:60] for path, _ in PATHS])
async def test_paths(stocked: Shop, path: str, status: int) -> None:
    answer = await ask(stocked, "GET", path)
    assert answer.status_code == status, answer.text[:200]
    if status != 200:
        pointers(answer)
        assert answer.json()["instance"] == path


@pytest.mark.parametrize("path", [f"{BASE}%2Fevents", "/v1%2Forder-history/events"])
async def test_a_slash_that_is_encoded_parts_no_path(stocked: Shop, path: str) -> None:
    head = await stocked.head()
    answer = await ask(stocked, "POST", path, json=stocked.event())
    assert answer.status_code == 404
    assert await stocked.head() == head


async def test_methods(stocked: Shop) -> None:
    taken: dict[str, set[str]] = {}
    for item in operations(stocked.house.app):
        path = re.sub(r"\{\w+\}", "evt_1", item.path)
        taken.setdefault(path, set()).add(item.endpoint.method)
    taken[f"{BASE}/events/bulk"] |= {"GET"}  # as an event's id
    for path, methods in taken.items():
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW", "CONNECT"):
            if method in methods or path.endswith(("/validate", "/bulk", "/stream", "/compute")):
                continue
            answer = await ask(stocked, method, path)
            assert answer.status_code == 405, (method, path)
            pointers(answer)
            allowed = set(answer.headers["allow"].replace(" ", "").split(","))
            assert methods <= allowed, path
            assert method not in allowed


async def test_options_tell_every_method_of_a_path(stocked: Shop) -> None:
    taken: dict[str, set[str]] = {}
    for item in operations(stocked.house.app):
        path = re.sub(r"\{\w+\}", "evt_1", item.path)
        taken.setdefault(path, set()).add(item.endpoint.method)
    assert max(len(methods) for methods in taken.values()) > 1
    for path, methods in taken.items():
        answer = await ask(stocked, "OPTIONS", path)
        assert (answer.status_code, answer.content) == (204, b"")
        assert set(answer.headers["allow"].split(", ")) == {*methods, "OPTIONS"}, path


async def test_head_and_options(stocked: Shop) -> None:
    for path in (f"{BASE}/events/evt_1", "/healthz", f"{BASE}/orders"):
        head = await ask(stocked, "HEAD", path)
        assert head.status_code in (200, 405)
        assert head.content == b""
        options = await ask(stocked, "OPTIONS", path)
        assert options.status_code in (204, 405)
        assert "GET" in options.headers["allow"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "application/json"}, 201),
        ({"Content-Type": "APPLICATION/JSON ; Charset=utf-8"}, 201),
        ({}, 201),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/xml"}, 415),
        ({"Content-Type": "application/x-ndjson"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": "multipart/form-data; boundary=x"}, 415),
        ({"Content-Type": "application/json; charset=utf-16"}, 415),
        ({"Content-Type": "application/json; charset="}, 415),
        ({"Content-Type": "application/jsonp"}, 415),
        ({"Content-Type": "json"}, 415),
        ({"Content-Type": ""}, 415),
        ({"Content-Type": ";;;==="}, 415),
        ({"Content-Encoding": "gzip"}, 415),
        ({"Content-Encoding": "br"}, 415),
        ({"Content-Encoding": "identity"}, 201),
    ],
)
async def test_media_types(shop: Shop, headers: dict[str, str], status: int) -> None:
    bodies = {
        "/events": shop.event(event_id="evt_0"),
        "/corrections": {
            "event_id": "evt_c", "correction_of": "evt_0", "order_id": "ord_1",
            "occurred_at": "2025-01-01T10:00:00Z", "payload": {"correction": "x"},
        },
        "/orders/ord_1/snapshots": {
            "snapshot_id": "s", "captured_at": "2025-01-01T00:00:00Z", "source": "shop",
            "state": {},
        },
        "/events/validate": shop.event(),
        "/snapshots/compute": {"order_id": "ord_1"},
    }  # fmt: skip
    good = {"/events/validate": 200, "/snapshots/compute": 202}
    for path, body in bodies.items():
        request = {"content": json.dumps(body), "headers": headers}
        answer = await ask(shop, "POST", BASE + path, **request)
        assert answer.status_code == (good.get(path, 201) if status == 201 else status), path
    assert await shop.head() == (3 if status == 201 else 0)


async def test_tokens(stocked: Shop) -> None:
    good = stocked.house.token("admin", [stocked.tenant])
    head, claims, signature = good.split(".")
    client = stocked.house.client(None)
    none = ("", "Bearer", "Bearer ", "Basic YTpi", f"Token {good}")
    for value in (
        *none, "Bearer x", f"Bearer {good}x",
        f"Bearer {head}.{claims}.", f"Bearer {head}..{signature}", f"Bearer {good} {good}",
        f"Bearer {good},{good}", f"Bearer {head}.{claims[:-2]}.{signature}", "Bearer a.b.c",
        "Bearer eyJhbGciOiJub25lIn0.e30.", "Bearer " + "x" * 100_000, "Bearer é.é.é",
        "Bearer " + "." * 1000,
    ):  # fmt: skip
        answer = await client.get(
            f"{BASE}/events", headers=[(b"Authorization", value.encode("latin-1"))]
        )
        assert answer.status_code == 401, value[:40]
        told = "Bearer" if value in none else 'Bearer error="invalid_token"'
        assert answer.headers["www-authenticate"] == told
        pointers(answer)
        assert good not in answer.text
    for value in (f"bearer {good}", f"BEARER  {good} "):
        answer = await client.get(f"{BASE}/events", headers={"Authorization": value})
        assert answer.status_code == 200


async def test_an_expired_token(stocked: Shop) -> None:
    client = stocked.house.client("admin", stocked.tenant, ttl=1)
    answers = []
    for _ in range(40):
        answers.append((await client.get(f"{BASE}/orders")).status_code)
        if answers[-1] != 200:
            break
        await asyncio.sleep(0.1)
    assert answers[-1] == 401


@pytest.mark.parametrize(
    "name", ["Authorization", "X-Tenant-ID", "Idempotency-Key", "Content-Type", "Content-Encoding"]
)
async def test_a_header_given_twice(shop: Shop, name: str) -> None:
    values = {
        "Authorization": "Bearer " + shop.house.token("admin", [shop.tenant]),
        "X-Tenant-ID": shop.tenant,
        "Content-Type": "application/json",
        "Content-Encoding": "identity",
        "Idempotency-Key": "k",
    }
    client = shop.house.client(None)
    body = json.dumps(shop.event())
    twice = [*values.items(), (name, values[name])]
    answer = await client.post(f"{BASE}/events", content=body, headers=twice)
    assert answer.status_code == 400
    assert await shop.head() == 0
    once = await client.post(f"{BASE}/events", content=body, headers=values)
    assert once.status_code == 201


async def exchange(url: str, raw: bytes, *, whole: bool = False) -> bytes:
    """What a server says to these bytes until it closes. `whole`: more could come."""
    address = httpx.URL(url)
    reader, writer = await asyncio.open_connection(address.host, address.port)
    writer.write(raw)
    if not whole:
        writer.write_eof()
    try:
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()


async def test_bodies_that_are_not_as_long_as_they_say(house: House, shop: Shop) -> None:
    token = house.token("admin", [shop.tenant])
    body = json.dumps(shop.event()).encode()

    def request(*headers: str, body: bytes = body) -> bytes:
        head = [f"POST {BASE}/events HTTP/1.1", "Host: x", f"Authorization: Bearer {token}"]
        return "\r\n".join([*head, "Connection: close", *headers, "", ""]).encode() + body

    async with house.served() as url:
        for raw in (
            request(f"Content-Length: {len(body) + 10}"),
            request("Content-Length: -1"),
            request("Content-Length: x"),
            request("Content-Length: 5", "Content-Length: 6"),
            request(f"Content-Length: {len(body)}", "Transfer-Encoding: chunked"),
            request("Transfer-Encoding: chunked", body=b"zz\r\n" + body),
            request("Transfer-Encoding: chunked", body=b"fffffffffffffffff\r\n"),
            request("Transfer-Encoding: gzip"),
            request("Content-Length: 99999999999999999999999999"),
            b"GARBAGE\r\n\r\n",
            b"GET  HTTP/1.1\r\n\r\n",
            b"\x16\x03\x01\x02\x00" * 20,
            b"GET " + BASE.encode() + b"/events\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
            f"GET {BASE}/events/\u00e9 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode(),
        ):
            said = await exchange(url, raw)
            assert not said or said.startswith(b"HTTP/1.1 4"), said[:100]
            assert await shop.head() == 0, raw[:300]
        short = await exchange(url, request(f"Content-Length: {len(body) - 1}"), whole=True)
        assert short.startswith(b"HTTP/1.1 400")
        large = await exchange(
            url, request(f"Content-Length: {300 * 1024}", body=b" " * 1024), whole=True
        )
        assert large.startswith(b"HTTP/1.1 413")
        good = await exchange(url, request(f"Content-Length: {len(body)}"), whole=True)
        assert good.startswith(b"HTTP/1.1 201")
