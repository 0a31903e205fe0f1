"""Status, range proofs and receipts: whatever is answered verifies offline, with the keys alone."""

from __future__ import annotations

import re

import pytest

from application.ledger.verifying import verify_proof
from domain.ledger.faults import DoesNotHold
from domain.ledger.receipts import TlogProof
from tests.interfaces.http.journeys.house import BASE, House, Json, Shop, pointers
from tests.interfaces.http.journeys.proving import (
    check_range,
    check_since,
    checkpoint_of,
    global_keys,
    keys_of,
    line,
    proving_house,
    signed,
)

pytestmark = pytest.mark.anyio


house = proving_house


async def test_a_ledger_before_its_first_event(shop: Shop) -> None:
    assert await shop.read("/ledger/status", "auditor") == {
        "tenant_id": shop.tenant, "sequence": 0, "ledger_hash": "0" * 64, "chain_length": 0,
        "root_hash": None, "checkpoint": None, "checkpoint_size": 0, "unsigned": 0,
        "signed_at": None, "witnesses": [],
    }  # fmt: skip
    answer = await shop.get("/ledger/proof", "auditor", from_=1, to=1)
    assert pointers(answer) == ["/to"]


async def test_the_status_is_that_of_the_last_event(shop: Shop) -> None:
    for _ in range(3):
        stored = await shop.record()
    status = await signed(shop)
    assert status["sequence"] == status["chain_length"] == status["checkpoint_size"] == 3
    assert status["ledger_hash"] == stored["integrity"]["ledger_hash"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", status["signed_at"])
    checkpoint = checkpoint_of(shop, status["checkpoint"])
    assert (checkpoint.size, checkpoint.root.hex()) == (3, status["root_hash"])
    assert checkpoint.origin.endswith(f"/{shop.tenant}")


async def test_a_proof_of_any_range_verifies(shop: Shop) -> None:
    stored = [await shop.record() for _ in range(7)]
    await signed(shop)
    for first in range(1, 8):
        for last in range(first, 8):
            proof = await shop.read("/ledger/proof", "auditor", from_=first, to=last)
            assert list(proof) == [
                "tenant_id", "from", "to", "tree_size", "entries", "left", "right", "checkpoint",
            ]  # fmt: skip
            assert check_range(shop, proof).size == 7
            known = [one["integrity"]["sha256"] for one in stored[first - 1 : last]]
            assert proof["entries"] == known


async def test_a_proof_since_an_earlier_checkpoint(shop: Shop) -> None:
    older = []
    for count in (1, 2, 5):
        await shop.record_all(shop.event() for _ in range(count))
        older.append(checkpoint_of(shop, (await signed(shop))["checkpoint"]))
    for one in older:
        proof = await shop.read("/ledger/proof", "auditor", from_=2, to=4, since=one.size)
        check_since(one, check_range(shop, proof), proof)
    proof = await shop.read("/ledger/proof", "auditor", from_=2, to=4, since=0)
    assert proof["consistency"] == {"from_size": 0, "hashes": []}


async def test_a_proof_of_many_events(shop: Shop) -> None:
    lines = b"".join(line(shop.event(f"ord_{number}")) for number in range(1100))
    headers = {"Content-Type": "application/x-ndjson", "Prefer": "wait=60"}
    producer = shop.as_role("producer")
    done = await producer.post(f"{BASE}/events/bulk", content=lines, headers=headers)
    assert done.json()["result"]["recorded"] == 1100
    proof = await shop.read("/ledger/proof", "auditor", from_=50, to=1049)
    assert check_range(shop, proof).size >= 1049
    assert len(proof["entries"]) == 1000


BAD_RANGES: list[tuple[Json, dict[str, str]]] = [
    ({}, {"/from": "is required", "/to": "is required"}),
    ({"from": 1}, {"/to": "is required"}),
    ({"from": 2, "to": 1}, {"/to": "is 1; must be at least from, which is 2"}),
    ({"from": 0, "to": 1}, {"/from": "is 0; must be at least 1"}),
    ({"from": -5, "to": -6}, {
        "/from": "is -5; must be at least 1", "/to": "is -6; must be at least from, which is -5",
    }),
    ({"from": 1, "to": 4}, {"/to": "is 4; must be at most 3, the last sequence"}),
    ({"from": 9, "to": 9}, {"/to": "is 9; must be at most 3, the last sequence"}),
    ({"from": 1, "to": 10_000}, {"/to": "is 10000; must be at most 3, the last sequence"}),
    ({"from": 1, "to": 10_001}, {
        "/to": "is 10001; must be at most 10000, for 10000 events from 1 on",
    }),
    ({"from": 1, "to": 2**53 - 1}, {
        "/to": "is 9007199254740991; must be at most 10000, for 10000 events from 1 on",
    }),
    ({"from": 1, "to": 2, "since": 4}, {
        "/since": "is 4; must be at most 3, the last sequence",
    }),
    ({"from": 1, "to": 2, "since": -1}, {"/since": "is -1; must be at least 0"}),
    ({"from": 1, "to": 2, "until": 3}, {
        "/until": "is not a parameter here; known are from, to, since",
    }),
]  # fmt: skip
NOT_NUMBERS = ["", "x", "1.0", "1e3", "0x1", " 1", "+1", "٣", "9" * 17, "1,2", "null", "NaN"]


@pytest.fixture(scope="module")
async def three(house: House) -> Shop:
    shop = house.shop()
    for _ in range(3):
        await shop.record()
    return shop


@pytest.mark.parametrize(("query", "wrong"), BAD_RANGES)
async def test_bad_ranges(three: Shop, query: Json, wrong: dict[str, str]) -> None:
    answer = await three.as_role("auditor").get(f"{BASE}/ledger/proof", params=query)
    assert answer.status_code == 422
    pointers(answer)
    told = {error["pointer"]: error["detail"] for error in answer.json()["errors"]}
    assert told == wrong
    assert {error["in"] for error in answer.json()["errors"]} == {"query"}


@pytest.mark.parametrize("value", NOT_NUMBERS)
@pytest.mark.parametrize("name", ["from", "to", "since"])
async def test_what_is_no_number(three: Shop, name: str, value: str) -> None:
    query = {"from": "1", "to": "2", name: value}
    answer = await three.as_role("auditor").get(f"{BASE}/ledger/proof", params=query)
    assert answer.status_code == 422
    assert pointers(answer) == [f"/{name}"]


async def test_what_is_recorded_can_be_proved_at_once(shop: Shop) -> None:
    for number in range(1, 4):
        await shop.record()
        proof = await shop.read("/ledger/proof", "auditor", from_=number, to=number)
        check_range(shop, proof)


async def receipt(shop: Shop, event: Json, role: str = "producer") -> str:
    answer = await shop.as_role(role).get(f"{BASE}/events/{event['event_id']}/receipt")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    return answer.text


async def test_a_receipt_verifies_offline(shop: Shop) -> None:
    events = [await shop.record(payload={"note": "Jane"}) for _ in range(5)]
    keys = keys_of(shop.house, shop.tenant)
    for number, event in enumerate(events):
        raw = (await shop.get(f"/events/{event['event_id']}/bytes")).content
        proof = await receipt(shop, event)
        held = verify_proof(proof, raw, keys, None, global_keys(shop.house))
        assert held.sequence == number + 1
        assert held.anchor is not None
        with pytest.raises(DoesNotHold):
            verify_proof(proof, raw.replace(b"shop", b"Shop"), keys)


async def test_an_idle_tenants_receipt_is_anchored_while_others_go_on(house: House) -> None:
    idle, busy = house.shop(), house.shop()
    event = await idle.record()
    raw = (await idle.get(f"/events/{event['event_id']}/bytes")).content
    rounds = []
    for _ in range(2):
        proof = await receipt(idle, event)
        held = verify_proof(proof, raw, keys_of(house, idle.tenant), None, global_keys(house))
        assert held.anchor is not None
        rounds.append(held.anchor.number)
        for _ in range(3):
            await busy.record()
            await signed(busy)
    assert rounds[1] > rounds[0]


async def test_who_records_is_told_of_the_receipt(shop: Shop) -> None:
    body = shop.event()
    for status in (201, 200):
        answer = await shop.send(body)
        assert answer.status_code == status
        (link,) = answer.headers.get_list("link")
        assert link == (
            f'<{answer.headers["location"]}/receipt>; rel="describedby"; type="text/plain"'
        )
        found = await shop.as_role("producer").get(answer.links["describedby"]["url"])
        assert found.status_code == 200
        assert TlogProof.parse(found.text).index == 0


async def test_a_receipt_has_a_tag(shop: Shop) -> None:
    event = await shop.record()
    await signed(shop)
    path = f"/events/{event['id']}/receipt"
    first = await shop.get(path)
    again = await shop.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert first.headers["cache-control"] == "private, no-cache"


async def test_nothing_of_another_tenants_ledger(house: House, shop: Shop) -> None:
    theirs = house.shop()
    event = await theirs.record()
    await signed(theirs)
    for name in (event["event_id"] + "x", event["id"], "oh_evt_000000000002", "nothing"):
        for what in ("verify", "receipt"):
            answer = await shop.as_role("admin").get(f"{BASE}/events/{name}/{what}")
            assert answer.status_code == 404
            pointers(answer)
    for path in ("/ledger/status", "/ledger/proof?from=1&to=1", "/ledger/tlog/checkpoint"):
        headers = {"X-Tenant-ID": theirs.tenant}
        answer = await shop.as_role("admin").get(BASE + path, headers=headers)
        assert answer.status_code == 403
        assert pointers(answer) == []
