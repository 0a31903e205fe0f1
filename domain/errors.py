"""Every error this project raises on purpose, in one tree.

    OrderHistoryError
    ├── Unreadable                 the bytes are not JSON that hashes the same everywhere
    ├── TooLarge                   readable, but over a documented size limit
    ├── Invalid                    readable, but one or more fields are not valid
    │   └── TooCostly              a question that cannot be answered within its time
    ├── NotFound                   no such thing in this tenant
    ├── Conflict                   the id is taken by something with other content
    │   ├── EventConflict
    │   ├── OnHold                 a legal hold forbids it
    │   └── MustBeKept             a retention policy forbids it, for it is bound to keep
    ├── AccessError
    │   ├── Unauthenticated        a token that does not hold
    │   │   └── TokenMissing       none at all
    │   ├── TooManyFailures        too many tokens from one address did not hold
    │   └── Forbidden              the token holds, the right is missing
    │       └── TenantLeft         the tenant was closed: nothing is recorded of it any more
    ├── TooManyAtOnce              the caller's tenant asks more at once than it may
    ├── QuotaExceeded              the caller's tenant has sent or asked what it may
    └── Unavailable                a store is away or full; asking again later may work
        ├── Overloaded             a bounded queue is full
        ├── HoldsMoved             a hold was placed or released since it was asked what is held
        └── KeyUnavailable         the key store does not answer, or lacks a key it once gave

The docstring of a class is its default message. HTTP maps them in `interfaces/http/problems.py`,
the command line in `interfaces/cli/main.py`, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct


class FieldError(Struct, frozen=True):
    """What is wrong with one field. `pointer` is a JSON pointer (RFC 6901), "" for the whole."""

    pointer: str
    detail: str


class OrderHistoryError(Exception):
    """Something this service refuses to do."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class Unreadable(OrderHistoryError):
    """The body is not readable JSON."""


class TooLarge(OrderHistoryError):
    """The body is over the size limit."""


class Invalid(OrderHistoryError):
    """The request is readable but not valid."""

    def __init__(self, errors: Sequence[FieldError], message: str | None = None) -> None:
        self.errors = tuple(errors)
        first = self.errors[0] if self.errors else FieldError("", "not valid")
        where = f"{first.pointer}: " if first.pointer else ""
        super().__init__(message or f"{where}{first.detail}")

    @classmethod
    def field(cls, pointer: str, detail: str) -> Invalid:
        """One field, one reason."""
        return cls([FieldError(pointer, detail)])


class TooCostly(Invalid):
    """A question that takes longer to answer than it may; `errors` says how to narrow it."""

    def __init__(self, detail: str | None = None) -> None:
        super().__init__([FieldError("/query", detail or _NARROW)])


_NARROW = (
    "takes longer than 2 s to answer: narrow it, with a range of occurred_at, a rarer word, a whole"
    " identifier, or a further condition on an indexed field in an 'all'"
)


class NotFound(OrderHistoryError):
    """There is no such thing in this tenant."""


class Conflict(OrderHistoryError):
    """The id is taken by something with other content."""


class EventConflict(Conflict):
    """An event with this event_id is recorded with other content."""

    def __init__(self, event_id: str, pointers: Sequence[str]) -> None:
        self.event_id = event_id
        self.pointers = tuple(pointers)
        super().__init__(
            f"event_id {event_id!r} is recorded with other content; it differs at "
            + ", ".join(pointer or "/" for pointer in self.pointers)
        )


class HoldNamed(Struct, frozen=True):
    """A legal hold, and the case that it was placed for."""

    hold_id: str
    case_id: str


class OnHold(Conflict):
    """A legal hold forbids this."""

    def __init__(self, holds: Sequence[HoldNamed]) -> None:
        self.holds = tuple(holds)
        named = ", ".join(f"{hold.hold_id} (case {hold.case_id})" for hold in holds[:_MOST_TOLD])
        more = f" and {len(holds) - _MOST_TOLD} more" if len(holds) > _MOST_TOLD else ""
        super().__init__(f"Nothing was deleted: it is under legal hold by {named}{more}.")


_MOST_TOLD = 5


class MustBeKept(Conflict):
    """A retention policy must keep this."""

    def __init__(self, policy_ids: Sequence[str]) -> None:
        named = ", ".join(policy_ids[:_MOST_TOLD])
        super().__init__(f"Nothing was deleted: it must be kept by the duty of {named}.")


class AccessError(OrderHistoryError):
    """The caller may not do this."""


class Unauthenticated(AccessError):
    """A valid bearer token is needed."""


class TokenMissing(Unauthenticated):
    """A bearer token is needed: Authorization: Bearer <token>."""


class TooManyFailures(AccessError):
    """Too many tokens from this address did not hold; one that is new here has to wait."""

    def __init__(self, retry_after: int = 60) -> None:
        self.retry_after = retry_after
        super().__init__()


class Forbidden(AccessError):
    """The token does not give this right."""


class TenantLeft(Forbidden):
    """This tenant is not served here."""


class TooManyAtOnce(OrderHistoryError):
    """Too many questions of this tenant are being answered. Ask again shortly, fewer at once."""

    retry_after = 1


class QuotaExceeded(OrderHistoryError):
    """A quota of this tenant is used up."""

    def __init__(self, message: str | None = None, retry_after: int = 60) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class Unavailable(OrderHistoryError):
    """The store is not available; nothing was acknowledged. Try again shortly."""

    retry_after = 1


class Overloaded(Unavailable):
    """Too much is waiting to be recorded. Try again shortly."""


class HoldsMoved(Unavailable):
    """What is under legal hold has changed meanwhile; nothing was deleted. Try again shortly."""


class KeyUnavailable(Unavailable):
    """A key that is needed to read or write personal data is not available."""
