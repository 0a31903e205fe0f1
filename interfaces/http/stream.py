"""The live stream: server-sent events by sequence, resumed without a gap or a repeat."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Annotated

import msgspec
from litestar.types import ASGIApp, Receive, Scope, Send
from msgspec import UNSET, Meta

from application.access_log.recording import Read
from application.ports import StoredRow
from domain.access.caller import Caller
from domain.access.permissions import Permission
from domain.errors import Invalid, Unavailable
from domain.orders.events import decode_body
from domain.privacy.revealing import Shown
from domain.times import parse_us
from interfaces.http.caller import ApiRequest, is_unchanged
from interfaces.http.endpoint import Header, Reply, endpoint, problems
from interfaces.http.events import EventsQuery
from interfaces.http.params import MAX_INTEGER
from interfaces.http.problems import ParameterError
from interfaces.http.reading import Behind
from interfaces.http.services import Services

HEARTBEAT = 15.0
_CATCH_UP = 10.0
LONGEST = 3600.0
"""Seconds after which a stream ends, so that clients move to newer processes; they resume."""

_HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
_LAST_EVENT_ID = Header(
    "Last-Event-ID",
    "Go on after this sequence; as `after`, which it overrules.",
    {"type": "integer", "minimum": 0, "maximum": MAX_INTEGER},
)


class StreamQuery(EventsQuery, frozen=True, kw_only=True):
    """The filters of the list, and where to begin. `limit` and `cursor` have no meaning here."""

    after: (
        Annotated[
            int,
            Meta(ge=0, le=MAX_INTEGER, description="Begin after this sequence. Now if left out."),
        ]
        | None
    ) = None


@endpoint(
    "GET",
    "/events/stream",
    permission=Permission.EVENTS_READ,
    summary="Follow events as they are recorded",
    tag="Events",
    query=StreamQuery,
    headers=(_LAST_EVENT_ID,),
    replies={
        200: Reply("Server-sent events; `id` is the sequence, `data` a stored event.",
                   {"type": "string"}, "text/event-stream"),
        **problems(503),
    },
    reveals=True,
)  # fmt: skip
async def stream_events(request: ApiRequest, query: StreamQuery) -> ASGIApp:
    """A comment every 15 s keeps the connection open. `Last-Event-ID` or `after` resumes. A stream
    ends after an hour, and when the caller's rights change."""
    services, caller = request.services, request.caller
    after = _last_event_id(request)
    if after is None:
        after = query.after
    if after is None:
        after = (await services.reader.head(caller.tenant_id)).sequence
    if caller.sees_personal:
        services.access_log.require_reason(caller, request.read)
    pages = services.tail.follow(caller.tenant_id, after, _Filter(query))
    show = partial(_shown, services, caller, request.read)
    holds = partial(is_unchanged, request)
    lifetime = _lifetime(caller, services.clock())
    return EventStream(pages, show, holds, services.stopping, lifetime)


def _lifetime(caller: Caller, now_us: int) -> float:
    """Seconds: a stream lives no longer than the right to read it."""
    return min(LONGEST, max(1.0, (caller.expires_us - now_us) / 1_000_000))


async def _shown(services: Services, caller: Caller, read: Read, rows: list[StoredRow]) -> bytes:
    """A batch as it is sent, of what the caller sees, noted in the access log if it shows anything;
    empty if it sees none of it. Raises Behind, Unavailable."""
    if caller.reach(Permission.EVENTS_READ).knows_channels:
        # Whose channel is not known yet would never be sent.
        newest = rows[-1].sequence
        if not await services.orders.wait_for(caller.tenant_id, newest, _CATCH_UP):
            raise Behind
    seen, shown = await services.sight.within(caller, Permission.EVENTS_READ, rows), Shown()
    bodies = await services.viewer.events(caller, shown, seen)
    batch = b"".join(
        b"id: %d\nevent: event\ndata: %b\n\n" % (row.sequence, body)
        for row, body in zip(seen, bodies, strict=True)
    )
    if shown.logged:
        await services.access_log.note(caller, read, shown, len(batch))
    return batch


class _Filter:
    """The list's filters, on one stored event."""

    def __init__(self, query: EventsQuery) -> None:
        self._query = query

    def __call__(self, row: StoredRow) -> bool:
        query, body = self._query, decode_body(row.state)
        if query.has_attachments:
            return False
        if body.type.startswith("history.") and not (query.type or "").startswith("history."):
            return False
        wanted = (
            (query.order_id, body.order_id),
            (query.source, body.source),
        )
        if any(asked is not None and asked != found for asked, found in wanted):
            return False
        return self._of_type(body.type) and self._in_time(body.occurred_at) and self._by(row)

    def _of_type(self, event_type: str) -> bool:
        pattern = self._query.type
        if pattern is None:
            return True
        if pattern.endswith(".*"):
            return event_type.startswith(pattern[:-1])
        return event_type == pattern

    def _in_time(self, occurred_at: str) -> bool:
        query = self._query
        if query.from_ is None and query.to is None:
            return True
        occurred = parse_us(occurred_at)
        return (query.from_ is None or occurred >= query.from_) and (
            query.to is None or occurred < query.to
        )

    def _by(self, row: StoredRow) -> bool:
        if self._query.actor_id is None:
            return True
        metadata = decode_body(row.state).metadata
        if metadata is UNSET:
            return False
        return bool(msgspec.json.decode(metadata).get("actor_id") == self._query.actor_id)


class EventStream:
    """An ASGI response that writes pages of events until the client leaves, the server stops, or
    `lifetime` seconds are over, or the rights to read them change."""

    def __init__(
        self,
        pages: AsyncIterator[tuple[int, list[StoredRow]]],
        show: Callable[[list[StoredRow]], Awaitable[bytes]],
        holds: Callable[[], Awaitable[bool]],
        stopping: asyncio.Event,
        lifetime: float,
    ) -> None:
        self._pages = pages
        self._show = show
        self._holds = holds
        self._stopping = stopping
        self._lifetime = lifetime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        await self._send(send, b": connected\n\n")
        writing = asyncio.create_task(self._write(send))
        leaving = asyncio.create_task(_disconnected(receive))
        stopping = asyncio.create_task(self._stopping.wait())
        tasks = {writing, leaving, stopping}
        try:
            await asyncio.wait(tasks, timeout=self._lifetime, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        if not leaving.done() or leaving.cancelled():
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, (Unavailable, OSError)):
                raise result

    async def _write(self, send: Send) -> None:
        loop = asyncio.get_running_loop()
        spoken = loop.time()
        async for _, rows in self._pages:
            if not await self._holds():
                return  # whoever may still read comes back, with the rights of then
            batch = await self._show(rows) if rows else b""
            if batch:
                await self._send(send, batch)
                spoken = loop.time()
            elif loop.time() - spoken >= HEARTBEAT:
                await self._send(send, b": still here\n\n")
                spoken = loop.time()

    @staticmethod
    async def _send(send: Send, body: bytes) -> None:
        await send({"type": "http.response.body", "body": body, "more_body": True})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _last_event_id(request: ApiRequest) -> int | None:
    text = request.header(b"last-event-id")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 16 and int(text) <= MAX_INTEGER):
        raise Invalid([ParameterError("/Last-Event-ID", "is not a sequence", place="header")])
    return int(text)


HANDLERS = (stream_events,)
