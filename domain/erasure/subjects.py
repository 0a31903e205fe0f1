"""Of whom something is asked, such as to be forgotten."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from domain.errors import FieldError
from domain.privacy.prose import check_prose
from domain.search.words import email as as_email

MAX_SUBJECT = 320
MAX_REASON = 1000


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
    """Why something is asked for of a person. Appends what is wrong with it, repeating nothing."""
    if given is None or not check_prose("/reason", given, MAX_REASON, wrong):
        return None
    return str(given)


def read_subject(given: Any, wrong: list[FieldError]) -> Subject:
    """Whom something is asked for. Appends what is wrong with it, repeating nothing."""
    if given is None:
        wrong.append(FieldError("/subject_id", "is required: a customer id or an email address"))
    elif not isinstance(given, str) or not 1 <= len(given) <= MAX_SUBJECT:
        wrong.append(FieldError("/subject_id", f"must be a text of 1 to {MAX_SUBJECT} characters"))
    elif not given.isprintable():
        wrong.append(FieldError("/subject_id", "must not hold control characters"))
    elif "@" in given:
        address = as_email(given)
        if address is not None:
            return Subject(email=address)
        wrong.append(FieldError("/subject_id", "is neither a customer id nor an email address"))
    else:
        return Subject(id=given)
    return Subject()
