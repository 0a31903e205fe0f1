"""What a job has erased, as the ledger tells it: whatever attempts that took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct, field

from application.ports import OrderHistories, StoredRow, Window
from domain.erasure.facts import Ground
from domain.erasure.places import placeholders
from domain.orders.events import decode_body
from domain.privacy.sealing import history_originator


class Facts(Struct):
    """pointers: of each event, by sequence; orders: of which everything is erased; sequences: of
    the facts themselves."""

    pointers: dict[int, set[str]] = field(default_factory=dict)
    orders: set[str] = field(default_factory=set)
    sequences: list[int] = field(default_factory=list)

    @property
    def values(self) -> int:
        """How many values."""
        return sum(map(len, self.pointers.values()))


class _Event(Struct):
    sequence: int
    pointers: list[str]


class _Fact(Struct):
    events: list[_Event]
    orders: list[str] = []


_decode = msgspec.json.Decoder(_Fact).decode


async def facts_of(histories: OrderHistories, tenant_id: str, ground: Ground) -> Facts:
    """Raises Unavailable."""
    return told_by(await fact_rows(histories, tenant_id, ground))


async def fact_rows(
    histories: OrderHistories, tenant_id: str, ground: Ground
) -> Sequence[StoredRow]:
    """The facts themselves, by sequence, for who takes them in some at a time. Raises
    Unavailable."""
    _, rows = await histories.load(history_originator(tenant_id, ground.stream), Window())
    return rows


def told_by(rows: Sequence[StoredRow]) -> Facts:
    """What these facts tell together."""
    facts = Facts()
    for row in rows:
        fact = _decode(decode_body(row.state).payload)
        facts.sequences.append(row.sequence)
        facts.orders.update(fact.orders)
        for event in fact.events:
            facts.pointers.setdefault(event.sequence, set()).update(event.pointers)
    return facts


def pointers_of(
    digests: Mapping[int, Sequence[str]], states: Mapping[int, bytes]
) -> dict[int, list[str]]:
    """The pointers at which these digests stand, by sequence, of the events that are there."""
    found: dict[int, list[str]] = {}
    for sequence, state in states.items():
        wanted = set(digests.get(sequence, ()))
        at = _placeholders(state)
        found[sequence] = [pointer for pointer, digest in at.items() if digest in wanted]
    return {sequence: some for sequence, some in found.items() if some}


def digests_of(facts: Facts, states: Mapping[int, bytes]) -> dict[int, Sequence[str]]:
    """The digests at these pointers, by sequence."""
    found: dict[int, Sequence[str]] = {}
    for sequence, pointers in facts.pointers.items():
        at = _placeholders(states[sequence])
        found[sequence] = [at[pointer] for pointer in pointers if pointer in at]
    return found


def _placeholders(state: bytes) -> dict[str, str]:
    """pointer -> digest of all that is personal in an event."""
    body = decode_body(state)
    bodies: dict[str, Any] = {"payload": msgspec.json.decode(body.payload)}
    if body.metadata is not msgspec.UNSET:
        bodies["metadata"] = msgspec.json.decode(body.metadata)
    return placeholders(bodies)
