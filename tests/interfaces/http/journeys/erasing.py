"""Ann, who has orders and is named in Ben's, for tests of what is done to her data."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.interfaces.http.journeys.house import BASE, Json, Shop, over
from tests.interfaces.http.journeys.searching import of_ident

ANN: Json = {
    "id": "cust_ann", "email": "ann.marlow@example.org", "name": "Ann Marlow", "phone": "+44 20 1",
}  # fmt: skip
HOME: Json = {"name": "Ann Marlow", "line1": "12 Rowan Walk", "city": "Eastmere", "country": "GB"}
BEN: Json = {"id": "cust_ben", "email": "ben@example.org", "name": "Ben Oakes"}
OF_ANN = ("ann.marlow", "Marlow", "Rowan Walk", "+44 20 1", "gate code 77", "198.51.100.7")


async def erase(shop: Shop, subject: str, role: str = "admin", **more: Any) -> Json:
    """The job, when it is over."""
    client = shop.as_role(role)
    made = await client.post(f"{BASE}/gdpr/erase-request", json={"subject_id": subject, **more})
    assert made.status_code == 202, made.text
    where = made.headers["location"]
    assert where == f"{BASE}/gdpr/{made.json()['job_id']}"
    return await over(client, where)


async def told(shop: Shop) -> None:
    """Ann has two orders; Ben sends her a present."""
    actor = {"actor_id": "cust_ann", "ip": "198.51.100.7"}
    for number in (1, 2):
        await shop.record(
            f"ann_{number}", type="order.created", metadata=actor,
            payload={"customer": ANN, "shipping_address": HOME, "total_minor": 100 * number},
        )  # fmt: skip
        await shop.record(
            f"ann_{number}", type="order.note.added", payload={"note": "gate code 77"},
            metadata={"actor_id": "agent_1", "ip": "203.0.113.5"},
        )  # fmt: skip
    await shop.record(
        "ben_1", type="order.created",
        payload={"customer": BEN, "billing_address": {"line1": "3 Elm Row"},
                 "shipping_address": {**HOME, "email": ANN["email"]}},
    )  # fmt: skip
    await shop.record(
        "ben_1", type="order.address.changed",
        payload={"field": "shipping_address", "before": HOME,
                 "after": {**HOME, "line1": "14 Rowan Walk"}},
    )  # fmt: skip
    body = {
        "snapshot_id": "snap", "captured_at": "2025-01-01T00:00:00Z", "source": "shop",
        "state": {"customer": ANN},
    }  # fmt: skip
    path = f"{BASE}/orders/ann_1/snapshots"
    assert (await shop.as_role("producer").post(path, json=body)).status_code == 201


async def rejected(shop: Shop) -> str:
    """A line with Ann's address that is no event; the path of what its job has rejected."""
    headers = {"Content-Type": "application/x-ndjson", "Prefer": "wait=20"}
    bad = b'{"event_id": "x", "customer": "ann.marlow@example.org"'
    made = await shop.as_role("producer").post(f"{BASE}/events/bulk", content=bad, headers=headers)
    return f"{BASE}/jobs/{made.json()['job_id']}/rejected"


async def told_again(shop: Shop) -> None:
    """Ann's first event is sent once more: it is there already, and its answer tells nothing."""
    again = shop.event(
        "ann_1", event_id="evt_1", type="order.created",
        metadata={"actor_id": "cust_ann", "ip": "198.51.100.7"},
        payload={"customer": ANN, "shipping_address": HOME, "total_minor": 100},
    )  # fmt: skip
    replayed = await shop.send(again)
    assert (replayed.status_code, replayed.headers["idempotency-replayed"]) == (200, "true")
    assert "Marlow" not in (await shop.get("/events/evt_1", "admin")).text


async def resumed(shop: Shop, kind: str) -> Json:
    """What was retained goes by a second job of this kind: that one, when it has succeeded."""
    for _ in range(600):
        answer = await shop.as_role("admin").get(f"{BASE}/jobs", params={"kind": kind})
        jobs = answer.json()["items"]
        if len(jobs) == 2 and all(job["status"] == "succeeded" for job in jobs):
            return dict(jobs[0])
        await asyncio.sleep(0.05)
    raise AssertionError(jobs)


async def everything(shop: Shop) -> str:
    """All that an admin may read, in one text."""
    paths = [
        f"/orders/{order}/{what}"
        for order in ("ann_1", "ann_2", "ben_1")
        for what in ("timeline", "snapshot", "timeline/aggregate")
    ]
    paths += ["/events", "/orders", "/snapshots/snap", "/jobs"]
    texts = [(await shop.get(path, "admin")).text for path in paths]
    acts = (await shop.get("/audit", "admin", type="history.subject.*")).text
    return "\n".join([*texts, acts])


async def found(shop: Shop, address: str) -> list[str]:
    """The order of each event that has it."""
    return [event["order_id"] for event in await of_ident(shop, address)]
