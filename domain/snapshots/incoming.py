"""From the bytes of an uploaded snapshot to what may be kept of it, or every reason why not."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from domain import canonical
from domain.errors import FieldError, Invalid, TooLarge
from domain.orders.envelope import ROUTE_WORDS, check_text, refuse_unknown
from domain.orders.screening import needs_screening, refuse_email_ids, screen, shown
from domain.privacy.cards import holds_card, mask_body, may_hold_card
from domain.privacy.classify import Marks
from domain.times import SECOND, parse_time

MAX_BYTES = 4 * 1024 * 1024
FIELDS = frozenset(("snapshot_id", "captured_at", "state", "source", "metadata"))
_REQUIRED = ("snapshot_id", "captured_at", "state", "source")
_FUTURE_US = 5 * 60 * SECOND


class SnapshotBody(Struct, frozen=True):
    """A readable, valid snapshot, free of card numbers. `marks`: what of its state is personal
    whatever it is called."""

    snapshot_id: str
    captured_at: str
    captured_us: int
    source: str
    state: dict[str, Any]
    metadata: dict[str, Any] | None
    redactions: tuple[str, ...] = ()
    marks: Marks = {}


def read_snapshot(raw: bytes, *, now_us: int) -> SnapshotBody:
    """Raises TooLarge, Unreadable, or Invalid with everything that is wrong."""
    if len(raw) > MAX_BYTES:
        raise TooLarge(f"a snapshot is at most {MAX_BYTES // 1024**2} MiB")
    value = canonical.decode(raw)
    if type(value) is not dict:
        raise Invalid.field("", "must be a JSON object: one snapshot")
    return check_snapshot(value, now_us=now_us)


def check_snapshot(value: dict[str, Any], *, now_us: int) -> SnapshotBody:
    """As `read_snapshot`, of a value that `canonical.decode` gave."""
    errors = [
        FieldError(f"/{name}", "is required") for name in _REQUIRED if value.get(name) is None
    ]
    refuse_unknown(value, FIELDS, "a snapshot", errors)
    check_snapshot_id(value.get("snapshot_id"), errors)
    source = value.get("source")
    if source is not None and check_text("source", source, 100, errors) and holds_card(source):
        errors.append(FieldError("/source", "must not hold a card number"))
    captured_at, captured_us = _captured(value.get("captured_at"), now_us, errors)
    redactions: list[str] = []
    bodies = {
        name: _clean(value.get(name), f"/{name}", redactions, errors)
        for name in ("state", "metadata")
    }
    if errors:
        raise Invalid(errors)
    return SnapshotBody(
        value["snapshot_id"],
        captured_at,
        captured_us,
        value["source"],
        bodies["state"] or {},
        bodies["metadata"],
        tuple(redactions),
    )


def check_snapshot_id(snapshot_id: Any, errors: list[FieldError]) -> None:
    """An id as any other; a word that stands in this API's paths would never be found again."""
    if snapshot_id is None:
        return
    if check_text("snapshot_id", snapshot_id, 200, errors) and snapshot_id in ROUTE_WORDS:
        errors.append(FieldError("/snapshot_id", "is a word of this API's paths; choose another"))


def _captured(text: Any, now_us: int, errors: list[FieldError]) -> tuple[str, int]:
    if type(text) is not str:
        if text is not None:
            errors.append(FieldError("/captured_at", "must be a string, an RFC 3339 time"))
        return "", 0
    try:
        captured_at, captured_us = parse_time(text if type(text) is str else "")
    except ValueError as error:
        errors.append(FieldError("/captured_at", str(error)))
        return "", 0
    if not 0 <= captured_us <= now_us + _FUTURE_US:
        errors.append(FieldError("/captured_at", "is before 1970 or in the future"))
    return captured_at, captured_us


def _clean(
    body: Any, pointer: str, redactions: list[str], errors: list[FieldError]
) -> dict[str, Any] | None:
    """The body without card numbers; None if there is none or it is not an object."""
    if body is None:
        return None
    if type(body) is not dict:
        errors.append(FieldError(pointer, "must be an object"))
        return None
    text = canonical.encode(body)
    if needs_screening(text):
        screen(body, pointer, errors)
    refuse_email_ids(body, pointer, errors)
    if not may_hold_card(text):
        return body
    keys: list[str] = []
    masked = mask_body(body, pointer, redactions, keys)
    detail = "has a card number in a field's name"
    errors += [FieldError(shown(place), detail) for place in set(keys)]
    return masked
