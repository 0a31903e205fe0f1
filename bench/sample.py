"""Events for benchmarks: the demo's sample under new ids, and orders of any length."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from interfaces.measuring import sample_events

_BEGAN = datetime(2025, 1, 1, tzinfo=UTC)
_ADDRESS = {"name": "Ada Example", "line1": "1 Example Road", "city": "Bath", "country": "GB"}


def bodies(count: int, *, prefix: str = "b") -> list[bytes]:
    """So many events of realistic orders, in arrival order, as request bodies."""
    return list(sample_lines(count, prefix=prefix))


def sample_lines(count: int, *, prefix: str = "b") -> Iterator[bytes]:
    """The same, one at a time."""
    return (msgspec.json.encode(event) for event in sample_events(count, prefix=prefix))


def long_order(order_id: str, events: int) -> Iterator[bytes]:
    """One order of so many events, a minute apart, a corner of which is personal."""
    for number in range(events):
        kind, payload = ("order.created", _created()) if number == 0 else _later(number)
        yield msgspec.json.encode(
            {
                "event_id": f"{order_id}-{number}",
                "order_id": order_id,
                "occurred_at": (_BEGAN + timedelta(minutes=number)).isoformat(),
                "source": "warehouse",
                "type": kind,
                "schema_version": "v1",
                "payload": payload,
                "metadata": {"actor_id": f"clerk-{number % 7}", "actor_type": "employee"},
            }
        )


def moment(number: int) -> str:
    """When the event of that number in a long order occurred, as `at` takes it."""
    return (_BEGAN + timedelta(minutes=number)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _created() -> dict[str, Any]:
    items = [{"sku": f"SKU-{n}", "name": "A thing", "qty": n + 1} for n in range(8)]
    return {
        "number": "X-1",
        "currency": "EUR",
        "total_minor": 129_900,
        "items": items,
        "customer": {"id": "cus_1", "email": "ada@example.com", "name": "Ada Example"},
        "shipping_address": _ADDRESS,
    }


def _later(number: int) -> tuple[str, dict[str, Any]]:
    """What happens to a long order, in turn."""
    sku = f"SKU-{number % 8}"
    turns: tuple[tuple[str, dict[str, Any]], ...] = (
        ("order.status.changed", {"from": "pending", "to": "picking"}),
        ("order.item.quantity_changed", {"sku": sku, "after": {"qty": number % 9 + 1}}),
        ("order.payment.authorized", {"payment_id": f"p-{number % 4}", "amount_minor": 100}),
        ("order.shipment.in_transit", {"tracking_number": f"T-{number % 4}", "code": "scan"}),
        ("order.note.added", {"note": f"Called the customer, the {number}th time."}),
    )
    return turns[number % len(turns)]
