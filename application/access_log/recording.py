"""Noting what an answer shows of personal data, before it goes out; and reading what was noted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from application.access_log.ports import Asked, Logged, LogReader, Place, Reader, Spool
from application.ports import Clock
from domain.access.caller import Caller
from domain.access.log import DRAWN, Entry, Noted
from domain.errors import Forbidden
from domain.privacy.revealing import ERASED, MASKED, Shown
from domain.times import format_us

_PAGE = 200
_AHEAD = 100
"""Entries."""


class Read(Struct, frozen=True):
    """A request that reads: which operation, at which endpoint (method and path), and, of who asks,
    the reason given and the network address, where there is one."""

    operation: str
    endpoint: str
    reason: str | None
    address: str | None


class AccessLog:
    """The one way into the log and out of it. `reasoned`: roles whose holders are shown personal
    values only with a reason."""

    def __init__(
        self,
        spool: Spool,
        reader: LogReader,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
        reasoned: Collection[str] = (),
    ) -> None:
        self._spool = spool
        self._reader = reader
        self._clock = clock
        self._random_bytes = random_bytes
        self._ahead: list[bytes] = []
        self._reasoned = frozenset(reasoned)

    def require_reason(self, caller: Caller, read: Read) -> None:
        """Raises Forbidden where the caller may be shown nothing without a reason, and gave none.
        For who is to be shown personal values."""
        roles = self._reasoned & caller.roles
        if roles and read.reason is None:
            raise Forbidden(
                f"Who holds the role {min(roles)} is shown personal values only with a reason: "
                "send it as X-Access-Reason."
            )

    async def note(self, caller: Caller, read: Read, shown: Shown, size_bytes: int) -> None:
        """An answer of so many bytes is about to show this. Raises Forbidden as `require_reason`,
        NotLogged: then it must not go out."""
        if shown.values:
            self.require_reason(caller, read)
        # As little as can be: each such read waits for it (ADR 0030).
        await self._spool.append(
            Noted(
                self._drawn(),
                self._clock(),
                caller.tenant_id,
                caller.subject,
                caller.roles,
                read.operation,
                read.endpoint,
                shown.orders,
                shown.fields,
                shown.things,
                shown.values,
                size_bytes,
                read.reason,
                read.address,
            )
        )

    def _drawn(self) -> bytes:
        """DRAWN random bytes, drawn for many entries at once: each time is a call of the system."""
        if not self._ahead:
            drawn = self._random_bytes(DRAWN * _AHEAD)
            self._ahead = [drawn[at : at + DRAWN] for at in range(0, len(drawn), DRAWN)]
        return self._ahead.pop()

    async def caught_up(self) -> None:
        """Return once the entries of all answers that went out before are in the log. Raises
        Unavailable."""
        await self._spool.drained()

    async def entries(
        self, tenant_id: str, asked: Asked, *, disclosing: bool
    ) -> AsyncIterator[Logged]:
        """All entries that are in the log, the newest first, read page by page. Giving them to a
        reader is to be noted. Raises Unavailable; KeyUnavailable, if `disclosing`."""
        before: Place | None = None
        while True:
            page = await self._reader.listed(tenant_id, asked, before, _PAGE, disclosing=disclosing)
            for one in page:
                yield one
            if len(page) < _PAGE:
                return
            before = page[-1].entry.at_us, page[-1].entry.entry_id

    async def readers(
        self, tenant_id: str, order_ids: Sequence[str], before_us: int
    ) -> AsyncIterator[tuple[str, Entry]]:
        """Who has looked at each of these orders before then. Giving it to a reader is to be
        noted. Raises Unavailable."""
        after: Reader = ("", 0, UUID(int=0))
        while True:
            page = await self._reader.of_orders(tenant_id, order_ids, before_us, after, _PAGE)
            for one in page:
                yield one
            if len(page) < _PAGE:
                return
            order_id, entry = page[-1]
            after = order_id, entry.at_us, entry.entry_id

    async def listed(
        self, caller: Caller, shown: Shown, asked: Asked, before: Place | None, limit: int
    ) -> tuple[list[bytes], Place | None]:
        """Entries as JSON, the newest first, and the place of the last if there are more; those of
        all answers that went out before are among them. The read is to be logged itself. Raises
        Unavailable."""
        shown.always = True
        await self._spool.drained()
        found = await self._reader.listed(
            caller.tenant_id, asked, before, limit + 1, disclosing=caller.sees_personal
        )
        page = found[:limit]
        last = page[-1].entry if len(found) > limit else None
        views = [_view(caller, shown, one) for one in page]
        return views, None if last is None else (last.at_us, last.entry_id)


def _view(caller: Caller, shown: Shown, logged: Logged) -> bytes:
    entry = logged.entry
    personal: dict[str, Any] = {"reason": entry.reason, "address": entry.address}
    told: dict[str, Any] = {}
    for name, digest in personal.items():
        if digest is None:
            told[name] = None
        elif not caller.sees_personal:
            told[name] = msgspec.Raw(MASKED)
        elif digest in logged.disclosed:
            told[name] = logged.disclosed[digest]
        else:
            told[name] = msgspec.Raw(ERASED)
    names = [name for name, value in told.items() if type(value) is str]
    if names:
        shown.note(names, len(names))
    return msgspec.json.encode(
        {
            "entry_id": entry.entry_id,
            "at": format_us(entry.at_us),
            "subject": entry.subject,
            "roles": entry.roles,
            "operation": entry.operation,
            "endpoint": entry.endpoint,
            "orders": entry.orders,
            "fields": entry.fields,
            "events": entry.events,
            "personal_values": entry.personal_values,
            "size_bytes": entry.size_bytes,
            **told,
        }
    )
