"""The committer for callers without an event loop: scripts, and the framework's `save`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar, cast

from application.ports import Accepted, Duplicate, Refused
from domain.errors import EventConflict
from domain.orders.events import Draft
from infrastructure.event_store.committer import Committer

T = TypeVar("T")


class DoorThread:
    """Runs a committer's event loop in a thread, for callers without one (scripts, `save`)."""

    def __init__(self, make: Callable[[], Coroutine[Any, Any, Committer]]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._committer = self._call(make())
        self._call(self._committer.start())

    def submit(self, drafts: Sequence[Draft]) -> list[Accepted]:
        """All of the drafts or none. Raises EventConflict when one is there already, or why it is
        refused."""
        outcomes = self._call(self._committer.submit(drafts, atomic=True))
        for draft, outcome in zip(drafts, outcomes, strict=True):
            if isinstance(outcome, Duplicate):
                raise EventConflict(draft.event_id, [""])
            if isinstance(outcome, Refused):
                raise outcome.error
        return cast("list[Accepted]", outcomes)

    def close(self) -> None:
        self._call(self._committer.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()
