"""Recording an event, and getting it back."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import Any

import pytest

from tests.interfaces.http.journeys.house import BASE, Shop, pointers

pytestmark = pytest.mark.anyio


async def test_a_new_event_is_answered_as_it_is_stored(shop: Shop) -> None:
    event = shop.event(
        type="order.payment.succeeded",
        occurred_at="2025-01-01T12:00:00.250+02:00",
        payload={"payment_id": "pay_1", "amount_minor": 5194, "currency": "GBP"},
        metadata={"correlation_id": "corr-1", "actor_id": "svc_payments", "tenant_id": "other"},
    )
    answer = await shop.send(event)
    assert answer.status_code == 201
    stored = answer.json()
    assert answer.headers["location"] == f"{BASE}/events/{stored['id']}"
    assert "idempotency-replayed" not in answer.headers
    assert stored["id"] == "oh_evt_000000000001"
    assert (stored["sequence"], stored["order_version"]) == (1, 1)
    assert stored["occurred_at"] == "2025-01-01T10:00:00.250Z"
    assert len(stored["received_at"]) == len("2025-01-01T10:00:00.000000Z")
    for name in ("event_id", "order_id", "source", "type", "schema_version", "payload", "metadata"):
        assert stored[name] == event[name], name
    assert (await shop.read(f"/events/{stored['id']}")) == stored


async def test_an_event_is_found_by_both_ids_and_its_bytes_hash_to_its_digest(shop: Shop) -> None:
    stored = await shop.record(event_id="a/b c?é", payload={"note": "Call Jane"})
    reader = shop.as_role("history_reader")
    for event_id in ("a%2Fb%20c%3F%C3%A9", stored["id"]):
        answer = await reader.get(f"{BASE}/events/{event_id}")
        assert answer.status_code == 200
        assert answer.json()["event_id"] == "a/b c?é"
        raw = await reader.get(f"{BASE}/events/{event_id}/bytes")
        assert raw.headers["content-type"] == "application/octet-stream"
        assert hashlib.sha256(raw.content).hexdigest() == stored["integrity"]["sha256"]
        assert b"Jane" not in raw.content
        assert json.loads(raw.content)["tenant_id"] == shop.tenant


async def test_the_ledger_hash_chains_the_entries(shop: Shop) -> None:
    stored = [await shop.record() for _ in range(3)]
    previous = bytes(32)
    for event in stored:
        entry = bytes.fromhex(event["integrity"]["sha256"])
        previous = hashlib.sha256(b"\x02" + previous + entry).digest()
        assert previous.hex() == event["integrity"]["ledger_hash"]


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: json.dumps(dict(reversed(json.loads(raw).items()))).encode(),
        lambda raw: raw.replace(b'"qty": 1', b'"qty": 1.0'),
        lambda raw: raw.replace(b'"qty": 1', b'"qty": 1e0'),
        lambda raw: raw.replace(b"10:00:00Z", b"11:00:00.000+01:00"),
        lambda raw: raw.replace(b"Zo\\u00eb", "Zoë".encode()),
    ],
)
async def test_the_same_again_is_the_same_answer(shop: Shop, change: Any) -> None:
    event = shop.event(
        type="order.created",
        payload={"items": [{"sku": "A", "qty": 1}], "customer": {"name": "Zoë", "id": "c1"}},
        metadata={"ip": "192.0.2.1", "actor_id": "c1"},
    )
    first = await shop.send(event)
    raw = change(json.dumps(event).encode())
    answer = await shop.as_role("producer").post(f"{BASE}/events", content=raw)
    assert (first.status_code, answer.status_code) == (201, 200)
    assert answer.headers["idempotency-replayed"] == "true"
    assert answer.headers["location"] == first.headers["location"]
    assert answer.content == first.content
    assert await shop.head() == 1


async def test_a_replay_answers_what_was_answered_before_a_correction_came(shop: Shop) -> None:
    event = shop.event()
    first = await shop.send(event)
    await shop.record(
        type="order.correction", correction_of=event["event_id"], payload={"correction": "typo"}
    )
    assert (await shop.send(event)).content == first.content


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"source": "other"}, ["/source"]),
        ({"order_id": "ord_2"}, ["/order_id"]),
        ({"type": "order.shipped"}, ["/type"]),
        ({"occurred_at": "2025-01-01T10:00:00.001Z"}, ["/occurred_at"]),
        ({"payload": {"a": [1, {"b/c": 3}], "note": "x"}}, ["/payload/a/1/b~1c"]),
        ({"payload": {"a": [1], "note": "x"}}, ["/payload/a"]),
        ({"payload": {"a": [1, {"b/c": 2}], "note": "y"}}, ["/payload/note"]),
        ({"payload": {"a": [1, {"b/c": 2}]}}, ["/payload/note"]),
        ({"payload": {"a": [True, {"b/c": 2}], "note": "x"}}, ["/payload/a/0"]),
        ({"payload": {"a": [1, {"b/c": 2}], "note": "x", "new": None}}, ["/payload/new"]),
        ({"metadata": {"ip": "192.0.2.2"}}, ["/metadata/ip"]),
        ({"metadata": None}, ["/metadata"]),
        ({"source": "other", "metadata": {}}, ["/source", "/metadata/ip"]),
    ],
)
async def test_other_content_is_a_conflict_that_names_what_differs(
    shop: Shop, changed: dict[str, Any], expected: list[str]
) -> None:
    event = shop.event(
        payload={"a": [1, {"b/c": 2}], "note": "x"}, metadata={"ip": "192.0.2.1"}, event_id="evt"
    )
    await shop.send(event)
    answer = await shop.send(shop.event(**{**event, **changed}))
    assert answer.status_code == 409
    assert pointers(answer) == expected
    assert "192.0.2.1" not in answer.text
    assert await shop.head() == 1


async def test_an_idempotency_key_belongs_to_one_event(shop: Shop) -> None:
    event = shop.event()
    first = await shop.send(event, Idempotency_Key="k-1")
    again = await shop.send(event, Idempotency_Key="k-1")
    other = await shop.send(shop.event(), Idempotency_Key="k-1")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.content == first.content
    assert other.status_code == 422
    assert pointers(other) == ["/Idempotency-Key"]
    assert other.json()["errors"][0]["in"] == "header"
    assert await shop.head() == 1


async def test_an_idempotency_key_is_its_callers_own(shop: Shop) -> None:
    await shop.send(shop.event(), Idempotency_Key="k-1")
    other = shop.house.client("producer", shop.tenant, subject="another")
    answer = await other.post(
        f"{BASE}/events", json=shop.event(), headers={"Idempotency-Key": "k-1"}
    )
    assert answer.status_code == 201


async def test_of_two_events_with_one_key_at_once_one_is_recorded(shop: Shop) -> None:
    events = [shop.event() for _ in range(8)]
    answers = await asyncio.gather(*(shop.send(event, Idempotency_Key="k") for event in events))
    assert sorted(answer.status_code for answer in answers) == [201] + [422] * 7
    assert await shop.head() == 1


@pytest.mark.parametrize(
    "key", ["4111111111111111", "pan-4111-1111-1111-1111", "a b", "x" * 256, ""]
)
async def test_an_idempotency_key_that_may_not_be_kept(shop: Shop, key: str) -> None:
    answer = await shop.send(shop.event(), Idempotency_Key=key)
    assert answer.status_code == 422
    assert pointers(answer) == ["/Idempotency-Key"]
    assert "4111111" not in answer.text
    assert "4111-1111" not in answer.text
    assert await shop.head() == 0


async def test_card_numbers_are_gone_before_anything_is_written(shop: Shop) -> None:
    event = shop.event(
        payload={"memo": "paid with 4111 1111 1111 1111", "tracking_number": "4111111111111111"},
        metadata={"raw": [4111111111111111]},
    )
    first = await shop.send(event)
    stored = first.json()
    assert stored["payload"]["memo"] == "paid with [PAN ****1111]"
    assert stored["payload"]["tracking_number"] == "4111111111111111"
    assert stored["metadata"]["raw"] == ["[PAN ****1111]"]
    assert sorted(stored["redactions"]) == ["/metadata/raw/0", "/payload/memo"]
    again = await shop.send(event)
    assert (again.status_code, again.content) == (200, first.content)


async def test_the_views_of_a_producer_and_of_support(shop: Shop) -> None:
    payload = {"note": "Call Jane", "by": "jane@example.org", "customer": {"name": "J", "id": "c"}}
    stored = await shop.record(payload=payload)
    masked = {"note": {"masked": True}, "by": {"masked": True}}
    masked["customer"] = {"name": {"masked": True}, "id": "c"}  # type: ignore[dict-item]
    assert stored["payload"] == masked
    assert (await shop.read(f"/events/{stored['id']}"))["payload"] == masked
    seen = await shop.read(f"/events/{stored['id']}", "support")
    assert seen["payload"] == payload


async def test_an_admin_who_records_sees_what_it_recorded(shop: Shop) -> None:
    admin = shop.as_role("admin")
    event = shop.event(payload={"note": "x"})
    first = await admin.post(f"{BASE}/events", json=event)
    again = await admin.post(f"{BASE}/events", json=event)
    assert first.json()["payload"] == {"note": "x"}
    assert (again.status_code, again.content) == (200, first.content)


async def test_many_writers_get_sequences_without_a_gap(shop: Shop) -> None:
    await shop.record_all(shop.event(f"ord_{number % 7}") for number in range(100))
    listed = await shop.walk("/events", limit=33)
    assert [event["sequence"] for event in listed] == list(range(1, 101))
