"""What is asked for of a person, and what the ledger has of the asking: never about whom.

history.erasure.requested              who asked for what, and why
history.pseudonymisation.requested     who asked for it, and why
history.depseudonymisation.requested   who asked for the values back, and why
"""

from __future__ import annotations

from typing import Any, Literal, cast, get_args

from msgspec import Struct

from domain.access.reading import as_object
from domain.audit.acts import Act, Fact
from domain.erasure.subjects import Subject, read_reason, read_subject
from domain.errors import FieldError, Invalid

Kind = Literal["erasure", "pseudonymisation", "depseudonymisation"]
ERASURE: Kind = "erasure"
PSEUDONYMISATION: Kind = "pseudonymisation"
REVERSAL: Kind = "depseudonymisation"

Scope = Literal["order_data", "attachments"]
_WHOLE: Scope = "order_data"


class Asked(Struct, frozen=True):
    """A request of one of the kinds. scope: of an erasure; of the others it is one alone."""

    kind: Kind
    subject: Subject
    scope: Scope
    reason: str | None


def read_request(value: Any, kind: Kind) -> Asked:
    """Of decoded JSON. Raises Invalid with all that is wrong, which repeats nothing of whom it is
    about."""
    fields = ("subject_id", "reason") + (("scope",) if kind == ERASURE else ())
    body, wrong = as_object(value, fields, f"a request for {kind}")
    subject = read_subject(body.get("subject_id"), wrong)
    scope = body.get("scope", _WHOLE) if kind == ERASURE else _WHOLE
    if scope not in get_args(Scope):
        wrong.append(FieldError("/scope", f"must be {' or '.join(get_args(Scope))}"))
    reason = read_reason(body.get("reason"), wrong)
    if kind == REVERSAL and "reason" not in body:
        wrong.append(FieldError("/reason", "is required: why the values are needed again"))
    if wrong:
        raise Invalid(wrong)
    return Asked(kind, subject, cast(Scope, scope), reason)


class Request:
    """A job's stream on the ledger, as far as asking goes: it is asked for once."""

    def __init__(self, kind: Kind, job_id: str) -> None:
        self.stream = f"{kind}-request/{job_id}"
        self.version = 0
        self._job_id = job_id

    def ask(self, asked: Asked) -> Act:
        """It is made."""
        after = {"job_id": self._job_id}
        if asked.kind == ERASURE:
            after["scope"] = asked.scope
        if asked.reason is not None:
            after["reason"] = asked.reason
        return Act(f"history.{asked.kind}.requested", f"{asked.kind}/{self._job_id}", None, after)

    def apply(self, fact: Fact) -> None:
        """There is nothing to know of it."""
