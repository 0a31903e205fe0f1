"""Card numbers, security codes, PINs and tracks are never stored in any form.

A number in a text or an integer becomes `[PAN ****1111]`, a track `[TRACK ****1111]`, a code that
is named there `[CVV]` (`card_numbers`); what the name of its field says is a code, a PIN or a part
of a number, `[CVV]`, `[PIN]` or the number's mark (`card_names`). Bytes that are no JSON are
scrubbed as text (`card_bytes`).
"""

from __future__ import annotations

from typing import Any

from domain.canonical import decode, encode
from domain.errors import Invalid, Unreadable
from domain.pointers import LONGEST, child
from domain.privacy.card_bytes import scrub_text
from domain.privacy.card_look import may_hold_card
from domain.privacy.card_names import (
    CODE_MARKS,
    is_exempt,
    secret,
    split_elements,
    split_members,
)
from domain.privacy.card_numbers import CVV, PAN, SHORTEST, TRACK, holds_card, mask_text

__all__ = ["holds_card", "mask_body", "mask_text", "may_hold_card", "scrub_line", "scrub_text"]

_IN_TEXT = (PAN, TRACK, CVV)
_MOST_PLACES = 1000
_TOO_MANY = f"has more than {_MOST_PLACES} card numbers, or one below too long names; remove them"


def scrub_line(raw: bytes) -> bytes:
    """A line of a bulk body as it may be spooled or kept: read as JSON where that is possible, so
    that ids stay what they are; reading the result gives the same event, redactions included."""
    try:
        body = decode(raw)
    except Unreadable:
        return scrub_text(raw)
    if not isinstance(body, dict):
        return scrub_text(raw)
    keys: list[str] = []
    masked = mask_body(body, "", [], keys)
    if keys:
        return scrub_text(raw)
    return raw if masked is body else encode(masked)


def mask_body(
    body: dict[str, Any], pointer: str, found: list[str], keys: list[str]
) -> dict[str, Any]:
    """The body with what is of cards in strings and integers replaced; itself if nothing is.

    Appends to `found` the pointers of replaced values, and to `keys` the pointers of objects that
    have a card number in a key. Ids (see `is_exempt`) are left alone. Raises Invalid when there
    are more of them than an event could list.
    """
    return _Masking(found, keys).body(body, pointer, None)


class _Masking:
    """A walk through a body. `name`: what the nearest field around a value is called."""

    def __init__(self, found: list[str], keys: list[str]) -> None:
        self._found = found
        self._keys = keys

    def body(self, body: dict[str, Any], pointer: str, name: str | None) -> dict[str, Any]:
        changed: dict[str, Any] = {}
        parts = split_members(body, name)
        for key, value in body.items():
            if len(key) >= SHORTEST and holds_card(key):
                _note(self._keys, pointer)
            masked = self._value(value, (pointer, key), key, name, parts.get(key))
            if masked is not value:
                changed[key] = masked
        return {**body, **changed} if changed else body

    def _value(
        self,
        value: Any,
        place: tuple[str, str | int],
        name: str,
        around: str | None,
        part: str | None,
    ) -> Any:
        """`around`: the name around that name. `part`: the mark of what is a part of a number."""
        kind = type(value)
        if kind is dict:
            return self.body(value, child(*place), name)
        if kind is list:
            return self._list(value, child(*place), name, around)
        if kind is not str and kind is not int:
            return value
        masked = part or _masked(value, name, around)
        if masked is None:
            return value
        _note(self._found, child(*place))
        return value if masked == value else masked

    def _list(self, items: list[Any], pointer: str, name: str, around: str | None) -> list[Any]:
        parts = split_elements(items, name, around)
        masked = [
            self._value(item, (pointer, index), name, around, parts.get(index))
            for index, item in enumerate(items)
        ]
        same = all(new is old for new, old in zip(masked, items, strict=True))
        return items if same else masked


def _masked(value: str | int, name: str, around: str | None) -> str | None:
    """What to write for a value in which is something of a card, or was; None for any other."""
    mark = secret(name, value, around)
    if mark is not None or is_exempt(name):
        return mark
    text = str(value)
    masked = mask_text(text)
    was_masked = "[" in text and (any(mark in text for mark in _IN_TEXT) or text in CODE_MARKS)
    return masked if was_masked or masked != text else None


def _note(places: list[str], pointer: str) -> None:
    if len(pointer) > LONGEST or len(places) == _MOST_PLACES:
        raise Invalid.field("", _TOO_MANY)
    places.append(pointer)
