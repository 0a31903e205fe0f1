"""Article 15: giving a person all that is held on them, as a download."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Annotated, Any

from litestar.types import ASGIApp, Receive, Scope, Send
from msgspec import Meta, Struct

from domain import canonical
from domain.access.permissions import Permission
from domain.erasure.subjects import MAX_REASON, MAX_SUBJECT
from interfaces.http.bodies import EVENT_LIMIT, read_json_bytes
from interfaces.http.caller import ApiRequest, is_unchanged
from interfaces.http.endpoint import Content, Reply, endpoint, problems

_HEADERS = [
    (b"content-type", b"application/x-ndjson"),
    (b"content-disposition", b'attachment; filename="subject-access.ndjson"'),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


class AccessIn(Struct, frozen=True, omit_defaults=True):
    """Whose data is asked for: a customer id, or an email address."""

    subject_id: Annotated[str, Meta(min_length=1, max_length=MAX_SUBJECT)]
    reason: Annotated[str, Meta(min_length=1, max_length=MAX_REASON)] | None = None


_EXAMPLE: dict[str, Any] = {"subject_id": "cust_123", "reason": "asked by letter, 2026-11-30"}


@endpoint(
    "POST",
    "/gdpr/access-request",
    permission=Permission.SUBJECT_ACCESS,
    summary="Get all that is held on a person",
    tag="Privacy",
    content=(Content(AccessIn, example=_EXAMPLE),),
    replies={
        200: Reply("Lines of JSON, each with its `kind`; the last one is `end`.",
                   {"type": "string"}, "application/x-ndjson", headers=("Content-Disposition",)),
        **problems(413, 415, 503),
    },
    costly=True,
    reveals=True,
)  # fmt: skip
async def request_access(request: ApiRequest) -> ASGIApp:
    """Found as for an erasure, and shown in the clear, so that `personal.read` without a limit is
    needed as well: every event and snapshot of the person's own orders; of orders of others the
    values that are the person's; what they did as an actor; who looked at their orders; on which
    grounds it is kept; from which sources it came. Nothing of the answer is kept here. A file
    whose last line is not of the kind `end` is not whole."""
    value = canonical.decode(await read_json_bytes(request, EVENT_LIMIT))
    services = request.services
    batches = await services.give_access(request.caller, request.doer, request.read, value)
    return Download(batches, partial(is_unchanged, request), services.stopping)


class Download:
    """An ASGI response that sends batches until they end, the client leaves, the server stops, or
    the rights to read them change. Where it does not come to their end, the connection is closed,
    so that the client notices."""

    def __init__(
        self,
        batches: AsyncIterator[bytes],
        holds: Callable[[], Awaitable[bool]],
        stopping: asyncio.Event,
    ) -> None:
        self._batches = batches
        self._holds = holds
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        writing = asyncio.create_task(self._write(send))
        leaving = asyncio.create_task(_disconnected(receive))
        stopping = asyncio.create_task(self._stopping.wait())
        tasks = {writing, leaving, stopping}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _write(self, send: Send) -> None:
        async for batch in self._batches:
            if not await self._holds():
                return
            await send({"type": "http.response.body", "body": batch, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


HANDLERS = (request_access,)
