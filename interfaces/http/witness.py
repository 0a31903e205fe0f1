"""Our own witness over HTTP: add-checkpoint, and <origin hash>/checkpoint.

Statuses are those of C2SP tlog-witness; beside them 405 for another method, and 503 while its state
cannot be written. Nothing is cosigned that was not stored before.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, cast

import structlog
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from application.ledger.cosigning import Answer
from domain.errors import Unavailable
from domain.ledger.witnessing import BAD_REQUEST, MAX_BODY, UNKNOWN_LOG

BODY_SECONDS = 30.0
"""In which a request's body has to arrive."""

_PATHS = "there is only add-checkpoint and <origin hash>/checkpoint\n"
_NEWEST = re.compile(r"/([0-9a-f]{64})/checkpoint")

log = structlog.get_logger(__name__)


class AnswersAsWitness(Protocol):
    """application.ledger.cosigning.Witness; called in threads."""

    def add_checkpoint(self, body: bytes) -> Answer: ...

    def newest(self, origin_hash: str) -> Answer: ...


class _BadBody(Exception):
    """The message is the answer."""


def witness_app(witness: AnswersAsWitness) -> ASGIApp:
    """The application. Its threads are the event loop's default ones."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        asked = cast(HTTPScope, scope)  # served without a lifespan and without web sockets
        answer, headers = await _answer(witness, asked["method"], asked["path"], receive)
        await _send(send, answer, headers)

    return app


async def _answer(
    witness: AnswersAsWitness, method: str, path: str, receive: Receive
) -> tuple[Answer, dict[str, str]]:
    """The answer, and headers of its own."""
    found = _NEWEST.fullmatch(path)
    if found is None and path != "/add-checkpoint":
        return Answer(UNKNOWN_LOG, _PATHS), {}
    allowed = ("GET", "HEAD") if found else ("POST",)
    if method not in allowed:
        return Answer(405, "another method is needed\n"), {"Allow": ", ".join(allowed)}
    try:
        if found:
            return await asyncio.to_thread(witness.newest, found[1]), {}
        body = await _body(receive)
        return await asyncio.to_thread(witness.add_checkpoint, body), {}
    except _BadBody as fault:
        return Answer(BAD_REQUEST, f"{fault}\n"), {"Connection": "close"}
    except Unavailable as fault:
        log.error("witness.state", reason=str(fault))  # noqa: TRY400  # the reason says it all
        return Answer(503, f"{fault}\n"), {"Retry-After": "1"}


async def _body(receive: Receive) -> bytes:
    """The whole body, bounded in bytes and time."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            more = True
            while more:
                message: dict[str, Any] = dict(await receive())
                if message["type"] == "http.disconnect":
                    raise _BadBody("the request ended before it was complete")
                body += message.get("body", b"")
                more = message.get("more_body", False)
                if len(body) > MAX_BODY:
                    raise _BadBody(f"the request has over {MAX_BODY} bytes")
    except TimeoutError:
        raise _BadBody(f"the request did not arrive within {BODY_SECONDS:g} s") from None
    return bytes(body)


async def _send(send: Send, answer: Answer, headers: dict[str, str]) -> None:
    body = answer.body.encode()
    given = {
        "Content-Type": answer.content_type,
        "Content-Length": str(len(body)),
        "Cache-Control": "no-store",
        **headers,
    }
    raw = [(name.lower().encode(), value.encode()) for name, value in given.items()]
    emit: Callable[[Any], Awaitable[None]] = send
    await emit({"type": "http.response.start", "status": answer.status, "headers": raw})
    await emit({"type": "http.response.body", "body": body, "more_body": False})
