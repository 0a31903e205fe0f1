"""Which requests have a span, and what of them reaches it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from interfaces.http.answers import BASE_PATH
from interfaces.http.traced import TracedApp

pytestmark = pytest.mark.anyio

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Spans:
    """Notes what it is told of each request."""

    def __init__(self, *, sampled: bool = True) -> None:
        self.sampled = sampled
        self.told: list[tuple[Any, ...]] = []

    @contextmanager
    def request(self, method: str, traceparent: str | None) -> Iterator[Spans]:
        self.told.append((method, traceparent))
        yield self

    def answered(self, route: str, status: int) -> None:
        self.told.append((route, status))


async def application(scope: Any, receive: Any, send: Any) -> None:
    scope["path_template"] = "/things/{thing}"
    await send({"type": "http.response.start", "status": 201})
    await send({"type": "http.response.body", "body": b""})


async def ask(spans: Spans, path: str, *headers: bytes, method: str = "POST") -> list[str]:
    """The messages of the answer."""
    sent: list[str] = []

    async def send(message: Any) -> None:
        sent.append(message["type"])

    given = [(b"traceparent", value) for value in headers]
    scope: Any = {"type": "http", "path": path, "method": method, "headers": given}
    nothing: Any = None
    await TracedApp(application, spans)(scope, nothing, send)
    return sent


async def test_a_request_is_told_by_its_template() -> None:
    spans = Spans()
    sent = await ask(spans, f"{BASE_PATH}/things/secret", PARENT.encode())
    assert spans.told == [("POST", PARENT), ("/things/{thing}", 201)]
    assert sent == ["http.response.start", "http.response.body"]


@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/docs", f"{BASE_PATH}x", "/"])
async def test_what_is_not_the_api_has_no_span(path: str) -> None:
    spans = Spans()
    assert await ask(spans, path)
    assert spans.told == []


async def test_two_parents_are_none() -> None:
    spans = Spans()
    await ask(spans, f"{BASE_PATH}/things", PARENT.encode(), PARENT.encode())
    assert spans.told[0] == ("POST", None)


async def test_what_a_client_makes_up_is_no_method() -> None:
    spans = Spans()
    await ask(spans, f"{BASE_PATH}/things", method="SECRET")
    assert spans.told[0] == ("_OTHER", None)


async def test_bytes_that_are_no_text_are_handed_on_as_they_are() -> None:
    spans = Spans()
    await ask(spans, f"{BASE_PATH}/things", b"\xff\xfe")
    assert spans.told[0] == ("POST", "ÿþ")


async def test_what_is_not_sampled_is_answered_all_the_same() -> None:
    spans = Spans(sampled=False)
    assert await ask(spans, f"{BASE_PATH}/things") == ["http.response.start", "http.response.body"]
    assert spans.told == [("POST", None)]
