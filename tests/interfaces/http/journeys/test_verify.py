"""Verifying an event over HTTP, before and after somebody changed what is stored."""

from __future__ import annotations

import hashlib

import pytest

from application.ledger.verifying import verify_proof
from infrastructure.key_store.files import FileKeyStore
from tests.domain.ledger.drafts import erasure
from tests.infrastructure.event_store.kit import accepted, committing
from tests.interfaces.http.journeys.house import BASE, House, Json, Shop
from tests.interfaces.http.journeys.proving import keys_of, proving_house, signed, superuser

pytestmark = pytest.mark.anyio
PERSONAL: Json = {"note": "Jane", "customer": {"id": "c1", "email": "jane@example.org"}}
POINTERS = ["/payload/customer/email", "/payload/note", "/metadata/ip"]

house = proving_house


@pytest.fixture
async def told(shop: Shop) -> Json:
    """The second of three events, with personal values; all signed."""
    await shop.record()
    event = await shop.record(
        event_id="evt_told", payload=PERSONAL, metadata={"actor_id": "u1", "ip": "192.0.2.1"}
    )
    await shop.record()
    await signed(shop)
    return event


async def verify(shop: Shop, role: str = "auditor", name: str = "evt_told") -> Json:
    return dict(await shop.read(f"/events/{name}/verify", role))


def states(found: Json) -> list[str]:
    assert [one["pointer"] for one in found["disclosures"]] == POINTERS
    return [one["state"] for one in found["disclosures"]]


async def test_an_event_verifies(shop: Shop, told: Json) -> None:
    found = await verify(shop)
    raw = (await shop.get("/events/evt_told/bytes")).content
    assert list(found) == [
        "event_id", "verified", "stored_sha256", "computed_sha256", "ledger_hash_ok",
        "inclusion_ok", "disclosures", "tlog_proof",
    ]  # fmt: skip
    assert (found["event_id"], found["verified"]) == ("evt_told", True)
    assert found["stored_sha256"] == found["computed_sha256"] == hashlib.sha256(raw).hexdigest()
    assert (found["ledger_hash_ok"], found["inclusion_ok"]) == (True, True)
    assert verify_proof(found["tlog_proof"], raw, keys_of(shop.house, shop.tenant)).sequence == 2
    assert await verify(shop, name=told["id"]) == found


