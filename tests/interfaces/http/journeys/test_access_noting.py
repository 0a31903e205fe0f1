"""Reads are noted before they are answered: with a reason that is one, whole, once, in no clear."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import httpx
import psycopg
import pytest
from msgspec import structs

from infrastructure.access_log import owning
from interfaces.composition.access_log import draining_access
from interfaces.composition.serving import api
from interfaces.composition.writing import writing
from interfaces.settings import AccessSettings
from tests.interfaces.http.journeys.house import BASE, House, Shop, pointers
from tests.interfaces.http.journeys.planted import PLANTED, logged, planted
from tests.interfaces.http.journeys.test_stream import following

pytestmark = pytest.mark.anyio


async def test_nothing_is_logged_of_what_the_caller_has_already(shop: Shop) -> None:
    await planted(shop)
    tag = (await shop.get("/events/evt_1", "support")).headers["etag"]
    again = await shop.get("/events/evt_1", "support", headers={"If-None-Match": tag})
    assert again.status_code == 304
    assert len(await logged(shop)) == 1


@pytest.mark.parametrize("reason", ["", " ", "x" * 201, "a\x7fb", b"\xff\xfe"])
async def test_a_reason_that_is_none_is_refused(shop: Shop, reason: Any) -> None:
    headers = {"X-Access-Reason": reason}
    answer = await shop.as_role("support").get(f"{BASE}/events", headers=headers)
    assert answer.status_code == 422
    assert pointers(answer) == ["/X-Access-Reason"]


async def test_a_reason_of_two_hundred_characters_is_taken_and_a_card_number_is_not(
    shop: Shop,
) -> None:
    await planted(shop)
    for reason, kept in (
        ("ö" * 200, "ö" * 200),
        ("paid with 4111 1111 1111 1111", "paid with [PAN ****1111]"),
    ):
        headers = {b"X-Access-Reason": reason.encode()}
        answer = await shop.as_role("support").get(f"{BASE}/events/evt_1", headers=headers)
        assert answer.status_code == 200
        assert (await logged(shop))[0]["reason"] == kept


async def test_where_a_role_needs_a_reason_nothing_is_shown_without(house: House) -> None:
    settings = structs.replace(house.settings, access=AccessSettings(reasoned=("support",)))
    async with api(settings) as services:
        shop = House(settings, services).shop()
        await planted(shop)
        await shop.record("ord_2", payload={"total_minor": 4})
        for path in ("/events/evt_1", "/events", "/orders/ord_1/snapshot"):
            answer = await shop.get(path, "support")
            assert answer.status_code == 403
            assert "X-Access-Reason" in answer.json()["detail"]
            assert not PLANTED.search(answer.text)
            answer = await shop.get(path, "support", headers={"X-Access-Reason": "ticket 4"})
            assert PLANTED.search(answer.text)
        stream = await shop.as_role("support").get(f"{BASE}/events/stream")
        assert stream.status_code == 403
        # Nothing personal would be shown; and another role.
        assert (await shop.get("/orders/ord_2/timeline", "support")).status_code == 200
        assert (await shop.get("/events/evt_1", "investigator")).status_code == 200
        assert len(await logged(shop)) == 4


async def test_each_batch_of_a_stream_is_logged_before_it_is_sent(house: House, shop: Shop) -> None:
    await planted(shop)
    async with house.served() as url, following(url, shop, "support", after=0) as follower:
        await follower.events(2)
        first = await logged(shop, operation="stream_events")
        await shop.record("ord_2", payload={"note": "planted"})
        await follower.event()
        entries = await logged(shop, operation="stream_events")
    assert [one["orders"] for one in first] == [["ord_1"]]
    assert [one["orders"] for one in entries] == [["ord_2"], ["ord_1"]]


@pytest.mark.parametrize("written", [OSError(28, "No space left on device"), 7])
async def test_what_cannot_be_logged_is_not_shown(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, written: Any
) -> None:
    """A full disk: the write fails, or is short."""
    await planted(shop)
    real = os.write

    def write(descriptor: int, data: bytes) -> int:
        if isinstance(written, OSError):
            raise written
        return real(descriptor, data[:written])

    await shop.get("/events/evt_1", "support")
    with monkeypatch.context() as patched:
        patched.setattr("infrastructure.access_log.spool.os.write", write)
        for path in ("/events/evt_1", "/orders/ord_1/timeline", "/orders/ord_1/snapshot"):
            answer = await shop.get(path, "support")
            assert answer.status_code == 503
            assert answer.headers["retry-after"]
            assert not PLANTED.search(answer.text)
            assert (await shop.get(path, "history_reader")).status_code == 200
    assert (await shop.get("/events/evt_1", "support")).status_code == 200
    assert len(await logged(shop)) == 2, "one before, one after, none lost behind a torn frame"


async def test_no_entry_holds_a_value_of_the_order_or_of_the_reader(
    house: House, shop: Shop, database_url: str
) -> None:
    await planted(shop)
    headers = {"X-Access-Reason": "planted reason"}
    await shop.get("/orders/ord_1/timeline", "support", headers=headers)
    await shop.get("/orders/ord_1/snapshot", "support", headers=headers)
    directory = house.settings.data_dir / "access"
    spooled = b"".join(path.read_bytes() for path in directory.iterdir())
    await logged(shop)
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "select l::text, p::text, o::text from cell_0.access_log l"
            " join cell_0.access_log_personal p using (tenant_id, entry_id)"
            " join cell_0.access_log_orders o using (tenant_id, entry_id)"
            " where tenant_id = %s",
            (shop.tenant,),
        ).fetchall()
    assert len(rows) == 2
    kept = "".join(text for row in rows for text in row).encode() + spooled
    for value in ("planted", "Planted", "70 123", "192.0.2.77", "127.0.0.1"):
        assert value.encode() not in kept
        assert value.encode().hex().encode() not in kept


async def test_an_erased_reason_stays_erased_and_the_entry_stays(
    shop: Shop, database_url: str
) -> None:
    await planted(shop)
    await shop.get("/events/evt_1", "support", headers={"X-Access-Reason": "ticket 4"})
    (before,) = await logged(shop)
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "update cell_0.data_keys set wrapped = null"
            " where tenant_id = %s and kind = 'reader' and subject = 'a support'",
            (shop.tenant,),
        )
    erased = {"reason": {"erased": True}, "address": {"erased": True}}
    assert await logged(shop) == [before | erased]
    await shop.get("/events/evt_1", "support", headers={"X-Access-Reason": "ticket 5"})
    assert [one["reason"] for one in await logged(shop)] == [{"erased": True}] * 2


async def test_a_role_of_any_characters_stops_no_log(shop: Shop) -> None:
    """A token's roles are whatever its issuer writes; no column holds U+0000."""
    await planted(shop)
    odd = shop.house.client("support", shop.tenant, more=["\x00", "tier 2"])
    assert (await odd.get(f"{BASE}/events/evt_1")).status_code == 200
    assert [one["roles"] for one in await logged(shop)] == [["support", "tier 2"]]


