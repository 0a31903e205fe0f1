from __future__ import annotations

import time

import msgspec

from application.orders.record import Preparer
from bench.sample import bodies, long_order, moment
from domain.times import parse_us
from infrastructure.schemas import PayloadSchemas


def _preparer() -> Preparer:
    def random_bytes(count: int) -> bytes:
        return bytes(count)

    return Preparer(
        PayloadSchemas(), lambda: time.time_ns() // 1000, random_bytes, lambda _tenant: None
    )


def test_events_are_valid_and_their_ids_their_own() -> None:
    drafts = [_preparer().prepare("bench", body).draft for body in bodies(3000, prefix="p")]
    assert len({draft.event_id for draft in drafts}) == 3000
    assert any(draft.disclosed for draft in drafts)
    assert not any(draft.correction_of for draft in drafts)
    other = {msgspec.json.decode(body)["event_id"] for body in bodies(3000, prefix="q")}
    assert other.isdisjoint(draft.event_id for draft in drafts)


def test_a_long_order_is_one_order_whose_middle_is_known() -> None:
    read = [_preparer().read(body) for body in long_order("long", 50)]
    assert {event.order_id for event in read} == {"long"}
    assert [event.occurred_us for event in read] == sorted(event.occurred_us for event in read)
    assert read[25].occurred_us == parse_us(moment(25))
