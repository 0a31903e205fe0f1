"""What must not stand anywhere in a body: U+0000, the key `_sd`, email addresses in keys."""

from __future__ import annotations

import re
from typing import Any

from domain.errors import FieldError
from domain.pointers import LONGEST, child
from domain.privacy.classify import holds_email

# From the last @ of a string to its end: a search that took any @ would be quadratic.
_AT_IN_KEY = re.compile(rb'@(?:[^"\\@]|\\.)*+"[ \t\r\n]*:')


def needs_screening(text: bytes) -> bool:
    """Whether JSON text could hold any of it; never false when it does. The text spells out all
    characters but control characters, quotes and backslashes."""
    return (
        b'"_sd"' in text
        or (b"@" in text and _AT_IN_KEY.search(text) is not None)
        or (b"\\" in text and b"\\u0000" in text)
    )


def screen(value: Any, pointer: str, errors: list[FieldError]) -> None:
    """Append an error for each such place. A key that may be personal is never repeated."""
    kind = type(value)
    if kind is str:
        if "\0" in value:
            errors.append(FieldError(shown(pointer), "must not hold U+0000"))
    elif kind is list:
        for index, item in enumerate(value):
            if type(item) in (str, list, dict):
                screen(item, child(pointer, index), errors)
    elif kind is dict:
        for key, item in value.items():
            _screen_member(key, item, pointer, errors)


def shown(pointer: str) -> str:
    """The pointer, or that of the nearest place around it that is short and names nobody."""
    while len(pointer) > LONGEST or holds_email(pointer):
        pointer = pointer[: LONGEST + 1].rpartition("/")[0]
    return pointer


def refuse_email_ids(body: dict[str, Any], pointer: str, errors: list[FieldError]) -> None:
    """Ids of persons are surrogates: an email address would stay in the ledger for ever."""
    customer = body.get("customer")
    ids = (
        ("customer_id", body.get("customer_id")),
        ("customer/id", customer.get("id") if type(customer) is dict else None),
        ("actor_id", body.get("actor_id") if pointer == "/metadata" else None),
    )
    for place, found in ids:
        if type(found) is str and "@" in found and holds_email(found):
            detail = "is an email address; send a surrogate id"
            errors.append(FieldError(f"{pointer}/{place}", detail))


def _screen_member(key: str, item: Any, pointer: str, errors: list[FieldError]) -> None:
    if holds_email(key):
        detail = "has an email address in the name of a field; send it as a value"
        errors.append(FieldError(shown(pointer), detail))
        return
    if "\0" in key:
        errors.append(FieldError(shown(pointer), "has U+0000 in the name of a field"))
        return
    if key == "_sd":
        detail = "is reserved for digests of personal values; choose another name"
        errors.append(FieldError(shown(child(pointer, key)), detail))
    screen(item, child(pointer, key), errors)
