"""The rows of the effect table about payments, and their sums."""

from __future__ import annotations

from typing import Any

import pytest

from tests.domain.orders.steps import SEALED, after, changes


@pytest.mark.parametrize("segment", ["authorized", "succeeded", "failed", "voided", "refunded"])
def test_a_payment(segment: str) -> None:
    given = {
        "payment_id": "p1",
        "gateway": "stripe",
        "currency": "EUR",
        "card_last4": "4242",
        "method": "card",
        "refund_id": "re_1",
        "attempt": 2,
        "failure_code": "3ds_failed",
        "reason": SEALED,
    }
    total = {"succeeded": "captured_minor", "refunded": "refunded_minor"}.get(segment)
    paid = {} if segment == "refunded" else {"amount_minor": 900}
    expected: dict[str, Any] = {"payments": {"p1": {**given, **paid, "status": segment}}}
    if total:
        expected[total] = expected["payments"]["p1"][total] = 900
    payload = {**given, "amount_minor": 900, "installments": 3}
    assert changes((f"payment.{segment}", payload)) == expected


def test_sums_of_what_was_captured_and_refunded() -> None:
    assert changes(
        ("payment.authorized", {"payment_id": "p1", "amount_minor": 900, "currency": "EUR"}),
        ("payment.succeeded", {"payment_id": "p1", "amount_minor": 900}),
        ("payment.refunded", {"payment_id": "p1", "amount_minor": 100, "refund_id": "r1"}),
        ("payment.refunded", {"payment_id": "p1", "amount_minor": 200, "refund_id": "r2"}),
        ("payment.succeeded", {"payment_id": "p2", "amount_minor": 50}),
    ) == {
        "captured_minor": 950,
        "refunded_minor": 300,
        "payments": {
            "p1": {
                "payment_id": "p1",
                "status": "refunded",
                "currency": "EUR",
                "amount_minor": 900,
                "captured_minor": 900,
                "refunded_minor": 300,
                "refund_id": "r2",
            },
            "p2": {
                "payment_id": "p2",
                "status": "succeeded",
                "amount_minor": 50,
                "captured_minor": 50,
            },
        },
    }


def test_payments_without_an_id_or_an_amount() -> None:
    assert changes(("payment.succeeded", {"currency": "BRL", "amount_minor": None})) == {}
    assert changes(("payment.succeeded", {"amount_minor": 7})) == {"captured_minor": 7}
    assert changes(("payment.refunded", {"amount_minor": SEALED})) == {}
    assert changes(("payment.succeeded", {"payment_id": "p1", "amount_minor": True})) == {
        "payments": {"p1": {"payment_id": "p1", "status": "succeeded"}}
    }


def test_a_dispute_is_part_of_its_payment() -> None:
    succeeded = ("payment.succeeded", {"payment_id": "p1", "amount_minor": 900})
    opened = {"payment_id": "p1", "dispute_id": "d1", "reason": SEALED, "amount_minor": 800}
    payment = {"payment_id": "p1", "status": "succeeded", "amount_minor": 900}
    payment |= {"captured_minor": 900}
    dispute = {"status": "open", "dispute_id": "d1", "reason": SEALED, "amount_minor": 800}
    assert after(succeeded, ("payment.disputed", opened))["payments"] == {
        "p1": {**payment, "dispute": dispute}
    }
    closed = {"payment_id": "p1", "outcome": "lost", "gateway": "x"}
    steps = (succeeded, ("payment.disputed", opened), ("payment.dispute_closed", closed))
    lost = {**dispute, "status": "closed", "outcome": "lost"}
    assert changes(*steps) == {
        "captured_minor": 900,
        "payments": {"p1": {**payment, "dispute": lost}},
    }
    again = after(*steps, ("payment.disputed", {"payment_id": "p1", "dispute_id": "d2"}))
    assert again["payments"]["p1"]["dispute"] == {"status": "open", "dispute_id": "d2"}
