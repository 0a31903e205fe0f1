"""Given the end of a ledger, when drafts come, then these are placed and those are refused."""

from __future__ import annotations

import hashlib
from collections import defaultdict

import msgspec
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import EventConflict, Forbidden, Invalid, OrderHistoryError
from domain.ledger.append import Repeated, TenantEnd, place
from domain.orders.events import Draft, Recorded
from domain.times import format_us
from tests.domain.ledger.drafts import content, correction, draft
from tests.domain.ledger.placing import T0, empty, recorded, refused


def test_the_first_event_of_all() -> None:
    (event,) = recorded(place(empty(), [draft("e1")]))
    assert (event.position, event.sequence, event.originator_version) == (1, 1, 1)
    assert event.received_us == T0
    assert event.entry == hashlib.sha256(event.state).digest()
    assert event.ledger_hash == hashlib.sha256(b"\x02" + bytes(32) + event.entry).digest()


def test_an_event_goes_on_from_where_the_ledger_ends() -> None:
    first = draft("e9")
    head = hashlib.sha256(b"head").digest()
    end = empty(position=70, tenants={"acme": TenantEnd(8, head)}, versions={first.originator: 3})
    (event,) = recorded(place(end, [first]))
    assert (event.position, event.sequence, event.originator_version) == (71, 9, 4)
    assert event.ledger_hash == hashlib.sha256(b"\x02" + head + event.entry).digest()


def test_a_taken_event_id_is_told_with_its_place() -> None:
    end = empty()
    (first,) = recorded(place(end, [draft("e1")]))
    assert place(end, [draft("e1", payload=b"{}")]) == [Repeated(1, 1, first.entry)]
    assert place(end, [draft("e1", "another order")]) == [Repeated(1, 1, first.entry)]
    assert end.position == 1


def test_one_event_id_twice_in_a_request_is_recorded_once() -> None:
    first, again = place(empty(), [draft("e1"), draft("e1")])
    assert isinstance(first, Recorded)
    assert again == Repeated(1, 1, first.entry)


def test_another_tenants_event_ids_do_not_count() -> None:
    end = empty()
    place(end, [draft("e1")])
    (other,) = recorded(place(end, [draft("e1", tenant_id="zeta")]))
    assert (other.position, other.sequence) == (2, 1)


@pytest.mark.parametrize("in_one_request", [True, False])
def test_a_correction_of_a_recorded_event(in_one_request: bool) -> None:
    end, original, amends = empty(), draft("e1"), correction("c1", "e1", target_required=True)
    if in_one_request:
        results = place(end, [original, amends])
    else:
        results = place(end, [original]) + place(end, [amends])
    assert [event.sequence for event in recorded(results)] == [1, 2]


def test_a_correction_may_come_before_its_original() -> None:
    end = empty()
    results = place(end, [correction("c1", "e1")]) + place(end, [draft("e1")])
    assert len(recorded(results)) == 2


def test_a_correction_whose_target_must_be_there() -> None:
    error = refused(place(empty(), [correction("c1", "e1", target_required=True)]), Invalid)
    assert isinstance(error, Invalid)
    assert error.errors[0].pointer == "/correction_of"


def test_a_target_that_comes_after_its_correction_is_not_there() -> None:
    early, original = place(empty(), [correction("c1", "e1", target_required=True), draft("e1")])
    assert isinstance(early, Invalid)
    assert isinstance(original, Recorded)
    assert original.sequence == 1


@pytest.mark.parametrize("in_one_request", [True, False])
def test_a_correction_of_a_correction_is_refused(in_one_request: bool) -> None:
    end, chain = empty(), [draft("e1"), correction("c1", "e1"), correction("c2", "c1")]
    if in_one_request:
        results = place(end, chain)
    else:
        results = [result for one in chain for result in place(end, [one])]
    recorded(results[:2])
    refused(results[2:], Invalid)


def test_a_correction_of_another_orders_event_is_refused() -> None:
    end = empty()
    place(end, [draft("e1", "o1")])
    refused(place(end, [correction("c1", "e1", "o2")]), Invalid)


def test_another_tenants_event_cannot_be_corrected() -> None:
    end = empty()
    place(end, [draft("e1", tenant_id="zeta")])
    stranger = place(end, [correction("c1", "e1", target_required=True)])
    nothing = place(empty(), [correction("c1", "e1", target_required=True)])
    assert str(refused(stranger, Invalid)) == str(refused(nothing, Invalid))


def test_a_correction_of_itself_is_no_correction_of_a_correction_yet() -> None:
    """It waits for an original that can never come: its own id is taken, by it."""
    end = empty()
    recorded(place(end, [correction("c1", "c1")]))
    assert isinstance(place(end, [draft("c1")])[0], Repeated)


def test_a_closed_tenant_is_refused_and_others_are_not() -> None:
    end = empty(tenants={"zeta": TenantEnd(closed=True)})
    refused(place(end, [draft("e1", tenant_id="zeta")]), Forbidden)
    (event,) = recorded(place(end, [draft("e1")]))
    assert event.position == 1