@pytest.mark.parametrize(
    ("role", "state"),
    [("auditor", "masked"), ("history_reader", "masked"), ("support", "matches")],
)
async def test_what_is_said_of_personal_values(
    shop: Shop, told: Json, role: str, state: str
) -> None:
    found = await verify(shop, role)
    assert found["verified"]
    assert states(found) == [state] * 3
    assert "Jane" not in str(found)


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("text/plain", "text/plain; charset=utf-8"),
        ("TEXT/plain; q=0.9", "text/plain; charset=utf-8"),
        ("text/html, text/plain", "text/plain; charset=utf-8"),
        ("application/json", "application/json"),
        ("text/plain, application/json", "application/json"),
        ("*/*", "application/json"),
        ("text/*", "application/json"),
        ("", "application/json"),
        (",;=", "application/json"),
    ],
)
async def test_the_receipt_by_accept(shop: Shop, told: Json, accept: str, media_type: str) -> None:
    answer = await shop.get("/events/evt_told/verify", headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == media_type
    assert answer.headers["vary"] == "Authorization, X-Tenant-ID, Accept"
    if media_type != "application/json":
        raw = (await shop.get("/events/evt_told/bytes")).content
        assert verify_proof(answer.content, raw, keys_of(shop.house, shop.tenant)).anchor is None


EDITED = "state = replace(encode(state, 'escape'), '\"shop\"', '\"Shop\"')::bytea"
# Whichever letters a signature has: each capital becomes the next.
EDITED_NOTE = "note = translate(note, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'BCDEFGHIJKLMNOPQRSTUVWXYZA')"
CHANGES = [
    (f"update events set {EDITED} where %s and sequence = 2", {"hash", "chain", "inclusion"}),
    ("update events set entry = sha256('x') where %s and sequence = 2", {"hash"}),
    ("update events set ledger_hash = sha256('x') where %s and sequence = 2", {"chain"}),
    ("update events set ledger_hash = sha256('x') where %s and sequence = 1", {"chain"}),
    ("delete from events where %s and sequence = 1", {"chain", "inclusion"}),
    ("update events set correction_of = 'x' where %s and sequence = 2", set()),
    ("update events set received_us = received_us + 1 where %s and sequence = 2", set()),
    (f"update ledger_checkpoints set {EDITED_NOTE} where %s", {"inclusion"}),
    ("update ledger_checkpoints set note = 'x' where %s", {"inclusion"}),
]  # fmt: skip


@pytest.mark.parametrize(("change", "wrong"), CHANGES, ids=[one[:60] for one, _ in CHANGES])
async def test_what_was_changed_is_found(
    shop: Shop, told: Json, change: str, wrong: set[str]
) -> None:
    with superuser(shop.house) as connection:
        done = connection.execute(change.replace("%s", "tenant_id = %s").encode(), (shop.tenant,))
        assert done.rowcount
    answer = await shop.as_role("support").get(f"{BASE}/events/evt_told/verify")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert not found["verified"]
    seen = {
        "hash": found["stored_sha256"] == found["computed_sha256"],
        "chain": found["ledger_hash_ok"],
        "inclusion": found["inclusion_ok"],
    }
    assert {name for name, holds in seen.items() if not holds} == wrong


async def test_an_edited_read_model_proves_nothing(house: House) -> None:
    shop = house.shop()
    await shop.record_all(shop.event() for _ in range(256))
    await signed(shop)
    assert (await verify(shop, name="evt_9"))["verified"]
    with superuser(house) as connection:
        connection.execute(
            "update ledger_tiles set hashes = overlay(hashes placing sha256('x') from 1)"
            " where tenant_id = %s",
            (shop.tenant,),
        )
    found = await verify(shop, name="evt_9")
    assert (found["verified"], found["inclusion_ok"]) == (False, False)
    assert found["stored_sha256"] == found["computed_sha256"]


def forget(shop: Shop) -> None:
    """As an erasure of the order does: the key goes, and with it what it opened."""
    with superuser(shop.house) as connection:
        connection.execute(
            "update data_keys set wrapped = null where tenant_id = %s and kind = 'order'",
            (shop.tenant,),
        )


async def erase(shop: Shop, *pointers: str) -> None:
    """Record what an erasure in the second event records."""
    settings = shop.house.settings
    keys = FileKeyStore(settings.data_dir / "keys")
    async with committing(settings.database_url, keys) as door:
        accepted(await door.submit([erasure(2, *pointers, tenant_id=shop.tenant)]))
    await signed(shop)


async def test_erased_is_erased_and_not_a_failure(shop: Shop, told: Json) -> None:
    before = (await shop.get("/events/evt_told/receipt")).content
    raw = (await shop.get("/events/evt_told/bytes")).content
    forget(shop)
    missing = await verify(shop, "support")
    assert (missing["verified"], states(missing)) == (False, ["missing", "missing", "matches"])
    await erase(shop, *POINTERS[:2])
    erased = await verify(shop, "support")
    assert (erased["verified"], states(erased)) == (True, ["erased", "erased", "matches"])
    keys = keys_of(shop.house, shop.tenant)
    after = (await shop.get("/events/evt_told/receipt")).content
    for receipt in (before, after):
        assert verify_proof(receipt, raw, keys).sequence == 2


async def test_a_swapped_value_differs_though_an_erasure_covers_it(shop: Shop, told: Json) -> None:
    await shop.record(event_id="evt_other", payload={**PERSONAL, "note": "Joan"})
    with superuser(shop.house) as connection:
        done = connection.execute(
            "update disclosures d set sealed = o.sealed from disclosures o"
            " where d.tenant_id = %s and o.tenant_id = d.tenant_id and d.sequence = 2"
            " and o.sequence = 4 and o.key_id = d.key_id",
            (shop.tenant,),
        )
        assert done.rowcount == 1
    await erase(shop, *POINTERS)
    found = await verify(shop, "support")
    assert (found["verified"], states(found)) == (False, ["differs", "differs", "matches"])
