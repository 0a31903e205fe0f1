"""The real server over services that answer at once: `python -m ... PORT`, for test_server.py."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import fields
from typing import Any

from litestar.types import ASGIApp, Receive, Scope, Send

from domain.access.permissions import Permission
from interfaces.http.app import OrderHistoryApi, create_app
from interfaces.http.caller import ApiRequest
from interfaces.http.endpoint import endpoint
from interfaces.http.server import run
from interfaces.http.services import Services
from tests.interfaces.http.conftest import StatedHealth, TokenIsRights, Unlimited

SECRET = "jane.doe@example.com"


class Stream:
    """Sends one event and then waits for the end of the server."""

    def __init__(self, services: Services) -> None:
        self._stopping = services.stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
        await self._stopping.wait()
        await send({"type": "http.response.body", "body": b": bye\n\n", "more_body": False})


class Breaks:
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        raise RuntimeError(SECRET)


@endpoint(
    "GET", "/stub/stream", permission=Permission.EVENTS_READ, summary="x", tag="x", replies={}
)
async def stream(request: ApiRequest) -> ASGIApp:
    return Stream(request.services)


@endpoint(
    "GET", "/stub/breaks", permission=Permission.EVENTS_READ, summary="x", tag="x", replies={}
)
async def breaks(_: ApiRequest) -> ASGIApp:
    return Breaks()


def marking(app: ASGIApp) -> ASGIApp:
    """Says in each answer that it was around."""

    async def around(scope: Scope, receive: Receive, send: Send) -> None:
        async def answering(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-around", b"yes")]
            await send(message)

        await app(scope, receive, answering)

    return around


@asynccontextmanager
async def composition() -> AsyncIterator[Services]:
    others: dict[str, Any] = {field.name: None for field in fields(Services)}
    del others["stopping"], others["times"]
    given: dict[str, Any] = {
        "authenticator": TokenIsRights(),
        "health": StatedHealth(),
        "cursor_key": b"k",
    }
    given |= {"quotas": Unlimited()}
    yield Services(**{**others, **given, "around": marking})
    sys.stdout.write("closed\n")


def build(services: Services) -> OrderHistoryApi:
    return create_app(services, (stream, breaks))


if __name__ == "__main__":
    sys.exit(run(composition, "127.0.0.1", int(sys.argv[1]), build))
