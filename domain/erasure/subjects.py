"""Of whom something is asked, such as to be forgotten."""

from __future__ import annotations

import re
from typing import Any
from unicodedata import normalize

from msgspec import Struct

from domain.errors import FieldError
from domain.privacy.prose import check_prose
from domain.search.words import email as as_email

MAX_SUBJECT = 320
MAX_REASON = 1000


_ADDRESS = re.compile(r"(?!mailto:)[^\s@,;<>]+@[^\s@,;<>]+")
"""One address, without what mail programs write around it, or between several."""


class Subject(Struct, frozen=True):
    """A person: the id of a customer, which may be that of an actor as well, or an email address,
    as `domain.search.words.email` gives it."""

    id: str | None = None
    email: str | None = None

    @property
    def texts(self) -> list[str]:
        """By what the person is told in plain text."""
        return [text for text in (self.id, self.email) if text is not None]


def read_reason(given: Any, wrong: list[FieldError]) -> str | None:
    """Why something is asked for of a person. It is kept when the person is erased, so it names no
    address. Appends what is wrong with it, repeating nothing."""
    if given is None or not check_prose("/reason", given, MAX_REASON, wrong, plain=True):
        return None
    return str(given)


def read_subject(given: Any, wrong: list[FieldError]) -> Subject:
    """Whom something is asked for. Appends what is wrong with it, repeating nothing."""
    if given is None:
        wrong.append(FieldError("/subject_id", "is required: a customer id or an email address"))
    elif not isinstance(given, str) or not 1 <= len(given) <= MAX_SUBJECT:
        wrong.append(FieldError("/subject_id", f"must be a text of 1 to {MAX_SUBJECT} characters"))
    elif not given.isprintable():
        wrong.append(FieldError("/subject_id", "must not hold control or invisible characters"))
    elif not given.strip():
        wrong.append(FieldError("/subject_id", "must not be blank"))
    elif "@" in normalize("NFKC", given):
        address = as_email(given)
        if address is not None and _ADDRESS.fullmatch(address):
            return Subject(email=address)
        detail = "is neither a customer id nor one email address, such as name@example.org"
        wrong.append(FieldError("/subject_id", detail))
    else:
        return Subject(id=given)
    return Subject()
