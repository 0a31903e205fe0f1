"""Putting together what begins new origins."""

from __future__ import annotations

import os

from infrastructure.ledger.reopening import Reopened, Reopening
from interfaces.composition.connections import blocking, clock
from interfaces.composition.writing import writing
from interfaces.settings import Settings


async def reopen_ledger(settings: Settings) -> Reopened:
    """Begin new origins. Raises Conflict when the store does not lie behind, Unavailable."""
    async with writing(settings, "reopen") as side:
        side.committer.refusing = None
        with blocking(settings, "reopen")() as connection:
            begin = Reopening(
                connection,
                side.committer,
                side.ledger.keys,
                side.ledger.published,
                clock,
                os.urandom,
            )
            return await begin()
