"""Lines into drafts: the computing that needs no lock, here or in another process."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

import msgspec

from application.intake.scrubbing import Line
from application.orders.record import Preparer
from domain.errors import EventConflict, FieldError, Invalid, OrderHistoryError, Unavailable
from domain.orders.events import Draft, Incoming

PreparedLine = Draft | list[FieldError]
"""A line as an event to be recorded, or why it is none."""

_AT_ONCE = 16
"""Lines that are prepared before others on the event loop have their turn: under a millisecond."""


class Preparing(Protocol):
    """Prepares lines, off the event loop or in small portions on it."""

    async def prepare(self, tenant_id: str, lines: Sequence[Line]) -> list[PreparedLine]:
        """One for each line. Raises Unavailable."""
        ...

    def read(self, line: Line) -> Incoming:
        """The event that the line means. Raises Unreadable, TooLarge, Invalid."""
        ...


class PrepareHere:
    """On the event loop."""

    def __init__(self, preparer: Preparer) -> None:
        self._preparer = preparer

    async def prepare(self, tenant_id: str, lines: Sequence[Line]) -> list[PreparedLine]:
        prepared: list[PreparedLine] = []
        for line in lines:
            if len(prepared) % _AT_ONCE == 0:
                await asyncio.sleep(0)
            prepared.append(prepare_line(self._preparer, tenant_id, line))
        return prepared

    def read(self, line: Line) -> Incoming:
        return read_line(self._preparer, line)


def prepare_line(preparer: Preparer, tenant_id: str, line: Line) -> PreparedLine:
    """Raises KeyUnavailable."""
    if line.refused:
        return list(line.refused)
    try:
        return preparer.seal(tenant_id, read_line(preparer, line)).draft
    except Unavailable:
        raise
    except OrderHistoryError as error:
        return reasons(error)


def read_line(preparer: Preparer, line: Line) -> Incoming:
    """The event that a line means, with the redactions of what was scrubbed before."""
    incoming = preparer.read(line.text)
    if line.redactions:
        incoming = msgspec.structs.replace(incoming, redactions=line.redactions)
    return incoming


def reasons(error: OrderHistoryError) -> list[FieldError]:
    """The error as a list of fields and what is wrong with each."""
    if isinstance(error, Invalid):
        return list(error.errors)
    if isinstance(error, EventConflict):
        return [FieldError(pointer, "differs from what is recorded") for pointer in error.pointers]
    return [FieldError("", str(error))]
