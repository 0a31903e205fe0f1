"""Card numbers: found by issuer prefix, length and Luhn, and never stored in any form.

13 to 19 ASCII digits, alone or in groups with single separators (space, `-`, `.`), become
`[PAN ****1111]`. A number begins and ends where a group of digits does: "2025-01-01
4111111111111111" holds one, a run of 25 digits none.
"""

from __future__ import annotations

import re
from typing import Any

from domain.canonical import decode, encode
from domain.errors import Invalid, Unreadable
from domain.pointers import LONGEST, child

_ISSUED = re.compile(
    rb"""
      4 (?: \d{12} | \d{15} | \d{18} )                                              # Visa
    | (?: 5[1-5]\d\d | 222[1-9] | 22[3-9]\d | 2[3-6]\d\d | 27[01]\d | 2720 ) \d{12} # Mastercard
    | 3[47] \d{13}                                                                  # Amex
    | 36 \d{12,17} | 30[0-5] \d{11,16} | (?: 3095 | 3[89]\d\d ) \d{10,15}           # Diners Club
    | (?: 6011 | 64[4-9]\d | 65\d\d ) \d{12,15}                                     # Discover
    | (?: 62 | 81 | 82 ) \d{14,17}                                                  # UnionPay
    | 35 (?: 2[89] | [3-8]\d ) \d{12,15}                                            # JCB
    | (?: 5018 | 5020 | 5038 | 5893 | 6304 | 6759 | 676[1-3] ) \d{9,15}             # Maestro
    | 220[0-4] \d{12,15}                                                            # Mir
    | (?: 5019 | 50[6-9]\d | 60\d\d | 6362 | 6363 | 9792 ) \d{12}                   # Dankort, Elo,
    """,  # RuPay, Hipercard, Troy
    re.VERBOSE,
)
_LENGTHS = range(13, 20)
_SINGLE = bytes.maketrans(b"0123456789", bytes(range(10)))
_DOUBLE = bytes.maketrans(b"0123456789", bytes([0, 2, 4, 6, 8, 1, 3, 5, 7, 9]))

_RUN = re.compile(r"[0-9](?:[ .-]?[0-9]){12,}")
_DIGIT = re.compile(r"([0-9])")
# Raw text may spell a character as \u003x, or be UTF-16, with a NUL beside every character.
_RAW_SEPARATOR = r"(?:[ .-]|\\u002[0DdEe])"
_RAW_RUN = re.compile(
    rf"(?:\\u003)?[0-9](?:(?:\x00?{_RAW_SEPARATOR}\x00?|\x00)?(?:\\u003)?[0-9]){{12,}}+"
)
_RAW_DIGIT = re.compile(rf"(?:\\u003)?([0-9])|{_RAW_SEPARATOR}")

_DIGITS_TO_0 = bytes(ord("0") if chr(byte) in "0123456789" else ord("x") for byte in range(256))
_SEPARATORS = b" .-"
_THIRTEEN = b"0" * 13
_MASK = "[PAN ****"

_MOST_PLACES = 1000
_TOO_MANY = f"has more than {_MOST_PLACES} card numbers, or one below too long names; remove them"

_EXEMPT = ("tracking_number", "sku", "correction_of")
_CARD_NAME = re.compile(r"card|(?:^|_)(?:pan|cc)(?:_|$)", re.IGNORECASE)


def may_hold_card(text: bytes) -> bool:
    """Whether JSON text without escaped digits could hold a card number; never false when it does.

    A microsecond per kilobyte: what lets the common event skip the search. Text that was masked
    before counts too, so that its redactions are listed again.
    """
    return _THIRTEEN in text.translate(_DIGITS_TO_0, _SEPARATORS) or b"[PAN" in text


def holds_card(text: str) -> bool:
    """Whether a card number is anywhere in the text."""
    return len(text) >= 13 and _RUN.search(text) is not None and mask_text(text) != text


