"""What the access log needs from outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from msgspec import Struct

from application.ports import Statement
from domain.access.log import Batch, Entry, Noted
from domain.errors import Unavailable


class NotLogged(Unavailable):
    """What is shown of personal data must be logged, and cannot be now; so nothing is shown."""


class Spool(Protocol):
    """Where entries are safe until they are in the log. Owned by one process, used by one loop."""

    async def append(self, noted: Noted) -> None:
        """On return no end of this process loses the entry. Raises NotLogged when it cannot be
        written whole; it may then come into the log all the same."""
        ...

    async def drained(self) -> None:
        """Return once all that any process of this installation had appended is in the log. Raises
        Unavailable, KeyUnavailable."""
        ...


class Asked(Struct, frozen=True, kw_only=True):
    """Filters of the log; None means any. from_us includes, to_us excludes."""

    subject: str | None = None
    order_id: str | None = None
    operation: str | None = None
    from_us: int | None = None
    to_us: int | None = None
    reason_given: bool | None = None


class Logged(Struct, frozen=True):
    """An entry of the log; digest -> value of what of it can still be disclosed."""

    entry: Entry
    disclosed: dict[str, object]


Place = tuple[int, UUID]
"""at_us and entry_id: by what the log is sorted."""


Reader = tuple[str, int, UUID]
"""An order, at_us and entry_id: a place among who has looked at orders."""


class LogReader(Protocol):
    """Reads the log. Raises Unavailable."""

    async def listed(
        self, tenant_id: str, asked: Asked, before: Place | None, limit: int, *, disclosing: bool
    ) -> list[Logged]:
        """The newest first. `disclosing`: with what can be disclosed; raises KeyUnavailable."""
        ...

    async def of_orders(
        self, tenant_id: str, order_ids: Sequence[str], before_us: int, after: Reader, limit: int
    ) -> list[tuple[str, Entry]]:
        """Entries of each of these orders, earlier than `before_us`; sorted as a Reader is."""
        ...


class Batches(Protocol):
    """The entries that no batch covers, and the batches. Raises Unavailable."""

    async def waiting(self) -> list[str]:
        """Tenants with entries that no batch covers; only those that have a ledger."""
        ...

    async def next(self, tenant_id: str, limit: int) -> tuple[int, list[Entry]]:
        """The first number that no batch covers, and the entries from there on, in order."""
        ...

    def insertion(self, tenant_id: str, batch: Batch) -> Sequence[Statement]:
        """The statements that remember a batch."""
        ...
