"""A request of a person for all that is held on them, and the facts about it on the ledger.

history.subject_access.requested   who asked, and why; never about whom
history.subject_access.answered    how much was in the answer
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from domain.access.reading import as_object
from domain.audit.acts import Act, Fact
from domain.erasure.subjects import Subject, read_reason, read_subject
from domain.errors import Invalid

REQUESTED = "history.subject_access.requested"
ANSWERED = "history.subject_access.answered"
_FIELDS = ("subject_id", "reason")


class Asked(Struct, frozen=True):
    """Whose data is asked for, and why."""

    subject: Subject
    reason: str | None


class Numbers(Struct, frozen=True):
    """How much an answer has. events: lines that tell of an event; values: personal values shown;
    lines: all, the first and the last one among them."""

    events: int
    values: int
    lines: int


def read_request(value: Any) -> Asked:
    """Of decoded JSON. Raises Invalid with all that is wrong, which repeats nothing of whom it is
    about."""
    body, wrong = as_object(value, _FIELDS, "a request for access")
    subject = read_subject(body.get("subject_id"), wrong)
    reason = read_reason(body.get("reason"), wrong)
    if wrong:
        raise Invalid(wrong)
    return Asked(subject, reason)


class Request:
    """A request on the ledger, a stream of its own. sequence: of the fact that it was made, 0
    before."""

    def __init__(self, request_id: str) -> None:
        self.stream = f"subject-access/{request_id}"
        self.version = 0
        self.sequence = 0

    def ask(self, reason: str | None) -> Act:
        """It is made."""
        return Act(REQUESTED, self.stream, None, {} if reason is None else {"reason": reason})

    def answer(self, numbers: Numbers) -> Act:
        """All of the answer has been sent, but for its last line."""
        told = {"events": numbers.events, "values": numbers.values, "lines": numbers.lines}
        return Act(ANSWERED, self.stream, None, told)

    def apply(self, fact: Fact) -> None:
        """Take a fact."""
        if fact.type == REQUESTED:
            self.sequence = fact.sequence
