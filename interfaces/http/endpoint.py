"""How an endpoint is declared: its right, its parameters and all its answers, beside its handler.

    @endpoint(
        "GET", "/events/{event_id:str}",
        permission=Permission.EVENTS_READ, summary="One event", tag="Events",
        replies={200: Reply("The stored event.", EventView), **problems(404, 503)},
    )
    async def get_event(request: ApiRequest) -> ASGIApp: ...

The handler runs only for a caller with that right. It takes the request, and, when `query` is
declared, the parameters as that Struct; without one, any query parameter is 422. It reads the body
itself, as bytes. One that may show personal values is declared with `reveals`: only there is
`request.shown`, which the functions that reveal ask for. The OpenAPI document is made of these
declarations (`openapi.py`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp
from msgspec import Struct

from domain.access.permissions import Permission
from interfaces.http.bodies import EVENT_LIMIT, receive_first
from interfaces.http.caller import ApiRequest, authorize
from interfaces.http.params import NoQuery, read_query
from interfaces.http.problems import MEDIA_TYPE, Problem
from interfaces.http.reading import await_sequence
from interfaces.http.revealing import MAX_REASON, logging

OPT = "endpoint"
Body = Any
"""What msgspec can tell the JSON schema of (a Struct, a list of them), or a JSON schema."""
Handler = Callable[..., Awaitable[ASGIApp]]


class Content(Struct, frozen=True):
    """A body: a Struct type or a JSON schema, its media type, an example."""

    body: Body
    media_type: str = "application/json"
    example: Any = None


class Reply(Struct, frozen=True):
    """One answer: a Struct type or a JSON schema, its media type, names of headers it carries.
    others: what it is in other media types, for callers who ask for one."""

    description: str
    body: Body | None = None
    media_type: str = "application/json"
    headers: tuple[str, ...] = ()
    example: Any = None
    others: tuple[Content, ...] = ()


class Header(Struct, frozen=True):
    """A request header."""

    name: str
    description: str
    schema: dict[str, Any]


class Endpoint(Struct, frozen=True, kw_only=True):
    """What a route promises. `permission` None: anybody may ask, without a token."""

    method: str
    permission: Permission | None
    summary: str
    description: str
    tag: str
    operation_id: str
    query: type[Struct]
    headers: tuple[Header, ...]
    content: tuple[Content, ...]
    replies: dict[int, Reply]
    serve: Handler
    direct: bool
    reveals: bool


MIN_SEQUENCE = Header(
    "X-Min-Sequence",
    "Wait, at most 2 s, until the read model has reached this sequence; else 503.",
    {"type": "integer", "minimum": 0, "maximum": 2**53 - 1},
)
IF_NONE_MATCH = Header(
    "If-None-Match", "304 if the resource still has this ETag.", {"type": "string"}
)
IF_MATCH = Header("If-Match", "412 unless the resource has this ETag.", {"type": "string"})
IDEMPOTENCY_KEY = Header(
    "Idempotency-Key",
    "Makes a repeated request the same request: it is answered as the first one was, with "
    "`Idempotency-Replayed: true`. With another request the same key is 422.",
    {"type": "string", "minLength": 1, "maxLength": 255},
)
ACCESS_REASON = Header(
    "X-Access-Reason",
    "Why personal values are read, for the access log. An installation may require it of a role.",
    {"type": "string", "minLength": 1, "maxLength": MAX_REASON},
)
PREFER = Header("Prefer", "`wait=N`: seconds to wait for the end of the job.", {"type": "string"})

_PROBLEMS = {
    400: "It cannot be read.",
    401: "There is no valid token.",
    403: "The token does not hold this tenant, or no role of it gives this right.",
    404: "There is no such thing in this tenant.",
    405: "The id is a word of this API's paths, which takes other methods.",
    409: "The id is taken by other content.",
    412: "The resource has another ETag than If-Match names.",
    413: "The body is over the size limit.",
    415: "The media type or the encoding is not one that is taken here.",
    422: "It can be read but is not valid; `errors` says where.",
    429: "Too many requests; wait as Retry-After says.",
    503: "The store or a read model cannot answer now; try again as Retry-After says.",
}
_PROBLEM_HEADERS = {
    401: ("WWW-Authenticate",),
    405: ("Allow",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}


def problems(*statuses: int) -> dict[int, Reply]:
    """The replies of these statuses, as problem documents."""
    return {
        status: Reply(
            _PROBLEMS[status], Problem, MEDIA_TYPE, headers=_PROBLEM_HEADERS.get(status, ())
        )
        for status in statuses
    }


def endpoint(  # noqa: PLR0913 - a declaration names all that it declares
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"],
    path: str,
    *,
    permission: Permission | None,
    summary: str,
    tag: str,
    replies: Mapping[int, Reply],
    query: type[Struct] = NoQuery,
    headers: tuple[Header, ...] = (),
    content: tuple[Content, ...] = (),
    direct: bool = False,
    costly: bool = False,
    reveals: bool = False,
) -> Callable[[Handler], HTTPRouteHandler]:
    """Declare a handler (see above). 401, 403, 429 and 503 are added to `replies` where a right is
    needed, 400 and 422 everywhere. `direct`: a fixed path that is served without litestar's router.
    `costly`: its requests take turns (`turns.py`), having reached the sequence that they name.
    `reveals`: what it shows is logged before the answer goes out (`revealing.py`)."""

    def declare(handle: Handler) -> HTTPRouteHandler:
        implied = problems(400, 422)
        if permission is not None:  # 503: the keys of the token's issuer are out of reach
            implied |= problems(401, 403, 429, 503)
        waits = MIN_SEQUENCE in headers
        handler = _taking_turns(handle, waits) if costly else handle
        if reveals:
            handler = logging(handler, handle.__name__, f"{method} {_template(path)}")
        served = _serve(handler, permission, query)
        declared = Endpoint(
            method=method,
            permission=permission,
            summary=summary,
            description=(handle.__doc__ or "").strip(),
            tag=tag,
            operation_id=handle.__name__,
            query=query,
            headers=(*headers, ACCESS_REASON) if reveals else headers,
            content=content,
            replies={**implied, **replies},
            serve=served,
            direct=direct,
            reveals=reveals,
        )
        served.__name__, served.__doc__ = handle.__name__, handle.__doc__
        # The status is the Answer's; 200 here only keeps litestar from expecting none for DELETE.
        return HTTPRouteHandler(path, http_method=method, status_code=200, opt={OPT: declared})(
            served
        )

    return declare


def _template(path: str) -> str:
    """The path with its parameters, without their kinds."""
    return path.replace(":str}", "}")


def _taking_turns(handle: Handler, waits: bool) -> Handler:
    async def in_turn(request: ApiRequest, *query: Any) -> ASGIApp:
        # Neither a slow sender keeps a turn, nor who waits for what is not there yet.
        await receive_first(request, EVENT_LIMIT)
        if waits:
            await await_sequence(request)
        async with request.turns.taken(request.caller.tenant_id):
            return await handle(request, *query)

    return in_turn


def _serve(handle: Handler, permission: Permission | None, query: type[Struct]) -> Handler:
    async def served(request: ApiRequest) -> ASGIApp:
        if permission is not None:
            await authorize(request, permission)
        if query is not NoQuery:
            return await handle(request, read_query(request.scope["query_string"], query))
        if request.scope["query_string"]:
            read_query(request.scope["query_string"], NoQuery)
        return await handle(request)

    return served
