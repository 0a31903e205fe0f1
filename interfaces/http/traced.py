"""A span around each request to the API, with what the application itself made of the request: its
method, its route's template, the status. Never its path, its query, or a header.

A request with a valid `traceparent` (W3C Trace Context) goes on with that trace; with none, with
one that is malformed, or with two, it begins one of its own.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol

from litestar.types import ASGIApp, Message, Receive, Scope, Send

from interfaces.http.answers import BASE_PATH
from interfaces.http.timing import METHODS, route_of


class RequestSpan(Protocol):
    """The span of one request."""

    @property
    def sampled(self) -> bool:
        """Whether anybody will see it."""
        ...

    def answered(self, route: str, status: int) -> None:
        """The answer begins. route: "" when there is none at this path."""
        ...


class Spans(Protocol):
    """Makes spans of requests."""

    def request(
        self, method: str, traceparent: str | None
    ) -> AbstractContextManager[RequestSpan]: ...


class TracedApp:
    """Another application, with a span around each request below the base path: probes, metrics and
    pages have none. A stream's lasts until it ends."""

    def __init__(self, app: ASGIApp, spans: Spans) -> None:
        self._app = app
        self._spans = spans

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked: Any = scope
        if asked["type"] != "http" or not asked["path"].startswith(f"{BASE_PATH}/"):
            await self._app(scope, receive, send)
            return
        method = asked["method"] if asked["method"] in METHODS else "_OTHER"
        with self._spans.request(method, _traceparent(asked["headers"])) as span:

            async def answering(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.answered(route_of(asked), message["status"])
                await send(message)

            await self._app(scope, receive, answering if span.sampled else send)


def _traceparent(headers: list[tuple[bytes, bytes]]) -> str | None:
    given = [value for name, value in headers if name == b"traceparent"]
    return given[0].decode("latin-1") if len(given) == 1 else None
