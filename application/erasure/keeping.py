"""What a duty to keep holds back of a person's values, until its time is over."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

import msgspec
from msgspec import Struct

from application.retention.duties import InForce, Kept
from domain.orders.events import decode_body
from domain.snapshots.events import CAPTURED
from domain.times import parse_us

V = TypeVar("V", bound=Collection[object])


class Duty(Struct, frozen=True):
    """Why some events of an owner keep their values: the policies, how many events, and when the
    first of them may go, and the last, in microseconds since 1970."""

    policy_ids: Sequence[str]
    events: int
    first_us: int
    last_us: int


class _Captured(Struct):
    captured_at: str


def split(
    values: Mapping[int, V], states: Mapping[int, bytes], in_force: InForce
) -> tuple[dict[int, V], list[list[Kept]]]:
    """What may go, by the sequence of its event, and of each event that has to stay, why."""
    goes: dict[int, V] = {}
    stays = []
    for sequence, some in values.items():
        kept = _kept(states[sequence], in_force) if in_force.keeps_anything else []
        if kept:
            stays.append(kept)
        else:
            goes[sequence] = some
    return goes, stays


def duty_of(stays: Sequence[Sequence[Kept]]) -> Duty | None:
    """None: nothing has to stay. An event stays until the last of its policies lets it go."""
    if not stays:
        return None
    ends = [max(until_us for _, until_us in kept) for kept in stays]
    policy_ids = dict.fromkeys(policy_id for kept in stays for policy_id, _ in kept)
    return Duty(list(policy_ids), len(stays), min(ends), max(ends))


def _kept(state: bytes, in_force: InForce) -> list[Kept]:
    body = decode_body(state)
    if body.type == CAPTURED:
        captured = msgspec.json.decode(body.payload, type=_Captured)
        return in_force.keeps_snapshot(parse_us(captured.captured_at))
    return in_force.keeps(body.type, parse_us(body.occurred_at), parse_us(body.received_at))
