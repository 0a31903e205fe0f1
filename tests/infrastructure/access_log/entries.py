"""Entries, and a log that only remembers them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from domain.access.log import DRAWN, Kept, Noted, kept_of
from infrastructure.access_log import segments
from infrastructure.access_log.spool import OwnSpool

NOW_US = 1_760_000_000_000_000


def noted(
    number: int = 1, *, tenant: str = "acme", reason: str = "ticket 4", **changed: Any
) -> Noted:
    """What is noted of a read, at so many seconds."""
    given: dict[str, Any] = {
        "drawn": os.urandom(DRAWN),
        "at_us": NOW_US + number * 1_000_000,
        "tenant_id": tenant,
        "subject": "u1",
        "roles": frozenset(["support"]),
        "operation": "get_timeline",
        "endpoint": "GET /orders/{order_id}/timeline",
        "orders": frozenset([f"ord_{number}"]),
        "fields": frozenset(["email", "phone"]),
        "events": 3,
        "personal_values": 6,
        "size_bytes": 900,
        "reason": reason,
        "address": "192.0.2.1",
        **changed,
    }
    return Noted(**given)


def kept(number: int = 1, **given: Any) -> Kept:
    """The entry of such a read."""
    return kept_of(noted(number, **given))


async def fill(own: OwnSpool, *numbers: int) -> list[Kept]:
    """Append so many; the entries that they come to."""
    all_ = [noted(number) for number in numbers]
    for one in all_:
        await own.append(one)
    return [kept_of(one) for one in all_]


def files(directory: Path) -> list[Path]:
    """The segments that are there."""
    return [path for _, path in segments.segments(directory)]


async def until(holds: Callable[[], bool]) -> None:
    """Wait for something that another task or process does."""
    while not holds():  # noqa: ASYNC110  # nothing tells of it
        await asyncio.sleep(0.001)


class Collected:
    """Implements Store of draining.py: each entry once. `failure`: raised, if it is given;
    `arrived`: set once something came, taken or not; `going_on`: awaited then, by so many
    (`waiting`)."""

    def __init__(self) -> None:
        self.kept: dict[Any, Kept] = {}
        self.failure: Exception | None = None
        self.arrived = asyncio.Event()
        self.going_on = asyncio.Event()
        self.going_on.set()
        self.waiting = 0

    async def add(self, kept: Sequence[Kept]) -> None:
        self.arrived.set()
        self.waiting += 1
        await self.going_on.wait()
        self.waiting -= 1
        if self.failure is not None:
            raise self.failure
        self.kept |= {one.entry.entry_id: one for one in kept}

    @property
    def all(self) -> list[Kept]:
        return list(self.kept.values())
