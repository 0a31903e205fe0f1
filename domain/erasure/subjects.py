"""Who is to be forgotten, and what the ledger has of the asking.

history.erasure.requested   who asked for what, and why; never about whom
"""

from __future__ import annotations

from typing import Any, Literal, cast, get_args

from msgspec import Struct

from domain.errors import FieldError, Invalid
from domain.orders.envelope import refuse_unknown
from domain.privacy.cards import holds_card
from domain.search.words import email as as_email

REQUESTED = "history.erasure.requested"
MAX_SUBJECT = 320
MAX_REASON = 1000
_FIELDS = ("subject_id", "scope", "reason")

Scope = Literal["order_data", "attachments"]


class Subject(Struct, frozen=True):
    """A person: the id of a customer, which may be that of an actor as well, or an email address,
    as `domain.search.words.email` gives it."""

    id: str | None = None
    email: str | None = None

    @property
    def texts(self) -> list[str]:
        """By what the person is told in plain text."""
        return [text for text in (self.id, self.email) if text is not None]


class Asked(Struct, frozen=True):
    """A request for erasure."""

    subject: Subject
    scope: Scope
    reason: str | None


def read_request(value: Any) -> Asked:
    """Of decoded JSON. Raises Invalid with all that is wrong, which repeats nothing of whom it is
    about."""
    if type(value) is not dict:
        raise Invalid.field("", "must be a JSON object: whom to erase")
    wrong: list[FieldError] = []
    refuse_unknown(value, _FIELDS, "a request for erasure", wrong)
    subject = read_subject(value.get("subject_id"), wrong)
    scope = value.get("scope") or "order_data"
    if scope not in get_args(Scope):
        wrong.append(FieldError("/scope", f"must be {' or '.join(get_args(Scope))}"))
    reason = read_reason(value.get("reason"), wrong)
    if wrong:
        raise Invalid(wrong)
    return Asked(subject, cast(Scope, scope), reason)


def read_reason(given: Any, wrong: list[FieldError]) -> str | None:
    """Why something is asked for of a person. Appends what is wrong with it, repeating nothing."""
    if given is None:
        return None
    if not (isinstance(given, str) and 1 <= len(given) <= MAX_REASON):
        wrong.append(FieldError("/reason", f"must be a text of at most {MAX_REASON} characters"))
        return None
    if holds_card(given):
        wrong.append(FieldError("/reason", "must not hold a card number"))
    return given


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
