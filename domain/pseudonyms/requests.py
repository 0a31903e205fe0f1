"""What is asked for, and what the ledger has of the asking: never about whom.

history.pseudonymisation.requested     who asked for it, and why
history.depseudonymisation.requested   who asked for the values back, and why
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from domain.erasure.subjects import Subject, read_reason, read_subject
from domain.errors import FieldError, Invalid
from domain.orders.envelope import refuse_unknown

PSEUDONYMISATION = "pseudonymisation"
REVERSAL = "depseudonymisation"
_FIELDS = ("subject_id", "reason")


class Asked(Struct, frozen=True):
    """A request for either."""

    subject: Subject
    reason: str | None


def requested(kind: str) -> str:
    """The type of the event that tells that one of them was asked for."""
    return f"history.{kind}.requested"


def read_request(value: Any, kind: str) -> Asked:
    """Of decoded JSON. Raises Invalid with all that is wrong, which repeats nothing of whom it is
    about."""
    if type(value) is not dict:
        raise Invalid.field("", "must be a JSON object: whom it is about")
    wrong: list[FieldError] = []
    refuse_unknown(value, _FIELDS, f"a request for {kind}", wrong)
    subject = read_subject(value.get("subject_id"), wrong)
    reason = read_reason(value.get("reason"), wrong)
    if kind == REVERSAL and value.get("reason") is None:
        wrong.append(FieldError("/reason", "is required: why the values are needed again"))
    if wrong:
        raise Invalid(wrong)
    return Asked(subject, reason)
