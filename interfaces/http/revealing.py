"""Around the endpoints that may show personal values: what an answer shows is in the access log
before it goes out, or it does not go out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from litestar.types import ASGIApp

from application.access_log.recording import Read
from domain.errors import Invalid
from domain.privacy.cards import mask_text
from interfaces.http.caller import ApiRequest
from interfaces.http.problems import ParameterError

MAX_REASON = 200
"""Characters of X-Access-Reason."""

_NOT_MODIFIED = 304
Handler = Callable[..., Awaitable[ASGIApp]]


def logging(handle: Handler, operation: str, endpoint: str) -> Handler:
    """The handler, with what its answer shows noted. A stream, which has no body of its own, notes
    each batch itself (`stream.py`)."""

    async def logged(request: ApiRequest, *query: Any) -> ASGIApp:
        read = request.read = read_of(request, operation, endpoint)
        shown = request.shown
        answer = await handle(request, *query)
        # With a 304 nothing is shown: the caller has it already.
        if shown.logged and getattr(answer, "status", None) != _NOT_MODIFIED:
            size = len(getattr(answer, "body", b""))
            await request.services.access_log.note(request.caller, read, shown, size)
        return answer

    return logged


def read_of(request: ApiRequest, operation: str, endpoint: str) -> Read:
    """What the access log is told of a request. Raises Invalid for X-Access-Reason."""
    client = request.scope.get("client")
    return Read(operation, endpoint, _reason(request), client[0] if client else None)


def _reason(request: ApiRequest) -> str | None:
    given = request.header(b"x-access-reason")
    if given is None:
        return None
    try:
        reason = given.encode("latin-1").decode()
    except UnicodeDecodeError:
        raise _refused("is not UTF-8") from None
    if not reason.strip() or len(reason) > MAX_REASON or not reason.isprintable():
        raise _refused(f"must have 1 to {MAX_REASON} printable characters")
    return mask_text(reason)


def _refused(detail: str) -> Invalid:
    return Invalid([ParameterError("/X-Access-Reason", detail, place="header")])
