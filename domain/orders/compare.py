"""Whether a re-delivered event says what is recorded under its event_id."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import msgspec

from domain.orders.events import EventBody, Incoming
from domain.orders.screening import shown
from domain.pointers import child
from domain.privacy.sealing import reveal
from domain.times import parse_us

MAX_POINTERS = 20

_FIELDS = ("order_id", "source", "type", "schema_version", "correction_of")


class _Gone:
    """Stands for a value that is no longer disclosed."""


_GONE = _Gone()


def differing_pointers(
    incoming: Incoming, stored: EventBody, disclosed: Mapping[str, Any], erased: bool
) -> list[str]:
    """Where the two differ, at most 20 JSON pointers, as deep as useful; empty if they say the
    same. Key order, the spelling of numbers and the UTC offset of a time do not count.

    `disclosed` gives personal values by digest. A personal value that is not among them is not
    compared if `erased` says that the event lost some; else it counts as different.
    """
    found = islice(_differences(incoming, stored, disclosed, erased), MAX_POINTERS)
    return [shown(pointer) for pointer in found]


def _differences(
    incoming: Incoming, stored: EventBody, disclosed: Mapping[str, Any], erased: bool
) -> Iterator[str]:
    for name in _FIELDS:
        if getattr(incoming, name) != getattr(stored, name):
            yield f"/{name}"
    if incoming.occurred_us != parse_us(stored.occurred_at):
        yield "/occurred_at"
    payload = reveal(msgspec.json.decode(stored.payload), disclosed, otherwise=_GONE)
    yield from _compare("/payload", incoming.payload, payload, erased)
    metadata = msgspec.json.decode(stored.metadata) if stored.metadata else None
    metadata = reveal(metadata, disclosed, otherwise=_GONE)
    yield from _compare("/metadata", incoming.metadata, metadata, erased)


def _compare(pointer: str, sent: Any, recorded: Any, erased: bool) -> Iterator[str]:
    if recorded is _GONE:
        if not erased:
            yield pointer
    elif type(sent) is dict and type(recorded) is dict:
        for key in sorted(sent.keys() | recorded.keys()):
            yield from _compare_member(child(pointer, key), key, sent, recorded, erased)
    elif type(sent) is list and type(recorded) is list and len(sent) == len(recorded):
        for index, (mine, theirs) in enumerate(zip(sent, recorded, strict=True)):
            yield from _compare(child(pointer, index), mine, theirs, erased)
    elif not _equal(sent, recorded):
        yield pointer


def _compare_member(
    pointer: str, key: str, sent: dict[str, Any], recorded: dict[str, Any], erased: bool
) -> Iterator[str]:
    if key not in recorded:
        yield pointer
    elif key in sent:
        yield from _compare(pointer, sent[key], recorded[key], erased)
    elif recorded[key] is not _GONE or not erased:
        yield pointer


def _equal(sent: Any, recorded: Any) -> bool:
    """As JSON values: 1 is 1.0, and not true."""
    return sent == recorded and (type(sent) is bool) == (type(recorded) is bool)