def test_an_idempotency_key_belongs_to_one_event() -> None:
    end = empty(tenants={"acme": TenantEnd(idempotency={("shop", "k1"): "e0"})})
    refused(place(end, [draft("e1")], idempotency=("shop", "k1")), Invalid)
    recorded(place(end, [draft("e0")], idempotency=("shop", "k1")))
    recorded(place(end, [draft("e1")], idempotency=("another", "k1")))
    recorded(place(end, [draft("e1", tenant_id="zeta")], idempotency=("shop", "k1")))


def test_an_idempotency_key_is_taken_as_soon_as_it_is_used() -> None:
    """Two requests of one batch, for the batch loads the keys only once."""
    end = empty()
    recorded(place(end, [draft("e1")], idempotency=("shop", "k1")))
    refused(place(end, [draft("e2")], idempotency=("shop", "k1")), Invalid)
    assert isinstance(place(end, [draft("e1")], idempotency=("shop", "k1"))[0], Repeated)


def test_a_refused_event_takes_no_idempotency_key() -> None:
    end = empty()
    missing = correction("c1", "e1", target_required=True)
    refused(place(end, [missing], idempotency=("shop", "k1")), Invalid)
    recorded(place(end, [draft("e1")], idempotency=("shop", "k1")))


BAD = {
    "a taken id": [draft("new"), draft("taken")],
    "one id twice": [draft("new"), draft("new")],
    "no target": [draft("new"), correction("c1", "e9", target_required=True)],
    "another order's target": [draft("new"), correction("c1", "taken", "o2")],
    "a correction of a correction in it": [
        draft("new"),
        correction("c1", "new"),
        correction("c2", "c1"),
    ],
}


@pytest.mark.parametrize("drafts", BAD.values(), ids=BAD.keys())
def test_all_or_none(drafts: list[Draft]) -> None:
    end = empty()
    place(end, [draft("taken")])
    before = msgspec.msgpack.encode(end)
    results = place(end, drafts, atomic=True)
    assert all(isinstance(result, OrderHistoryError) for result in results)
    assert len(results) == len(drafts)
    assert msgspec.msgpack.encode(end) == before


def test_all() -> None:
    drafts = [draft("e1"), correction("c1", "e1", target_required=True), draft("e2")]
    results = recorded(place(empty(), drafts, atomic=True))
    assert [event.sequence for event in results] == [1, 2, 3]


def test_all_that_are_there_already_are_repeated() -> None:
    """How an attempt whose commit was not heard of finds out that it had succeeded."""
    end, drafts = empty(), [draft("e1"), draft("e2")]
    entries = [event.entry for event in recorded(place(end, drafts, atomic=True))]
    assert place(end, drafts, atomic=True) == [
        Repeated(1, 1, entries[0]),
        Repeated(2, 2, entries[1]),
    ]


def test_some_that_are_there_already_are_a_conflict() -> None:
    end = empty()
    place(end, [draft("e1")])
    results = place(end, [draft("e1"), draft("e2")], atomic=True)
    assert [type(result) for result in results] == [EventConflict] * 2


TENANTS = st.sampled_from(["acme", "zeta", "nova"])
ORDERS = st.sampled_from(["o1", "o2"])
REQUESTS = st.lists(
    st.tuples(TENANTS, st.lists(ORDERS, min_size=1, max_size=4), st.booleans()), max_size=12
)


@given(REQUESTS)
def test_interleaved_ledgers_stay_whole(requests: list[tuple[str, list[str], bool]]) -> None:
    """Sequences, versions, bytes and chain, each recomputed here from the formats alone."""
    end, placed = empty(), []
    for number, (tenant, orders, atomic) in enumerate(requests):
        said = [content(f"e{number}-{n}", order, tenant) for n, order in enumerate(orders)]
        drafts = [draft(one.event_id, one.order_id or "", tenant) for one in said]
        results = recorded(place(end, drafts, atomic=atomic))
        placed += list(zip(said, results, strict=True))
        end.received_us += 1 + number
    chain: dict[str, bytes] = defaultdict(lambda: bytes(32))
    sequences: dict[str, int] = defaultdict(int)
    versions: dict[tuple[str, str | None], int] = defaultdict(int)
    for position, (sent, event) in enumerate(placed, start=1):
        sequences[sent.tenant_id] += 1
        versions[sent.tenant_id, sent.order_id] += 1
        state = rfc8785.dumps(
            {
                "event_id": sent.event_id,
                "occurred_at": sent.occurred_at,
                "order_id": sent.order_id,
                "order_version": versions[sent.tenant_id, sent.order_id],
                "payload": msgspec.json.decode(sent.payload),
                "received_at": format_us(event.received_us),
                "salt": sent.salt,
                "schema_version": sent.schema_version,
                "source": sent.source,
                "tenant_id": sent.tenant_id,
                "type": sent.type,
                "v": 1,
            }
        )
        entry = hashlib.sha256(state).digest()
        chain[sent.tenant_id] = hashlib.sha256(b"\x02" + chain[sent.tenant_id] + entry).digest()
        assert event.state == state
        assert (event.position, event.sequence) == (position, sequences[sent.tenant_id])
        assert event.originator_version == versions[sent.tenant_id, sent.order_id]
        assert (event.entry, event.ledger_hash) == (entry, chain[sent.tenant_id])
