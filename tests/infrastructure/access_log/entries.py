"""Entries, and a log that only remembers them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import Any

from domain.access.log import Entry, Kept, entry_id
from domain.privacy.sealing import disclose

NOW_US = 1_760_000_000_000_000


def kept(
    number: int = 1, *, tenant: str = "acme", reason: str = "ticket 4", **changed: Any
) -> Kept:
    """The entry of a read, at so many seconds."""
    digests, disclosures = disclose({"reason": reason, "address": "192.0.2.1"}, os.urandom)
    at_us = NOW_US + number * 1_000_000
    given: dict[str, Any] = {
        "entry_id": entry_id(at_us, os.urandom(10)),
        "tenant_id": tenant,
        "at_us": at_us,
        "subject": "u1",
        "roles": ("support",),
        "operation": "get_timeline",
        "endpoint": "GET /orders/{order_id}/timeline",
        "orders": (f"ord_{number}",),
        "fields": ("email", "phone"),
        "events": 3,
        "personal_values": 6,
        "size_bytes": 900,
        **digests,
        **changed,
    }
    return Kept(Entry(**given), disclosures)


class Collected:
    """Implements Store of draining.py: each entry once. `failure`: raised, if it is given;
    `arrived`: set once something came, taken or not."""

    def __init__(self) -> None:
        self.kept: dict[Any, Kept] = {}
        self.failure: Exception | None = None
        self.arrived = asyncio.Event()

    async def add(self, kept: Sequence[Kept]) -> None:
        self.arrived.set()
        if self.failure is not None:
            raise self.failure
        self.kept |= {one.entry.entry_id: one for one in kept}

    @property
    def all(self) -> list[Kept]:
        return list(self.kept.values())
