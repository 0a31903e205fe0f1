"""The fields around an event's payload: which there are, and what each may hold."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from typing import Any
from unicodedata import normalize

from domain.errors import FieldError
from domain.orders.vocabulary import TYPE_PATTERN, is_reserved
from domain.pointers import child
from domain.privacy.cards import holds_card
from domain.privacy.classify import holds_email
from domain.times import SECOND, parse_time

REQUIRED = ("event_id", "order_id", "occurred_at", "source", "type", "schema_version", "payload")
OPTIONAL = ("metadata", "correction_of")
FIELDS = frozenset(REQUIRED + OPTIONAL)
_IDS = ("event_id", "order_id", "correction_of")
_NAMES = ("source", "schema_version", "type")

OWN_PREFIX = "oh_evt_"
"""Ids that begin so are the service's: its prefix and the tenant's sequence."""

ROUTE_WORDS = frozenset(("bulk", "validate", "stream", "compute", "aggregate", "corrections"))
"""What may stand in a path where an id does."""

MAX_ID = 200
"""Characters that an id has at most."""

FUTURE_US = 5 * 60 * SECOND
"""How far a producer's clock may be ahead of ours."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

# event_id, order_id, type, source, schema_version of nearly every event, a line each: one look says
# that there is nothing to say. ASCII without @; a name with at most 12 digits holds no card number.
_NAME = r"(?=[^\n]{1,100}(?:\n|\Z)) [ -/:-?A-~]* (?: [0-9] [ -/:-?A-~]* ){0,12}"
_ORDINARY = re.compile(
    rf"""
    (?! {OWN_PREFIX} ) [ -?A-~]{{1,200}} \n
    [ -?A-~]{{1,200}} \n
    (?! history\. | order\.correction\n ) (?= [^\n]{{1,100}}\n ) [a-z_]+ (?: \.[a-z_]+ )+ \n
    {_NAME} \n
    {_NAME}
    """,
    re.VERBOSE,
)
_SUGGESTIONS = 10
_SHOWN_NAME = 64


def check_envelope(event: dict[str, Any], now_us: int, errors: list[FieldError]) -> tuple[str, int]:
    """Append what is wrong with everything but payload and metadata. Returns occurred_at as
    canonical text and as microseconds; meaningless if there are errors."""
    if not event.keys() <= FIELDS:
        refuse_unknown(event, FIELDS, "an event", errors)
    if not _is_ordinary(event):
        _check_fields(event, errors)
    return _check_occurred_at(event.get("occurred_at"), now_us, errors)


def _is_ordinary(event: dict[str, Any]) -> bool:
    """Whether `_check_fields` would surely find nothing; false when in doubt."""
    if event.get("correction_of") is not None or event.get("payload") is None:
        return False
    try:
        event_id = event["event_id"]
        texts = (event_id, event["order_id"], event["type"], event["source"])
        lines = "\n".join((*texts, event["schema_version"]))
        known = event["occurred_at"] is not None and event_id not in ROUTE_WORDS
    except (KeyError, TypeError):
        return False
    return known and _ORDINARY.fullmatch(lines) is not None


def _check_fields(event: dict[str, Any], errors: list[FieldError]) -> None:
    """All but the value of occurred_at."""
    errors += [
        FieldError(f"/{name}", "is required") for name in REQUIRED if event.get(name) is None
    ]
    for name in _IDS:
        text = event.get(name)
        if text is not None:
            check_text(name, text, MAX_ID, errors)
    for name in _NAMES:
        text = event.get(name)
        if text is not None and check_text(name, text, 100, errors) and holds_card(text):
            errors.append(FieldError(f"/{name}", "must not hold a card number"))
    _check_event_id(event, errors)
    _check_type(event, errors)


def check_text(name: str, text: Any, limit: int, errors: list[FieldError]) -> bool:
    """Append what is wrong with an id or a name; whether nothing is wrong with its form."""
    if type(text) is not str:
        errors.append(FieldError(f"/{name}", "must be a string"))
    elif not 1 <= len(text) <= limit:
        errors.append(FieldError(f"/{name}", f"must have 1 to {limit} characters"))
    elif not text.isprintable() and _CONTROL.search(text):
        errors.append(FieldError(f"/{name}", "must not hold control characters"))
    else:
        if not text.isascii():
            text = normalize("NFKC", text)  # an address of wide characters is one as well
        if "@" in text and holds_email(text):
            errors.append(FieldError(f"/{name}", "holds an email address; send a surrogate id"))
        return True
    return False


def _check_event_id(event: dict[str, Any], errors: list[FieldError]) -> None:
    event_id = event.get("event_id")
    if type(event_id) is not str:
        return
    if event_id.startswith(OWN_PREFIX):
        errors.append(FieldError("/event_id", f"must not start with {OWN_PREFIX}"))
    if event_id in ROUTE_WORDS:
        errors.append(FieldError("/event_id", "is a word of this API's paths; choose another"))
    if event.get("correction_of") == event_id:
        errors.append(FieldError("/correction_of", "names the event itself"))


def _check_type(event: dict[str, Any], errors: list[FieldError]) -> None:
    event_type = event.get("type")
    if type(event_type) is not str or not 1 <= len(event_type) <= 100:
        return
    if TYPE_PATTERN.match(event_type) is None:
        detail = "must be lower-case words joined by dots, such as order.created"
        errors.append(FieldError("/type", detail))
    elif is_reserved(event_type):
        errors.append(FieldError("/type", "is in the namespace history., this service's own"))
    elif event_type == "order.correction" and event.get("correction_of") is None:
        detail = "is required in an order.correction: the event_id of the original"
        errors.append(FieldError("/correction_of", detail))


def _check_occurred_at(text: Any, now_us: int, errors: list[FieldError]) -> tuple[str, int]:
    if type(text) is not str:
        if text is not None:
            errors.append(FieldError("/occurred_at", "must be a string, an RFC 3339 time"))
        return "", 0
    try:
        canonical, us = parse_time(text)
    except ValueError as error:
        errors.append(FieldError("/occurred_at", str(error)))
        return "", 0
    if us > now_us + FUTURE_US:
        errors.append(FieldError("/occurred_at", "is more than 5 minutes in the future"))
    elif us < 0:
        errors.append(FieldError("/occurred_at", "is before 1970"))
    return canonical, us


def refuse_unknown(
    body: dict[str, Any],
    fields: Collection[str],
    what: str,
    errors: list[FieldError],
    pointer: str = "",
) -> None:
    """Name the nearest known field, so that a misspelt one is never lost in silence. `pointer`:
    where the body is."""
    for count, name in enumerate(name for name in body if name not in fields):
        if len(name) > _SHOWN_NAME or "\0" in name or holds_email(name) or holds_card(name):
            errors.append(FieldError(pointer, "has an unknown field, whose name is not shown here"))
            continue
        detail = f"is not a field of {what}"
        near = difflib.get_close_matches(name, fields, 1) if count < _SUGGESTIONS else []
        if near:
            detail += f"; did you mean {near[0]}?"
        elif "payload" in fields:
            detail += "; put it into payload or metadata"
        errors.append(FieldError(child(pointer, name), detail))
