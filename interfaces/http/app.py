"""The HTTP application: its routes, one line for each capability, and nothing around them.

Nothing is parsed, injected or logged per request before the handler: the way of `POST /events` is
routing, `authorize`, the handler, the answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import unquote

import msgspec
from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, LifeSpanReceive, LifeSpanSend, Receive, Scope, Send

from interfaces.http import (
    access_logs,
    aggregations,
    api_keys,
    audit,
    bulk,
    corrections,
    diagnostics,
    events,
    gdpr,
    health,
    holds,
    jobs,
    ledger,
    metrics,
    orders,
    pages,
    quotas,
    redactions,
    retention,
    roles,
    search,
    searches,
    snapshots,
    states,
    stream,
    subject_access,
    timelines,
    tlog,
)
from interfaces.http.answers import BASE_PATH, Answer
from interfaces.http.caller import SLASH, ApiRequest
from interfaces.http.endpoint import Handler
from interfaces.http.openapi import declared_of, document
from interfaces.http.problems import problem_response
from interfaces.http.services import Services
from interfaces.http.timing import RequestTimes
from interfaces.http.turns import Turns

API_HANDLERS: tuple[HTTPRouteHandler, ...] = (
    *events.HANDLERS,
    *stream.HANDLERS,
    *timelines.HANDLERS,
    *orders.HANDLERS,
    *states.HANDLERS,
    *snapshots.HANDLERS,
    *bulk.HANDLERS,
    *jobs.HANDLERS,
    *corrections.HANDLERS,
    *search.HANDLERS,
    *searches.HANDLERS,
    *aggregations.HANDLERS,
    *ledger.HANDLERS,
    *tlog.HANDLERS,
    *access_logs.HANDLERS,
    *health.HANDLERS,
    *metrics.HANDLERS,
    *diagnostics.HANDLERS,
    *quotas.HANDLERS,
    *roles.HANDLERS,
    *api_keys.HANDLERS,
    *holds.HANDLERS,
    *retention.HANDLERS,
    *gdpr.HANDLERS,
    *subject_access.HANDLERS,
    *audit.HANDLERS,
    *redactions.HANDLERS,
)
PUBLIC_HANDLERS: tuple[HTTPRouteHandler, ...] = (
    *health.PUBLIC_HANDLERS,
    *metrics.PUBLIC_HANDLERS,
    *pages.HANDLERS,
)

_ENCODED_SLASH = re.compile("%2f", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NOWHERE = "/\x00"


class OrderHistoryApi(Litestar):
    """litestar, with ids that may contain a slash, and a short way to the busiest endpoint."""

    direct: Mapping[tuple[str, str], Handler] = {}
    """(method, path) -> handler, for fixed paths that need nothing of litestar: its router, its
    exception middleware and its route cost as much again as `POST /events` itself."""

    times: RequestTimes

    async def __call__(
        self, scope: Scope | object, receive: Receive | LifeSpanReceive, send: Send | LifeSpanSend
    ) -> None:
        asked: Any = scope
        answering = send
        if isinstance(asked, dict) and asked["type"] == "http":
            answering = self.times.timed(asked, send)  # type: ignore[arg-type]  # a send of HTTP, by the type asked
            if b"%" in asked["raw_path"]:
                asked["path"] = routing_path(asked["raw_path"].split(b"?")[0].decode("ascii"))
            handler = self.direct.get((asked["method"], asked["path"]))
            if handler is not None:
                await self._answer(handler, asked, receive, answering)
                return
        await super().__call__(scope, receive, answering)  # type: ignore[arg-type]  # narrowed above

    async def _answer(self, handler: Handler, scope: Any, receive: Any, send: Any) -> None:
        scope["litestar_app"] = self
        scope["path_template"] = scope["path"]
        request = ApiRequest(scope, receive, send)
        try:
            answer = await handler(request)
        except Exception as error:  # noqa: BLE001 - as litestar does: it becomes the answer
            problem = problem_response(request, error)
            answer = problem.to_asgi_response(app=None, request=request)
        await answer(scope, receive, send)


def routing_path(raw_path: str) -> str:
    """The path to route on: decoded, `%2F` kept apart from the slashes between segments.

    Nothing is found at a path with a control character, so that none ever reaches a statement.
    """
    decoded = [unquote(part) for part in _ENCODED_SLASH.split(raw_path)]
    if any(_CONTROL.search(part) for part in decoded):
        return _NOWHERE
    return SLASH.join(decoded)


def create_app(
    services: Services, handlers: tuple[HTTPRouteHandler, ...] = API_HANDLERS
) -> OrderHistoryApi:
    """The application over these services; `handlers` are those below the base path.

    Raises ValueError for a handler below the base path that declares no permission.
    """
    for handler in handlers:
        declared = declared_of(handler)
        if declared is None or declared.permission is None:
            raise ValueError(f"{handler} declares no permission")
    app = OrderHistoryApi(
        route_handlers=[
            Router(BASE_PATH, route_handlers=[*_options(handlers), *handlers]),
            *PUBLIC_HANDLERS,
        ],
        exception_handlers={Exception: problem_response},
        request_class=ApiRequest,
        state=State({"services": services, "turns": Turns()}),
        openapi_config=None,
        logging_config=None,
    )
    app.times = services.times
    app.direct = {
        (declared.method, BASE_PATH + path): declared.serve
        for handler in handlers
        for path in handler.paths
        if (declared := declared_of(handler)) is not None and declared.direct
    }
    app.state.openapi = msgspec.json.encode(document(app, _version()))
    return app


def _options(handlers: Iterable[HTTPRouteHandler]) -> list[HTTPRouteHandler]:
    """What answers OPTIONS: litestar's own would tell the first handler of a path alone."""
    taken: dict[str, set[str]] = {}
    for handler in handlers:
        for path in handler.paths:
            taken.setdefault(path, {"OPTIONS"}).update(handler.http_methods)
    return [_telling(path, ", ".join(sorted(methods))) for path, methods in taken.items()]


def _telling(path: str, methods: str) -> HTTPRouteHandler:
    async def tell() -> ASGIApp:
        return Answer(204, ((b"allow", methods.encode("ascii")),))

    # The status is the Answer's, as in endpoint.py.
    return HTTPRouteHandler(path, http_method="OPTIONS", status_code=200)(tell)


def _version() -> str:
    try:
        return version("order-history")
    except PackageNotFoundError:
        return "0"