async def test_many_at_once_are_each_logged_once(shop: Shop) -> None:
    await planted(shop)
    client = shop.as_role("support")

    async def read() -> httpx.Response:
        return await client.get(f"{BASE}/events/evt_1")

    answers = await asyncio.gather(*(read() for _ in range(60)))
    shown = [answer for answer in answers if answer.status_code == 200]  # a busy machine refuses
    entries = await logged(shop, limit=1000)
    assert len({one["entry_id"] for one in entries}) == len(entries) == len(shown) > 0


async def test_a_worker_brings_it_into_the_log(
    house: House, shop: Shop, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the process that noted it lives, and does not drain itself."""
    monkeypatch.setattr(owning, "PATIENCE", 3600.0)
    await planted(shop)
    await shop.get("/events/evt_1", "support")
    query = "select count(*) from cell_0.access_log where tenant_id = %s"
    async with writing(house.settings, "worker") as side:
        worker = asyncio.create_task(draining_access(side).run())
        with psycopg.connect(database_url, autocommit=True) as connection:
            while connection.execute(query, (shop.tenant,)).fetchone() != (1,):  # noqa: ASYNC110  # nothing tells
                await asyncio.sleep(0.05)
        worker.cancel()
    assert [one["operation"] for one in await logged(shop)] == ["get_event"]
