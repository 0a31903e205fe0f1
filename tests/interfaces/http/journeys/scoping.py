"""A tenant's story, and roles that see parts of it, for tests."""

from __future__ import annotations

import pytest

from tests.interfaces.http.journeys.house import BASE, House, Json, Shop

READS = ["events.read", "orders.read", "personal.read", "snapshots.read", "receipts.read"]
ANN, BOB = "ann@example.org", "bob@example.org"
NDJSON = {"Content-Type": "application/x-ndjson", "Prefer": "wait=20"}


def of(event_id: str, order: str, source: str, kind: str, payload: Json | None = None) -> Json:
    return {
        "event_id": event_id, "order_id": order, "source": source, "type": kind,
        "payload": payload or {},
    }  # fmt: skip


STORY = [
    of("w1", "ord_web", "shop", "order.created",
       {"channel": "web", "total_minor": 100, "customer": {"id": "c1", "email": ANN}}),
    of("w2", "ord_web", "stripe", "order.payment.failed",
       {"amount_minor": 100, "failure_code": "declined", "reason": "Ann has no money"}),
    of("w3", "ord_web", "wms", "order.fulfillment.created", {"warehouse": "north"}),
    of("s1", "ord_store", "till", "order.created",
       {"channel": "store", "total_minor": 200, "customer": {"id": "c2", "email": BOB}}),
    of("s2", "ord_store", "stripe", "order.payment.succeeded",
       {"amount_minor": 200, "reason": "Bob paid"}),
]  # fmt: skip


@pytest.fixture(scope="module")
async def scoped_shop(house: House) -> Shop:
    """To be taken as `told`: a tenant with two orders and roles that see parts of them."""
    shop = house.shop()
    for event in STORY:
        await shop.record(**event)
    for order in ("ord_web", "ord_store"):
        body = {
            "snapshot_id": f"snap_{order}", "captured_at": "2025-01-01T00:00:00Z",
            "source": "shop", "state": {"note": f"of {order}"},
        }  # fmt: skip
        path = f"{BASE}/orders/{order}/snapshots"
        assert (await shop.as_role("producer").post(path, json=body)).status_code == 201
    scopes: dict[str, Json] = {
        "payments": {"sources": ["stripe"]},
        "failures": {"types": ["order.payment.failed", "order.created"]},
        "web": {"channels": ["web"]},
        "contacts": {"personal": ["contact"]},
    }
    for name, scope in scopes.items():
        body = {"role": name, "permissions": READS, "scope": scope}
        made = await shop.as_role("admin").post(f"{BASE}/roles", json=body)
        assert made.status_code == 201, made.text
    return shop


SEEN = {
    "payments": ["w2", "s2"],
    "failures": ["w1", "w2", "s1"],
    "web": ["w1", "w2", "w3"],
    "contacts": ["w1", "w2", "w3", "s1", "s2"],
}
EACH = pytest.mark.parametrize("role", sorted(SEEN))
