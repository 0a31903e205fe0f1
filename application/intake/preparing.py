"""Lines into drafts: the computing that needs no lock, here or in another process."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

import msgspec
from msgspec import Struct, field

from application.intake.scrubbing import Line
from application.orders.admitting import OUTSIDE, takes
from application.orders.record import Preparer
from domain.access.scope import ANYTHING, Reach
from domain.errors import EventConflict, FieldError, Invalid, OrderHistoryError, Unavailable
from domain.orders.events import Draft, Incoming

_AT_ONCE = 16
"""Lines that are prepared before others on the event loop have their turn: under a millisecond."""


PREPARED_AHEAD = 2
"""Chunks that are being prepared, or are, behind the one that is taken: where another process does
it, that one always has something to go on with."""


class PreparedLines(Struct, array_like=True):
    """The events of some lines, in order, and why the others are none, by their index."""

    drafts: list[Draft] = field(default_factory=list)
    refused: dict[int, list[FieldError]] = field(default_factory=dict)


class Preparing(Protocol):
    """Prepares lines, off the event loop or in small portions on it."""

    async def prepare(
        self, tenant_id: str, lines: Sequence[Line], reach: Reach = ANYTHING
    ) -> PreparedLines:
        """Events that are not within reach are refused. Raises Unavailable."""
        ...

    def read(self, line: Line) -> Incoming:
        """The event that the line means. Raises Unreadable, TooLarge, Invalid."""
        ...


class PrepareHere:
    """On the event loop."""

    def __init__(self, preparer: Preparer) -> None:
        self._preparer = preparer

    async def prepare(
        self, tenant_id: str, lines: Sequence[Line], reach: Reach = ANYTHING
    ) -> PreparedLines:
        prepared = PreparedLines()
        for index, line in enumerate(lines):
            if index % _AT_ONCE == 0:
                await asyncio.sleep(0)
            prepare_line(self._preparer, tenant_id, index, line, prepared, reach)
        return prepared

    def read(self, line: Line) -> Incoming:
        return read_line(self._preparer, line)


def prepare_line(
    preparer: Preparer,
    tenant_id: str,
    index: int,
    line: Line,
    prepared: PreparedLines,
    reach: Reach,
) -> None:
    """Add what the line comes to. Raises KeyUnavailable."""
    if line.refused:
        prepared.refused[index] = list(line.refused)
        return
    try:
        incoming = read_line(preparer, line)
        if takes(reach, incoming):
            prepared.drafts.append(preparer.seal(tenant_id, incoming).draft)
        else:
            prepared.refused[index] = [FieldError("", OUTSIDE)]
    except Unavailable:
        raise
    except OrderHistoryError as error:
        prepared.refused[index] = reasons(error)


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
