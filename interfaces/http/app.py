"""The HTTP application: its routes, one line for each capability, and nothing around them.

Nothing is parsed, injected or logged per request before the handler: the way of `POST /events` is
routing, `authorize`, the handler, the answer.
"""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version
from urllib.parse import unquote

import msgspec
from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.types import LifeSpanReceive, LifeSpanSend, Receive, Scope, Send

from interfaces.http import corrections, events, health, orders, pages, snapshots, stream
from interfaces.http.answers import BASE_PATH
from interfaces.http.caller import SLASH, ApiRequest
from interfaces.http.openapi import declared_of, document
from interfaces.http.problems import problem_response
from interfaces.http.services import Services

API_HANDLERS: tuple[HTTPRouteHandler, ...] = (
    *events.HANDLERS,
    *stream.HANDLERS,
    *orders.HANDLERS,
    *snapshots.HANDLERS,
    *corrections.HANDLERS,
    *health.HANDLERS,
)
PUBLIC_HANDLERS: tuple[HTTPRouteHandler, ...] = (*health.PUBLIC_HANDLERS, *pages.HANDLERS)

_ENCODED_SLASH = re.compile("%2f", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NOWHERE = "/\x00"


class OrderHistoryApi(Litestar):
    """litestar, with ids that may contain a slash."""

    async def __call__(
        self, scope: Scope | object, receive: Receive | LifeSpanReceive, send: Send | LifeSpanSend
    ) -> None:
        if isinstance(scope, dict) and scope["type"] == "http" and b"%" in scope["raw_path"]:
            scope["path"] = routing_path(scope["raw_path"].split(b"?")[0].decode("ascii"))
        await super().__call__(scope, receive, send)  # type: ignore[arg-type]


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
            Router(BASE_PATH, route_handlers=list(handlers)),
            *PUBLIC_HANDLERS,
        ],
        exception_handlers={Exception: problem_response},
        request_class=ApiRequest,
        state=State({"services": services}),
        openapi_config=None,
        logging_config=None,
    )
    app.state.openapi = msgspec.json.encode(document(app, _version()))
    return app


def _version() -> str:
    try:
        return version("order-history")
    except PackageNotFoundError:
        return "0"
