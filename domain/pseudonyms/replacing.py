"""Which pseudonym a value gets: the same wherever the tenant has it, and no other tenant's.

    pn-<base32 of the first 80 bits of HMAC-SHA-256(the tenant's key, kind || 0x00 || value)>

What search takes for the same value has the same pseudonym: an email address and a telephone number
are written as `domain.search.words` does. Nobody gets from a pseudonym to its value, or tells
whether a guess is right, without the key.
"""

from __future__ import annotations

import hmac
from base64 import b32encode
from typing import Any

from domain import canonical
from domain.pseudonyms.form import CHARACTERS, HOST, PREFIX, is_pseudonym
from domain.search.words import email, fold, phone

_BYTES = CHARACTERS * 5 // 8


def pseudonym_of(key: bytes, name: str, text: str) -> str:
    """The pseudonym of a text that stands under this name; of a pseudonym, itself."""
    if is_pseudonym(text):
        return text
    address = email(text) if "@" in text else None
    if address is not None:
        return _keyed(key, "email", address) + HOST
    digits = phone(text) if name == "phone" else None
    if digits is not None:
        return _keyed(key, "phone", digits)
    return _keyed(key, "text", " ".join(fold(text).split()))


def pseudonymised(key: bytes, name: str, value: Any) -> Any:
    """A JSON value with its texts and numbers replaced; names, booleans and nulls stay."""
    kind = type(value)
    if kind is dict:
        return {inner: pseudonymised(key, inner, one) for inner, one in value.items()}
    if kind is list:
        return [pseudonymised(key, name, one) for one in value]
    if kind is str:
        return pseudonym_of(key, name, value)
    if kind is bool or value is None:
        return value
    return pseudonym_of(key, name, canonical.encode(value).decode())


def is_replaced(value: Any) -> bool:
    """Whether there is nothing in a JSON value for which a pseudonym could stand."""
    kind = type(value)
    if kind is dict:
        return all(is_replaced(one) for one in value.values())
    if kind is list:
        return all(is_replaced(one) for one in value)
    return kind is bool or value is None or is_pseudonym(value)


def _keyed(key: bytes, kind: str, value: str) -> str:
    code = hmac.digest(key, kind.encode() + b"\0" + value.encode(), "sha256")
    return PREFIX + b32encode(code[:_BYTES]).decode().lower()
