"""Random lives of orders: canonical events with odd payloads, corrections, late arrivals."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from domain.orders.state import EFFECTS
from tests.projections.filling import Fact

_WORDS = st.sampled_from(["paid", "shipped", "a", "ü\U0001f600", "x" * 201, "\x01", ""])
_ODD: st.SearchStrategy[Any] = st.sampled_from([None, 7, True, [], {}, {"_sd": "AAAA"}, "other"])
_TEXTS = st.one_of(_WORDS, _ODD)
_MONEY = st.one_of(st.integers(-(2**53) + 1, 2**53 - 1), _ODD)
_SKU = st.one_of(st.sampled_from(["s1", "s2", "s3"]), _ODD)
_ITEMS = st.one_of(
    st.lists(st.one_of(st.fixed_dictionaries({"sku": _SKU, "qty": _MONEY}), _ODD), max_size=4), _ODD
)
_CUSTOMER = st.one_of(st.fixed_dictionaries({"id": _TEXTS}), st.just({"email": "e"}), _ODD)
_QUANTITY = st.fixed_dictionaries({"qty": _MONEY, "unit_price_minor": _MONEY})

PAYLOADS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "number": _TEXTS,
        "status": _TEXTS,
        "channel": _TEXTS,
        "currency": _TEXTS,
        "customer_id": _TEXTS,
        "customer": _CUSTOMER,
        "total_minor": _MONEY,
        "total_after_minor": _MONEY,
        "items": _ITEMS,
        "to": _TEXTS,
        "sku": _SKU,
        "before": _QUANTITY,
        "after": _QUANTITY,
        "payment_id": _WORDS,
        "amount_minor": _MONEY,
        "tracking_number": _WORDS,
        "field": st.sampled_from(["shipping_address", "on_hold"]),
        "rma": _WORDS,
        "reason": _WORDS,
    },
)
_TYPES = st.one_of(
    st.sampled_from(["order.created", "order.updated", "order.status.changed"]),
    st.sampled_from([*sorted(EFFECTS), "order.note.added", "erp.custom"]),
)
_CORRECTIONS = st.one_of(
    st.builds(lambda patch: {"patch": patch}, PAYLOADS),
    st.sampled_from([{"void": True}, {"void": True}, {"void": False}, {}, {"patch": 1}]),
)
_ACTORS = st.sampled_from([None, {"actor_id": "u1"}, {"actor_id": "u2", "actor_type": "user"}])


@st.composite
def histories(draw: st.DrawFn) -> list[Fact]:
    """Facts of two orders in an order of arrival, about in the order of occurrence."""
    owners = draw(st.lists(st.sampled_from(["o1", "o2"]), min_size=1, max_size=14))
    ids = {order: [f"{n}" for n, owner in enumerate(owners) if owner == order] for order in owners}
    facts: list[Fact] = []
    for number, order in enumerate(owners):
        late = draw(st.sampled_from([0, 0, 0, 0, 1, 7]))
        fact = Fact(
            order,
            draw(_TYPES),
            draw(PAYLOADS),
            at=max(0, number - late),
            event_id=f"{number}",
            metadata=draw(_ACTORS),
        )
        kind = draw(st.integers(0, 11))
        if kind < 2:
            # Of an event that came, is to come, or never comes; corrections among them.
            fact.correction_of = draw(st.sampled_from([*ids[order], "never"]))
            fact.type, fact.payload = "order.correction", draw(_CORRECTIONS)
        elif kind == 2:
            fact.order_id, fact.type = None, "history.hold.placed"
        facts.append(fact)
    return facts
