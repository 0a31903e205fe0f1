"""Request bodies as bytes: the domain reads JSON itself, so that it hashes the same everywhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

from litestar.exceptions import HTTPException

from domain.errors import TooLarge, Unreadable
from interfaces.http.caller import ApiRequest

EVENT_LIMIT = 256 * 1024
SNAPSHOT_LIMIT = 4 * 1024 * 1024
JSON_TYPES = frozenset({"application/json"})
NDJSON_TYPES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})


async def read_json_bytes(request: ApiRequest, limit: int) -> bytes:
    """The whole body, of `application/json` or no stated type, of at most `limit` bytes.

    Raises TooLarge (413), as soon as that is known; Unreadable (400) when the client goes away
    half way; 415 for another type or an encoding.
    """
    require_media_type(request, JSON_TYPES)
    require_encoding(request, frozenset({"identity"}))
    announced = request.header(b"content-length")
    if announced is not None and announced.isdecimal() and int(announced[:20]) > limit:
        raise too_large(limit)
    return await _whole(request, limit)


async def receive_first(request: ApiRequest, limit: int) -> None:
    """Receive the body now, so that nothing waits for its sender when it is read. Raises TooLarge
    (413), Unreadable (400)."""
    body = await _whole(request, limit)

    async def received() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    request.receive = received


async def _whole(request: ApiRequest, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in body_chunks(request):
        size += len(chunk)
        if size > limit:
            raise too_large(limit)
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def body_chunks(request: ApiRequest) -> AsyncIterator[bytes]:
    """The body as it comes. Raises Unreadable when the client goes away before its end."""
    more = True
    while more:
        message = cast(dict[str, Any], await request.receive())
        if message["type"] == "http.disconnect":
            raise Unreadable("The body ended before it was complete.")
        more = message.get("more_body", False)
        if chunk := message.get("body"):
            yield chunk


def require_media_type(request: ApiRequest, allowed: frozenset[str]) -> None:
    """415 for a Content-Type that is not one of `allowed`; a body without one is taken as such."""
    header = request.header(b"content-type")
    if header is None:
        return
    media_type, *parameters = (part.strip().lower() for part in header.split(";"))
    charsets = [p.split("=", 1)[1].strip('"') for p in parameters if p.startswith("charset=")]
    if media_type not in allowed or any(charset not in _UTF8 for charset in charsets):
        raise HTTPException(
            status_code=415, detail=f"Send {' or '.join(sorted(allowed))} in UTF-8."
        )


def require_encoding(request: ApiRequest, allowed: frozenset[str]) -> str:
    """The Content-Encoding, `identity` if there is none; 415 for any but `allowed`."""
    encoding = (request.header(b"content-encoding") or "identity").strip().lower()
    if encoding not in allowed:
        known = ", ".join(sorted(allowed))
        raise HTTPException(status_code=415, detail=f"The Content-Encoding must be {known}.")
    return encoding


def too_large(limit: int) -> TooLarge:
    """The error of a body over `limit` bytes."""
    return TooLarge(f"The body is over the limit of {limit // 1024} KiB.")


_UTF8 = ("utf-8", "utf8", "us-ascii")