def mask_text(text: str) -> str:
    """The text with every card number in it replaced; the same text when there is none."""
    return _RUN.sub(lambda run: _mask_run(run.group(), _DIGIT), text)


def scrub_text(raw: bytes) -> bytes:
    """Unreadable bytes with every card number replaced; nothing is exempt, not even ids."""
    text = raw.decode("latin-1")
    return _RAW_RUN.sub(lambda run: _mask_run(run.group(), _RAW_DIGIT), text).encode("latin-1")


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
    """The body with card numbers in strings and integers replaced; the body itself if none is.

    Appends to `found` the pointers of replaced values, and to `keys` the pointers of objects that
    have a card number in a key. Ids (see `_is_exempt`) are left alone. Raises Invalid when there
    are more of them than an event could list.
    """
    changed: dict[str, Any] = {}
    for key, value in body.items():
        if len(key) >= 13 and holds_card(key):
            _note(keys, pointer)
        if type(value) is str and len(value) < 13:
            continue
        masked = _mask_value(value, pointer, key, _is_exempt(key), found, keys)
        if masked is not value:
            changed[key] = masked
    return {**body, **changed} if changed else body


def _note(places: list[str], pointer: str) -> None:
    if len(pointer) > LONGEST or len(places) == _MOST_PLACES:
        raise Invalid.field("", _TOO_MANY)
    places.append(pointer)


def _is_exempt(key: str) -> bool:
    """A tenth of all numeric ids pass Luhn by chance; one that is named for a card is no excuse."""
    return (key in _EXEMPT or key.endswith("_id")) and not _CARD_NAME.search(key)


def _mask_value(
    value: Any, parent: str, token: str | int, exempt: bool, found: list[str], keys: list[str]
) -> Any:
    kind = type(value)
    if kind is dict:
        return mask_body(value, child(parent, token), found, keys)
    if kind is list:
        here = child(parent, token)
        masked = [
            _mask_value(item, here, index, exempt, found, keys) for index, item in enumerate(value)
        ]
        same = all(new is old for new, old in zip(masked, value, strict=True))
        return value if same else masked
    if exempt or (kind is not str and kind is not int):
        return value
    text = value if kind is str else str(value)
    if len(text) < 13:
        return value
    replaced = mask_text(text)
    if _MASK in replaced:
        _note(found, child(parent, token))
    return value if replaced == text else replaced


def _mask_run(run: str, digit: re.Pattern[str]) -> str:
    """A run of digit groups with the card numbers in it replaced."""
    matches = [match for match in digit.finditer(run) if match[1]]
    places = [match.span() for match in matches]
    digits = "".join(match[1] for match in matches).encode()
    parts, done = [], 0
    for first, last in _card_windows(digits, places):
        parts.append(run[done : places[first][0]])
        parts.append(f"{_MASK}{digits[last - 3 : last + 1].decode()}]")
        done = places[last][1]
    return "".join(parts) + run[done:]


def _card_windows(digits: bytes, places: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """First and last digit of every card number between group boundaries, overlaps merged."""
    count = len(places)
    begins = [i for i in range(count) if i == 0 or places[i - 1][1] != places[i][0]]
    ends = {begin - 1 for begin in begins} | {count - 1}
    windows: list[tuple[int, int]] = []
    for first in begins:
        for length in _LENGTHS:
            last = first + length - 1
            if last not in ends or not _is_card(digits[first : last + 1]):
                continue
            if windows and first <= windows[-1][1]:
                windows[-1] = (windows[-1][0], max(last, windows[-1][1]))
            else:
                windows.append((first, last))
    return windows


def _is_card(digits: bytes) -> bool:
    if _ISSUED.fullmatch(digits) is None:
        return False
    alone, doubled = digits[-1::-2].translate(_SINGLE), digits[-2::-2].translate(_DOUBLE)
    return (sum(alone) + sum(doubled)) % 10 == 0
