"""Reading what a legal hold is to be, with all that is wrong told at once; and what it asks."""

from __future__ import annotations

from functools import lru_cache
from typing import Any as Json
from typing import get_args

from domain import canonical
from domain.access.reading import Wrong, as_object
from domain.errors import FieldError, Invalid
from domain.holds.holds import Asked, Kind, Target
from domain.orders.envelope import MAX_ID, check_text
from domain.privacy.prose import check_prose
from domain.search.fields import FIELDS
from domain.search.query import Any, Match, Node
from domain.search.reading import read_query
from domain.search.saved import personal_places
from domain.times import parse_us

MAX_REASON = 2000
"""Characters."""
MAX_QUERY = 16 * 1024
"""Bytes of a query, as canonical JSON."""

_FIELDS = ("target", "target_id", "query", "case_id", "reason", "expires_at")
_KINDS: tuple[Kind, ...] = get_args(Kind)


def read_hold(value: Json, now_us: int) -> Asked:
    """A hold, of decoded JSON. Raises Invalid."""
    body, wrong = as_object(value, _FIELDS, "a legal hold")
    target = _read_target(body, wrong)
    case_id = body.get("case_id")
    if case_id is None:
        wrong.append(FieldError("/case_id", "is required: the case that it is for"))
    else:
        check_prose("/case_id", case_id, MAX_ID, wrong, plain=True, one_line=True)
    reason = body.get("reason")
    if reason is not None:
        check_prose("/reason", reason, MAX_REASON, wrong)
    expires_us = _expiry(body.get("expires_at"), now_us, wrong)
    if wrong or target is None:
        raise Invalid(wrong)
    return Asked(target, str(case_id), reason, expires_us)


def question_of(target: Target) -> Node | None:
    """What is true of an event of each order that is held; None of an order by its id."""
    if target.query is not None:
        return _question(target.query)
    if target.kind == "subject":
        return Any(
            tuple(Match(FIELDS[name], "eq", target.target_id or "") for name in _OF_SUBJECTS)
        )
    return None


_OF_SUBJECTS = ("order.customer_id", "payload.customer_id", "payload.customer.id", "actor_id")
"""Whose customer it is now, or was by any event, or whoever did something to it."""


@lru_cache(maxsize=256)  # each deletion asks all of them
def _question(query: bytes) -> Node:
    return read_query(canonical.decode(query), "/query", personal=False)


def _read_target(body: dict[str, Json], wrong: Wrong) -> Target | None:
    """None where something is wrong."""
    kind = body.get("target")
    if kind not in _KINDS:
        known = ", ".join(_KINDS)
        wrong.append(FieldError("/target", f"must be one of {known}" if kind else "is required"))
        return None
    needed, other = ("query", "target_id") if kind == "query" else ("target_id", "query")
    before = len(wrong)
    if other in body:
        wrong.append(FieldError(f"/{other}", f"is not for the target {kind!r}"))
    if needed not in body:
        wrong.append(FieldError(f"/{needed}", f"is required for the target {kind!r}"))
    elif needed == "target_id":
        check_text("target_id", body["target_id"], MAX_ID, wrong)
    else:
        _check_query(body["query"], wrong)
    if len(wrong) > before:
        return None
    query = canonical.encode(body["query"]) if kind == "query" else None
    return Target(kind, body.get("target_id"), query)


def _check_query(query: Json, wrong: Wrong) -> None:
    """As POST /search checks it; and it stands in plain text, so nothing personal may be in it."""
    if len(canonical.encode(query)) > MAX_QUERY:
        wrong.append(FieldError("/query", f"must have at most {MAX_QUERY:,} bytes"))
        return
    try:
        read_query(query, "/query", personal=False)
    except Invalid as error:
        wrong += error.errors
    else:
        wrong += personal_places(query, "/query")


def _expiry(given: Json, now_us: int, wrong: Wrong) -> int | None:
    if given is None:
        return None
    try:
        expires_us = parse_us(given) if isinstance(given, str) else 0
    except ValueError as error:
        wrong.append(FieldError("/expires_at", str(error)))
        return None
    if expires_us <= now_us:
        detail = "must be an RFC 3339 time to come, or null for until it is released"
        wrong.append(FieldError("/expires_at", detail))
    return expires_us
