"""What the name of a field says about cards: an id, a part of a number, a code that is never kept.

Names are read by words, in snake_case, kebab-case, camelCase or with spaces: `shipping` has no
`pin` in it. After an authorisation nobody may keep the card's security code, its PIN or its tracks
(PCI DSS 3.3), so those go by name, whatever became of the number beside them. Where a name has a
second meaning, the value or a word for a card beside it decides:

- a security code is 3 or 4 digits. `cvv_result` and `cvc_check` are of other names, and a result
  such as "M" or a boolean is of another form. `cid` is a customer as often as a code: it needs a
  card in its name or around it.
- `pin` is 3 or 4 digits; with a card in its name or around it 3 to 12, and then `pin_code` is one
  too. Alone that is a postal code in India, as `pin` is with 6 digits. `delivery_pin` is the
  carrier's.
- a PIN block is any text; a track is any with 13 digits or 32 characters, for a record of music has
  tracks as well.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from domain.privacy.card_numbers import CVV, SHORTEST, spelled

PIN, TRACK = "[PIN]", "[TRACK]"
CODE_MARKS = (CVV, PIN, TRACK)

_EXEMPT = ("tracking_number", "sku", "correction_of")
_CARD_NAME = re.compile(r"card|(?:^|_)(?:pan|cc)(?:_|$)", re.IGNORECASE)

_NAME = re.compile(r"[A-Za-z0-9 ._/-]{1,100}")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

_HINT = re.compile("[cCpP]")  # one of them is in any name of interest
_CARD_WORD = re.compile(
    r"(?:.*_)?(?:[a-z]*card(?:s|number|num|no|holder)?|(?:pan|cc)(?:number|num|no)?)(?:_.*)?"
)
_CODE = re.compile(
    r"""(?:.*_|[a-z]*card|cc)?(?:
        (?: cv[vcndx] (?:_2)? | cv_2 | csc | card_cid ) (?:_?(?:code|number|value))?
      | cav_2 | security_?code | card_?code | verification_?value
      | card_?verification_?(?:code|number) | card_?validation_?code
    )""",
    re.VERBOSE,
)
_CID = re.compile(r"(?:.*_)?cid(?:_?(?:code|number|value))?")
_PIN = re.compile(r"(?:card)?pin(?:_?(?:number|value))?")
_CARD_PIN = re.compile(r"(?:.*_)?pin(?:_?(?:code|number|value))?")
_PIN_BLOCK = re.compile(r"(?:.*_)?pin_?block(?:_?data)?")
_TRACK = re.compile(r"(?:.*_)?track_?[123](?:_?equivalent)?(?:_?data)?")
_SHORT, _LONG = re.compile(r"\s*\d{3,4}\s*"), re.compile(r"\s*\d{3,12}\s*")
_DIGITS = re.compile(r"\d")
_NONE: frozenset[str] = frozenset()

_OF_NUMBER = re.compile(
    r"""(?:
      (?: account | block | chunk | credit | customer | debit | digits? | field | full | group | no
        | num | number | part | payment | piece | primary | segment | value
        | (?: (?:credit)?card | cc | pan ) (?:number|num|no)? ) (?:_|$)
    )*""",
    re.VERBOSE,
)
_PART = re.compile(r"\s*\d{1,18}\s*")


def is_exempt(key: str) -> bool:
    """A tenth of all numeric ids pass Luhn by chance; one that is named for a card is no excuse."""
    return (key in _EXEMPT or key.endswith("_id")) and not _CARD_NAME.search(key)


def secret(name: str, value: Any, container: str | None) -> str | None:
    """What to write for a security code, a PIN or a track; None for what is none. `container`: the
    name of the object that the field is in."""
    kind = type(value)
    if (kind is not str and kind is not int) or value == "" or value in CODE_MARKS:
        return None
    kinds = _kinds(name)
    if not kinds:
        return None
    text = str(value)
    of_card = "card" in kinds or (container is not None and "card" in _kinds(container))
    if "code" in kinds or ("cid" in kinds and of_card):
        return CVV if _SHORT.fullmatch(text) else None
    if "pin" in kinds or ("card pin" in kinds and of_card):
        return PIN if (_LONG if of_card else _SHORT).fullmatch(text) else None
    if "block" in kinds:
        return PIN
    if "track" in kinds and (len(text) >= 32 or len(_DIGITS.findall(text)) >= SHORTEST):
        return TRACK
    return None


def split_members(body: dict[str, Any], container: str | None) -> dict[str, str]:
    """Of an object's fields: those that spell a card number together, such as `card_number_1` to
    `card_number_4`, and what to write for each. The name, or that of the container, is a card's,
    with the part's number at its end."""
    series: dict[str, list[tuple[int, str, str]]] = {}
    for key, value in body.items():
        if key[-1:].isdigit():
            place = part_of(key, container)
            if place is not None and (text := _part(value)) is not None:
                series.setdefault(place[0], []).append((place[1], key, text))
    marks: dict[str, str] = {}
    for parts in series.values():
        parts.sort()
        found = _spelled([text for _, _, text in parts], [body[key] for _, key, _ in parts])
        marks |= {parts[index][1]: mark for index, mark in found.items()}
    return marks


def split_elements(items: list[Any], name: str, container: str | None) -> dict[int, str]:
    """As `split_members`, of a list whose name is a card number's."""
    if len(items) < 2 or not _is_of_number(name, container):
        return {}
    texts = [text for item in items if (text := _part(item)) is not None]
    return _spelled(texts, items) if len(texts) == len(items) else {}


def part_of(name: str, container: str | None) -> tuple[str, int] | None:
    """Which number a field is a part of, and its place there; None if its name does not say so."""
    if "card" not in _kinds(name) and (container is None or not _is_of_number(container)):
        return None
    series, _, index = _joined(name).rpartition("_")
    return (series, int(index)) if index.isdigit() and _OF_NUMBER.fullmatch(series) else None


@lru_cache(maxsize=4096)
def _is_of_number(name: str, container: str | None = None) -> bool:
    if not _OF_NUMBER.fullmatch(_joined(name) or "?"):
        return False
    return "card" in _kinds(name) or (container is not None and _is_of_number(container))


def _part(value: Any) -> str | None:
    if type(value) is int and value >= 0:
        value = str(value)
    return value.strip() if type(value) is str and _PART.fullmatch(value) else None


def _spelled(texts: list[str], values: list[Any]) -> dict[int, str]:
    """An integer does not say how many zeros it begins with: four of them are four digits each."""
    found = spelled(texts)
    if not found and len(values) == 4 and all(type(value) is int for value in values):
        found = spelled([text.zfill(4) for text in texts])
    return found


def _joined(name: str) -> str:
    """The words of a name, in snake_case; empty for a name of other characters."""
    return "_".join(_WORD.findall(name)).lower() if _NAME.fullmatch(name) else ""


def _kinds(name: str) -> frozenset[str]:
    """What a name may be the name of, and "card" if it says that it is a card's."""
    return _known_kinds(name) if _HINT.search(name) else _NONE


@lru_cache(maxsize=4096)
def _known_kinds(name: str) -> frozenset[str]:
    joined = _joined(name)
    patterns = {
        "card": _CARD_WORD,
        "code": _CODE,
        "cid": _CID,
        "pin": _PIN,
        "card pin": _CARD_PIN,
        "block": _PIN_BLOCK,
        "track": _TRACK,
    }
    return frozenset(kind for kind, pattern in patterns.items() if pattern.fullmatch(joined))
