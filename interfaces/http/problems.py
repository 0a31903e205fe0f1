"""The one place where an error becomes an answer: RFC 9457, `application/problem+json`.

Every problem has type, title, status, detail and instance; one with invalid fields has `errors` as
well. A `pointer` there is a JSON pointer into the body, or, with `in`, into the query, the headers
or the path: `{"in": "query", "pointer": "/limit", "detail": "..."}`. One of a legal hold has
`holds`: `[{"hold_id", "case_id"}]`.
"""

from __future__ import annotations

import traceback
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from msgspec import UNSET, Struct, UnsetType

from domain import errors
from domain.errors import (
    EventConflict,
    FieldError,
    HoldNamed,
    Invalid,
    OnHold,
    OrderHistoryError,
    QuotaExceeded,
    TooManyAtOnce,
    TooManyFailures,
    Unavailable,
)

MEDIA_TYPE = "application/problem+json"
TYPE_PATH = "/problems"

_log = structlog.get_logger(__name__)


class Kind(Struct, frozen=True):
    """A kind of problem: the last segment of its `type`, its status and its title."""

    name: str
    status: int
    title: str


Place = Literal["query", "header", "path"]


class ParameterError(FieldError, frozen=True, kw_only=True):
    """A field error outside the body: `place` says of what the pointer speaks."""

    place: Place


def in_place(error: Invalid, place: Place) -> Invalid:
    """The same error, of parameters: use cases know fields, not where a request carries them."""
    return Invalid([ParameterError(e.pointer, e.detail, place=place) for e in error.errors])


class FieldProblem(Struct, omit_defaults=True):
    """What is wrong with one field of the body, or, with `in`, with a parameter."""

    pointer: str
    detail: str
    place: Place | UnsetType = msgspec.field(default=UNSET, name="in")


class Problem(Struct, omit_defaults=True):
    """A problem document (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[FieldProblem] | UnsetType = UNSET
    holds: list[HoldNamed] | UnsetType = UNSET
    request_id: str | UnsetType = UNSET


KINDS: dict[type[OrderHistoryError], Kind] = {
    errors.Unreadable: Kind("unreadable", 400, "The request cannot be read"),
    errors.Unauthenticated: Kind("unauthenticated", 401, "A valid token is needed"),
    errors.Forbidden: Kind("forbidden", 403, "The token does not give this right"),
    errors.NotFound: Kind("not-found", 404, "Not found"),
    errors.Conflict: Kind("conflict", 409, "The id is taken by other content"),
    errors.OnHold: Kind("on-hold", 409, "It is under a legal hold"),
    errors.MustBeKept: Kind("must-be-kept", 409, "A retention policy must keep it"),
    errors.EventConflict: Kind("event-conflict", 409, "The event is recorded with other content"),
    errors.TooLarge: Kind("too-large", 413, "The body is too large"),
    errors.Invalid: Kind("invalid", 422, "The request is not valid"),
    errors.TooCostly: Kind("too-costly", 422, "The question takes too long to answer"),
    errors.TooManyFailures: Kind("too-many-failures", 429, "Too many tokens did not hold"),
    errors.TooManyAtOnce: Kind("too-many-at-once", 429, "Too much is asked at once"),
    errors.QuotaExceeded: Kind("quota-exceeded", 429, "A quota is used up"),
    errors.Unavailable: Kind("unavailable", 503, "The service cannot answer now"),
    errors.Overloaded: Kind("overloaded", 503, "Too much is waiting"),
    errors.KeyUnavailable: Kind("key-unavailable", 503, "A key is not available"),
}
"""By the class of the error, or the nearest class above it."""

_DETAILS = {
    400: "The request cannot be read.",
    404: "There is nothing at this path.",
    405: "This path does not take this method; the Allow header lists those it takes.",
    413: "The body is over the size limit.",
}
"""What to say in place of the framework's words, which may repeat the input."""


def problem_response(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """The answer to an error, whatever it is."""
    instance = request.scope.get("raw_path", b"").split(b"?")[0].decode("ascii", "replace")
    kind = _kind_of(error)
    if kind is not None:
        problem = Problem(
            f"{TYPE_PATH}/{kind.name}", kind.title, kind.status, str(error), instance,
            errors=_field_errors(error),
            holds=list(error.holds) if isinstance(error, OnHold) else UNSET,
        )  # fmt: skip
        return _respond(problem, _headers_of(error))
    if isinstance(error, HTTPException) and error.status_code < 500:
        status = HTTPStatus(error.status_code)
        detail = _DETAILS.get(status, error.detail)
        problem = Problem("about:blank", status.phrase, status.value, detail, instance)
        return _respond(problem, dict(error.headers or {}))
    return _unexpected(request, error, instance)


def describe_error(error: BaseException) -> dict[str, Any]:
    """What may be logged of an unknown error: its class and where it came from, and the same of
    its cause. Never its message, which may carry values of a payload."""
    frames = traceback.extract_tb(error.__traceback__)[-12:]
    described: dict[str, Any] = {
        "error": f"{type(error).__module__}.{type(error).__qualname__}",
        "frames": [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames],
    }
    cause = error.__cause__ or error.__context__
    if cause is not None:
        described["cause"] = describe_error(cause)
    return described


def _kind_of(error: Exception) -> Kind | None:
    return next((KINDS[cls] for cls in type(error).__mro__ if cls in KINDS), None)


def _field_errors(error: Exception) -> list[FieldProblem] | UnsetType:
    if isinstance(error, Invalid):
        return [
            FieldProblem(
                wrong.pointer,
                wrong.detail,
                wrong.place if isinstance(wrong, ParameterError) else UNSET,
            )
            for wrong in error.errors
        ]
    if isinstance(error, EventConflict):
        return [
            FieldProblem(pointer, "differs from what is recorded") for pointer in error.pointers
        ]
    return UNSET


def _headers_of(error: Exception) -> dict[str, str]:
    if isinstance(error, errors.TokenMissing):
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(error, errors.Unauthenticated):  # RFC 6750, section 3.1
        return {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    if isinstance(error, Unavailable | TooManyAtOnce | TooManyFailures | QuotaExceeded):
        return {"Retry-After": str(error.retry_after)}
    return {}


def _unexpected(
    request: Request[Any, Any, Any], error: Exception, instance: str
) -> Response[bytes]:
    request_id = uuid4().hex
    _log.error(
        "unexpected_error",
        request_id=request_id,
        method=request.scope["method"],
        route=request.scope.get("path_template"),
        **describe_error(error),
    )
    detail = "Something went wrong here. The log has more under this request_id."
    problem = Problem(
        "about:blank", HTTPStatus(500).phrase, 500, detail, instance, request_id=request_id
    )
    return _respond(problem, {})


def _respond(problem: Problem, headers: dict[str, str]) -> Response[bytes]:
    return Response(
        msgspec.json.encode(problem),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers={"Cache-Control": "no-store", **headers},
    )
