"""An erasure that is cut off, or meets a hold or an event on its way, comes to the same."""

from __future__ import annotations

import asyncio
import functools
from typing import Any

import psycopg
import pytest
from structlog.testing import capture_logs

from application.snapshots.capture import CaptureSnapshot
from infrastructure.erasure.rewrapping import Rewrap
from projections.search.erasing import ErasedTerms
from tests.infrastructure.ledger.cell import until
from tests.interfaces.http.journeys.erasing import ANN, OF_ANN, erase, found, told
from tests.interfaces.http.journeys.faults import failing_once, while_planned
from tests.interfaces.http.journeys.house import BASE, Shop
from tests.interfaces.http.journeys.retaining import ended, place_hold, release

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("store", "method"), [(Rewrap, "__call__"), (ErasedTerms, "renew"), (ErasedTerms, "stale")]
)
async def test_what_was_cut_off_is_done_to_its_end(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, store: type, method: str
) -> None:
    failed = failing_once(monkeypatch, store, method)
    await told(shop)
    job = await erase(shop, ANN["email"])
    assert failed
    assert job["status"] == "succeeded", job
    report = job["result"]
    assert (report["orders"]["found"], report["orders"]["erased"]) == (3, 2)
    assert report["values"] > 10
    assert await found(shop, ANN["email"]) == []
    text = (await shop.get("/orders/ann_1/timeline", "admin")).text
    assert not [value for value in OF_ANN[:5] if value in text]


async def test_what_the_read_model_lacks_is_waited_for(shop: Shop) -> None:
    """It might be the person's."""
    await told(shop)
    letter = "insert into cell_0.dead_letters values ('orders', 1000000000, %s, 1, 'x', 1)"
    with psycopg.connect(shop.house.settings.database_url, autocommit=True) as connection:
        connection.execute(letter, (shop.tenant,))
        with capture_logs() as logs:
            erasing = asyncio.ensure_future(erase(shop, "cust_ann"))
            await until(lambda: any(line["event"] == "job waits" for line in logs))
            assert "Ann Marlow" in (await shop.get("/orders/ann_1/timeline", "admin")).text
        connection.execute("delete from cell_0.dead_letters where tenant_id = %s", (shop.tenant,))
    assert (await erasing)["result"]["orders"]["erased"] == 2


async def test_a_hold_that_comes_while_it_is_planned_is_in_time(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await told(shop)
    holding = functools.partial(place_hold, shop, target_id="ann_1")
    holds = while_planned(monkeypatch, shop, ("order", "ann_1"), holding)
    report = (await erase(shop, "cust_ann"))["result"]
    assert len(holds) == 1
    assert report["orders"] == {"found": 2, "erased": 1, "retained": 1}
    assert "Ann Marlow" in (await shop.get("/orders/ann_1/timeline", "admin")).text


async def test_an_event_that_comes_while_it_is_planned_is_erased_too(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await told(shop)
    event = shop.event("ann_1", event_id="between", payload={"note": "gate code 77"})
    sending = functools.partial(shop.send, event)
    sent = while_planned(monkeypatch, shop, ("order", "ann_1"), sending)
    job = await erase(shop, "cust_ann")
    assert [one.status_code for one in sent] == [201]
    assert job["status"] == "succeeded", job
    stored = await shop.read("/events/between", "admin")
    assert stored["payload"] == {"note": {"erased": True}}
    verified = await shop.read("/events/between/verify", "admin")
    assert verified["verified"], verified


@pytest.mark.parametrize("at", [("order", "ann_2"), ("reader", "cust_ann")])
async def test_what_a_hold_that_ends_meanwhile_held_is_erased_and_not_told_as_retained(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, at: tuple[str, str]
) -> None:
    """It ends while the order beside it is planned, or after all that is free is gone."""
    await told(shop)
    hold_id = await place_hold(shop, target_id="ann_1")
    releasing = functools.partial(release, shop, hold_id)
    released = while_planned(monkeypatch, shop, at, releasing)
    report = (await erase(shop, "cust_ann"))["result"]
    assert len(released) == 1
    assert report["orders"] == {"found": 2, "erased": 2, "retained": 0}
    assert report["waits_for"]["hold_ids"] == []
    assert "Ann Marlow" not in (await shop.get("/orders/ann_1/timeline", "admin")).text


async def test_a_snapshot_that_is_computed_meanwhile_brings_nothing_back(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was folded of what is erased before it is kept."""
    await told(shop)
    real = CaptureSnapshot._keep
    erasing: list[asyncio.Future[Any]] = []

    async def erased_meanwhile(self: CaptureSnapshot, *given: Any) -> Any:
        if not erasing:
            erasing.append(asyncio.ensure_future(erase(shop, ANN["email"])))
            await asyncio.wait(erasing, timeout=3)  # it would be over by now
        return await real(self, *given)

    monkeypatch.setattr(CaptureSnapshot, "_keep", erased_meanwhile)
    body = {"order_id": "ben_1", "snapshot_id": "folded"}
    made = await shop.as_role("investigator").post(f"{BASE}/snapshots/compute", json=body)
    assert made.status_code == 202, made.text
    assert (await ended(shop, made.json()))["status"] == "succeeded"
    await erasing[0]
    answer = await shop.get("/snapshots/folded", "admin")
    assert answer.status_code == 200
    assert ANN["email"] not in answer.text
    assert (await erasing[0])["status"] == "succeeded"
