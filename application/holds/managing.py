"""Legal holds: placing, seeing and releasing them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from uuid import uuid4

from msgspec import Struct

from application.audit.acts import Acts
from application.holds.ending import OnRelease
from application.ports import Clock
from application.search.searching import Search
from domain.access.caller import Caller
from domain.audit.acts import Doer
from domain.errors import Unavailable
from domain.holds.holds import Hold, Holds, Kind, Status
from domain.holds.reading import question_of, read_hold


class HoldFilters(Struct, frozen=True):
    """Which holds are wanted; None: any."""

    target: Kind | None = None
    target_id: str | None = None
    case_id: str | None = None
    status: Status | None = None


class ManageHolds:
    """Every change is an act on the tenant's ledger, in force as soon as it is there."""

    def __init__(
        self, acts: Acts, search: Search, clock: Clock, on_release: Sequence[OnRelease] = ()
    ) -> None:
        self._acts = acts
        self._search = search
        self._clock = clock
        self._on_release = on_release

    async def place(self, caller: Caller, doer: Doer, value: object) -> Hold:
        """A new hold, even where another one is just so. Raises Invalid, for a query that cannot be
        answered too, and Unavailable."""
        asked, hold_id = read_hold(value, self._clock()), f"hold_{uuid4().hex}"
        node = question_of(asked.target)
        if node is not None:
            await self._search.having(caller.tenant_id, node, [])
        holds, _ = await self._acts.act(
            caller.tenant_id,
            doer,
            Holds,
            lambda all_: all_.place(hold_id, asked, self._clock()),
        )
        return holds.hold(hold_id)

    async def get(self, tenant_id: str, hold_id: str) -> Hold:
        """Raises NotFound."""
        return (await self._acts.load(tenant_id, Holds())).hold(hold_id)

    async def listed(self, tenant_id: str, wanted: HoldFilters) -> list[Hold]:
        """The newest first, those that have ended too."""
        holds = (await self._acts.load(tenant_id, Holds())).holds.values()
        now_us = self._clock()
        return [hold for hold in reversed(holds) if _is_wanted(hold, wanted, now_us)]

    async def release(self, caller: Caller, doer: Doer, hold_id: str) -> None:
        """It holds no more, and what waited for it goes on. Nothing is done to one that has ended.
        Raises NotFound, Unavailable."""
        _, act = await self._acts.act(
            caller.tenant_id, doer, Holds, lambda holds: holds.release(hold_id, self._clock())
        )
        if act is not None:
            for told in self._on_release:
                with suppress(Unavailable):  # a worker tells it again
                    await told.released(caller.tenant_id, hold_id)


def _is_wanted(hold: Hold, wanted: HoldFilters, now_us: int) -> bool:
    return (
        wanted.target in (None, hold.target.kind)
        and wanted.target_id in (None, hold.target.target_id)
        and wanted.case_id in (None, hold.case_id)
        and wanted.status in (None, hold.status(now_us))
    )
