"""Answers as bytes: stored JSON goes out as it lies in the store, never decoded and encoded again.

An Answer is an ASGI application of its own; litestar's Response would add 7 µs to each request.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Sequence
from urllib.parse import quote

from litestar.exceptions import HTTPException
from litestar.types import Receive, Scope, Send

from application.jobs.ports import Submitted, job_view
from interfaces.http.caller import ApiRequest

BASE_PATH = "/v1/order-history"
RawHeader = tuple[bytes, bytes]

OCTETS = "application/octet-stream"
TEXT = "text/plain; charset=utf-8"

_JSON: RawHeader = (b"content-type", b"application/json")
REPLAYED: RawHeader = (b"idempotency-replayed", b"true")
READ_HEADERS: tuple[RawHeader, ...] = (
    (b"cache-control", b"private, no-cache"),
    (b"vary", b"Authorization, X-Tenant-ID"),
)
"""A read belongs to its caller: masking depends on the role."""


class Answer:
    """A whole response, ready to send."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Iterable[RawHeader], body: bytes = b"") -> None:
        self.status = status
        self.headers = list(headers)
        self.body = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = self.headers
        if self.status not in (204, 304):
            headers = [*headers, (b"content-length", b"%d" % len(self.body))]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


def json_answer(body: bytes, status: int = 200, headers: Iterable[RawHeader] = ()) -> Answer:
    """JSON bytes with this status."""
    return Answer(status, (_JSON, *headers), body)


def created(body: bytes, location: str, *more: RawHeader) -> Answer:
    """201: something new, to be found at `location`."""
    return Answer(201, (_JSON, (b"location", location.encode("ascii")), *more), body)


def replayed(body: bytes, location: str, *more: RawHeader) -> Answer:
    """200: the same write came before; this is what it answered then."""
    return Answer(200, (_JSON, (b"location", location.encode("ascii")), REPLAYED, *more), body)


def receipt_of(event: str) -> RawHeader:
    """The Link (RFC 8288) from an event's path to its receipt. `describedby` is the registered
    relation that says it: a resource that provides information about this one."""
    link = f'<{event}/receipt>; rel="describedby"; type="text/plain"'
    return b"link", link.encode("ascii")


def accepted(made: Submitted, below: str = "jobs") -> Answer:
    """202: a job that goes on; its `Location`, below this, tells how far it is."""
    where = location(below, made.job.job_id).encode("ascii")
    headers: tuple[RawHeader, ...] = (_JSON, (b"location", where))
    return Answer(202, (*headers, REPLAYED) if made.replayed else headers, job_view(made.job))


def no_content() -> Answer:
    """204."""
    return Answer(204, ())


def resource(
    request: ApiRequest,
    body: bytes,
    *,
    media_type: str = "application/json",
    tagged: bytes | None = None,
) -> Answer:
    """One resource with its ETag; 304 without a body when the caller has it.

    `tagged`: what the tag is of, in place of the body, where that holds the time of asking as well:
    a weak tag then (RFC 9110, 8.8.1), for the bytes differ each time.
    """
    tag = entity_tag(body) if tagged is None else f"W/{entity_tag(tagged)}"
    headers = (*READ_HEADERS, (b"etag", tag.encode("ascii")))
    if _known(request.header(b"if-none-match"), tag):
        return Answer(304, headers)
    return Answer(200, ((b"content-type", media_type.encode("ascii")), *headers), body)


def listing(items: Sequence[bytes], next_cursor: str | None) -> Answer:
    """`{"items": [...], "next_cursor": "..." | null}` around items that are JSON already.

    `next_cursor` is base64url text as `cursors.Walk` gives it.
    """
    cursor = b"null" if next_cursor is None else b'"%b"' % next_cursor.encode("ascii")
    body = b'{"items":[%b],"next_cursor":%b}' % (b",".join(items), cursor)
    return Answer(200, (_JSON, *READ_HEADERS), body)


def entity_tag(body: bytes) -> str:
    """A strong entity tag (RFC 9110, 8.8.3): the hash of what this caller sees."""
    return f'"{urlsafe_b64encode(hashlib.sha256(body).digest()[:18]).decode()}"'


def only_unchanged(request: ApiRequest, body: bytes) -> bool:
    """Whether the caller wants to change a resource only as it is: If-Match (RFC 9110, 13.1.1),
    which holds for what it sees of it. 412 if it does not."""
    header = request.header(b"if-match")
    if header is None:
        return False
    tags = [tag.strip() for tag in header.split(",")]
    if "*" not in tags and entity_tag(body) not in tags:
        raise changed_since()
    return "*" not in tags


def changed(body: bytes | None) -> Answer:
    """A resource as it is after a change, with its ETag. None: somebody else was faster, 412."""
    if body is None:
        raise changed_since()
    return json_answer(body, headers=(*READ_HEADERS, tag_of(body)))


def changed_since() -> HTTPException:
    """412."""
    return HTTPException(
        status_code=412, detail="It has changed since. Get it again, and its ETag with it."
    )


def tag_of(body: bytes) -> RawHeader:
    """The ETag of a resource that answers a change of it."""
    return b"etag", entity_tag(body).encode("ascii")


def location(*segments: str) -> str:
    """The path of a resource under the base path; a slash in an id travels as %2F."""
    return "/".join((BASE_PATH, *(quote(segment, safe="") for segment in segments)))


def _known(if_none_match: str | None, tag: str) -> bool:
    if if_none_match is None:
        return False
    candidates = [candidate.strip() for candidate in if_none_match.split(",")]
    opaque = tag.removeprefix("W/")  # compared weakly (RFC 9110, 13.1.2)
    return "*" in candidates or opaque in (item.removeprefix("W/") for item in candidates)
