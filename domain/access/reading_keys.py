"""Reading what an API key is to be, and how it is to be rotated."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from domain.access.api_keys import PERMITTED
from domain.access.permissions import LIMITABLE, Permission
from domain.access.reading import (
    Wrong,
    as_object,
    read_permissions,
    read_scope,
    refuse_unlimitable,
)
from domain.access.scope import EVERYTHING, Scope
from domain.errors import FieldError, Invalid
from domain.orders.envelope import check_text
from domain.privacy.cards import holds_card
from domain.times import SECOND, parse_duration_us, parse_us

DAY = 24 * 3600 * SECOND
YEAR = 365 * DAY
LONGEST = 5 * YEAR
LONGEST_OVERLAP = 30 * DAY
MAX_LABEL = 100


class KeyAsked(Struct, frozen=True):
    """What a key is to be."""

    label: str
    permissions: frozenset[Permission]
    scope: Scope
    expires_us: int


def read_key_asked(value: Any, now_us: int) -> KeyAsked:
    """Of decoded JSON; without permissions those of a producer, as far as the scope can limit them;
    without an expiry a year. Raises Invalid."""
    body, wrong = as_object(value, ("label", "permissions", "scope", "expires_at"), "an API key")
    label = body.get("label")
    if label is None:
        wrong.append(FieldError("/label", "is required: what the key is for"))
    elif check_text("label", label, MAX_LABEL, wrong) and holds_card(label):
        wrong.append(FieldError("/label", "must not hold a card number"))
    scope = read_scope(body.get("scope"), "/scope", wrong)
    if "permissions" in body:
        permissions = read_permissions(body["permissions"], "/permissions", wrong)
    else:
        permissions = PERMITTED if scope == EVERYTHING else PERMITTED & LIMITABLE
    beyond = ", ".join(sorted(permissions - PERMITTED))
    if beyond:
        known = ", ".join(sorted(PERMITTED))
        detail = f"an API key cannot permit {beyond}; it may permit {known}"
        wrong.append(FieldError("/permissions", detail))
    refuse_unlimitable(permissions, scope, wrong)
    expires_us = _expiry(body.get("expires_at"), now_us, wrong)
    if wrong:
        raise Invalid(wrong)
    return KeyAsked(str(label), permissions, scope, expires_us)


def read_rotation(value: Any, now_us: int) -> tuple[int, int]:
    """For how many microseconds the secret before it holds on, a day if that is left out; and when
    the new one expires. Raises Invalid."""
    body, wrong = as_object(value, ("overlap", "expires_at"), "a rotation")
    overlap_us = _overlap(body.get("overlap"), wrong)
    expires_us = _expiry(body.get("expires_at"), now_us, wrong)
    if wrong:
        raise Invalid(wrong)
    return overlap_us, expires_us


def _expiry(given: Any, now_us: int, wrong: Wrong) -> int:
    if given is None:
        return now_us + YEAR
    try:
        expires_us = parse_us(given) if isinstance(given, str) else 0
    except ValueError as error:
        wrong.append(FieldError("/expires_at", str(error)))
        return 0
    if not now_us < expires_us <= now_us + LONGEST:
        detail = "must be an RFC 3339 time to come, within five years"
        wrong.append(FieldError("/expires_at", detail))
    return expires_us


def _overlap(given: Any, wrong: Wrong) -> int:
    if given is None:
        return DAY
    try:
        overlap_us = parse_duration_us(given) if isinstance(given, str) else -1
    except ValueError:
        overlap_us = -1
    if not 0 <= overlap_us <= LONGEST_OVERLAP:
        detail = "must be an ISO 8601 duration of at most 30 days, such as PT24H, or PT0S for none"
        wrong.append(FieldError("/overlap", detail))
    return overlap_us
