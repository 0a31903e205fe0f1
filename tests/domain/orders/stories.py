"""Random orders: events of every type, with ties, late arrivals, corrections and odd payloads."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from domain.orders.state import EFFECTS, PastEvent
from domain.times import SECOND, format_us

SEALED = [{"_sd": f"digest-{n}"} for n in range(3)]
ODD = [None, "", 7, 1.5, True, [], ["x"], {}, {"country": "FR"}, SEALED[0]]
"""What a patch may leave in any field."""

_amounts = st.sampled_from([0, 5, 90, 2**53 - 1])
_words = st.sampled_from(["a", "b", "delivered", *SEALED])
_ids = st.sampled_from(["1", "2"])
_people = st.fixed_dictionaries({}, optional={"id": _words, "name": _words, "line2": st.none()})
_addresses = st.fixed_dictionaries({}, optional={"city": _words, "country": _words})
_after = st.fixed_dictionaries({}, optional={"qty": _amounts, "unit_price_minor": _amounts})
_items = st.lists(
    st.fixed_dictionaries({"sku": _ids}, optional={"qty": _amounts, "unit_price_minor": _amounts}),
    max_size=3,
)
_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(("status", "to", "channel", "reason", "code", "customer_id"), _words),
    **dict.fromkeys(("total_minor", "amount_minor", "total_after_minor", "lines"), _amounts),
    **dict.fromkeys(("tracking_number", "payment_id", "sku", "rma", "dispute_id"), _ids),
    **dict.fromkeys(("customer", "before"), _people | _after),
    **dict.fromkeys(("shipping_address", "billing_address"), _addresses),
    "after": _addresses | _after,
    "field": st.sampled_from(["shipping_address", "billing_address", "customer"]),
    "items": _items,
    "weight_g": st.sampled_from([1, 1.5]),
}
_payloads = st.dictionaries(st.sampled_from(sorted(_FIELDS)), st.just(None), max_size=6).flatmap(
    lambda chosen: st.fixed_dictionaries(
        {name: st.one_of(_FIELDS[name], _FIELDS[name], st.sampled_from(ODD)) for name in chosen}
    )
)
_corrections = st.fixed_dictionaries(
    {"correction": st.just(SEALED[1])},
    optional={
        "patch": _payloads | st.sampled_from([{}, None, SEALED[2], "x"]),
        "void": st.sampled_from([True, False, None, "x"]),
    },
)
_TYPES = [*sorted(EFFECTS), "order.created", "order.note.added", "order.correction", "shop.pinged"]


@st.composite
def _event(draw: st.DrawFn, sequence: int, many: int) -> PastEvent:
    """One of `many` events, e1 to e`many`; every third corrects some event, perhaps one to come."""
    second = draw(st.integers(0, 9))
    corrects = draw(st.sampled_from([False, False, True]))
    occurred_at = format_us(second * SECOND)
    return PastEvent(
        sequence=sequence * 3,
        version=sequence,
        event_id=f"e{sequence}",
        type="order.correction" if corrects else draw(st.sampled_from(_TYPES)),
        occurred_at=draw(st.sampled_from([occurred_at, occurred_at.replace(".000000Z", "Z")])),
        occurred_us=second * SECOND,
        received_us=100 + sequence // 2,
        payload=draw(_corrections if corrects else _payloads),
        correction_of=f"e{draw(st.integers(1, many + 1))}" if corrects else None,
    )


@st.composite
def orders(draw: st.DrawFn, most: int = 9) -> list[PastEvent]:
    """One order's events by sequence: at least one; two are received at the same moment."""
    many = draw(st.integers(1, most))
    return [draw(_event(sequence, many)) for sequence in range(1, many + 1)]


bounds = st.none() | st.integers(0, 9).map(lambda second: second * SECOND)
"""For at_us."""
knowns = st.none() | st.integers(99, 106)
"""For known_us."""
sequences = st.none() | st.integers(1, 30)
"""For known_sequence."""
