"""A pseudonymisation that is cut off, or meets somebody on its way, comes to the same."""

from __future__ import annotations

import functools
from typing import Any

import httpx
import psycopg
import pytest

from application.erasure.deleting import ChangeValues
from application.pseudonyms.settling import SettleMappings
from domain.errors import Unavailable
from infrastructure.erasure.owned import StoredOwned
from infrastructure.erasure.rewrapping import Rewrap
from infrastructure.event_store.committer import Committer
from infrastructure.key_store.files import LOCK, FileKeyStore
from infrastructure.pseudonyms.mappings import FileMappings
from interfaces.composition.erasing import erase_again
from interfaces.composition.writing import writing
from projections.search.erasing import ErasedTerms
from tests.interfaces.http.journeys.erasing import ANN, OF_ANN, erase, everything, found, told
from tests.interfaces.http.journeys.faults import failing_once, while_planned
from tests.interfaces.http.journeys.house import BASE, Shop, over, states
from tests.interfaces.http.journeys.pseudonymizing import (
    created,
    files,
    pseudonymize,
    put_back,
    shown,
)
from tests.interfaces.http.journeys.retaining import place_hold

pytestmark = pytest.mark.anyio


CUT_OFF = [
    (ChangeValues, "_submitted"), (SettleMappings, "__call__"), (Rewrap, "__call__"),
    (ErasedTerms, "renew"), (ErasedTerms, "stale"),
]  # fmt: skip


@pytest.mark.parametrize(("store", "method"), CUT_OFF)
async def test_replacing_that_was_cut_off_is_done_to_its_end(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, store: type, method: str
) -> None:
    await told(shop)
    failed = failing_once(monkeypatch, store, method)
    report = await pseudonymize(shop, ANN["email"])
    assert failed
    assert report["orders"] == {"found": 3, "pseudonymised": 3, "retained": 0}
    assert not [value for value in OF_ANN[:5] if value in await everything(shop)]
    assert await found(shop, ANN["email"]) == []
    assert "masked" in set((await states(shop, "evt_1")).values())


@pytest.mark.parametrize(("store", "method"), [one for one in CUT_OFF if one[0] is not Rewrap])
async def test_putting_back_that_was_cut_off_is_done_to_its_end(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, store: type, method: str
) -> None:
    await told(shop)
    before = await shown(shop)
    await pseudonymize(shop, ANN["email"])
    failed = failing_once(monkeypatch, store, method)
    await put_back(shop, ANN["email"])
    assert failed
    assert await shown(shop) == before
    assert files(shop) == []
    assert set((await states(shop, "evt_1")).values()) == {"matches"}


async def test_what_was_committed_though_nobody_heard_of_it_is_found(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await told(shop)
    real = Committer.submit
    lost: list[Any] = []

    async def answer_lost(self: Committer, drafts: Any, **given: Any) -> Any:
        outcomes = await real(self, drafts, **given)
        if not lost and drafts[0].event_id.startswith("oh_evt_pseudonymisation/"):
            lost.append(drafts)
            raise Unavailable
        return outcomes

    monkeypatch.setattr(Committer, "submit", answer_lost)
    report = await pseudonymize(shop, "cust_ann")
    assert lost
    assert report["orders"] == {"found": 2, "pseudonymised": 2, "retained": 0}
    await put_back(shop, "cust_ann")
    assert (await created(shop, "evt_1"))["customer"] == ANN


@pytest.mark.parametrize(
    ("store", "method"), [(ChangeValues, "_submitted"), (StoredOwned, "rewriting")]
)
async def test_originals_that_a_killed_attempt_left_go_with_the_next_start(
    shop: Shop, store: type, method: str
) -> None:
    """Kept apart, and never replaced: the order was put under a hold before the next attempt."""
    await told(shop)
    settings, killed = shop.house.settings, RuntimeError("killed")

    def kill(*_: Any) -> None:
        raise killed

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(store, method, kill)
        body = {"subject_id": "cust_ann"}
        path = f"{BASE}/gdpr/pseudonymize"
        made = await shop.as_role("admin").post(path, json=body)
        await ended_by(shop, made, "failed")
    assert files(shop)
    assert (await created(shop, "evt_1"))["customer"] == ANN
    async with writing(settings, "another") as side:
        await erase_again(side)
    assert files(shop) == []
    await pseudonymize(shop, "cust_ann")
    await put_back(shop, "cust_ann")
    assert (await created(shop, "evt_1"))["customer"] == ANN


async def ended_by(shop: Shop, made: httpx.Response, status: str) -> None:
    job = await over(shop.as_role("admin"), made.headers["location"])
    assert job["status"] == status


async def test_a_hold_that_comes_while_it_is_planned_is_in_time(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await told(shop)
    holding = functools.partial(place_hold, shop, target_id="ann_1")
    holds = while_planned(monkeypatch, shop, ("order", "ann_1"), holding)
    report = await pseudonymize(shop, "cust_ann")
    assert len(holds) == 1
    assert report["orders"] == {"found": 2, "pseudonymised": 1, "retained": 1}
    assert (await created(shop, "evt_1"))["customer"] == ANN
    await put_back(shop, "cust_ann")
    assert files(shop) == []  # nothing was kept apart of what was retained


async def test_what_an_actor_does_meanwhile_is_neither_lost_nor_left(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await told(shop)
    event = shop.event(
        "other_1", event_id="between", payload={"note": "hers"},
        metadata={"actor_id": "cust_ann", "ip": "198.51.100.9"},
    )  # fmt: skip
    sending = functools.partial(shop.send, event)
    sent = while_planned(monkeypatch, shop, ("actor", "cust_ann"), sending)
    await pseudonymize(shop, "cust_ann")
    assert [one.status_code for one in sent] == [201]
    assert await states(shop, "between") == {"/metadata/ip": "masked", "/payload/note": "matches"}
    await put_back(shop, "cust_ann")
    stored = await shop.read("/events/between", "admin")
    assert stored["metadata"]["ip"] == "198.51.100.9"


@pytest.mark.parametrize("attack", ["no fact", "another original", "no original"])
async def test_a_replacement_that_nothing_vouches_for_differs(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, attack: str
) -> None:
    await told(shop)
    owner, mappings = ("order", "ann_1"), mappings_of(shop)
    await pseudonymize(shop, "cust_ann")
    assert (await states(shop, "evt_2"))["/payload/note"] == "masked"
    kept = dict(await mappings.load(shop.tenant, owner))
    if attack == "no fact":
        monkeypatch.setattr("domain.privacy.disclosing.PSEUDONYMISED", "history.subject.other")
    else:
        kept[2] = kept[1]
        await mappings.keep(shop.tenant, owner, kept if attack == "another original" else {})
    verified = await shop.read("/events/evt_2/verify", "admin")
    assert not verified["verified"]
    assert {"pointer": "/payload/note", "state": "differs"} in verified["disclosures"]


def mappings_of(shop: Shop) -> FileMappings:
    data_dir = shop.house.settings.data_dir
    return FileMappings(data_dir, FileKeyStore(data_dir / "keys"), data_dir / "keys" / LOCK)


async def test_values_without_originals_are_not_put_back_and_the_job_says_so(shop: Shop) -> None:
    await told(shop)
    await pseudonymize(shop, "cust_ann")
    await mappings_of(shop).keep(shop.tenant, ("order", "ann_1"), {})
    path, body = f"{BASE}/gdpr/depseudonymize", {"subject_id": "cust_ann", "reason": "x"}
    before = await shop.head()
    made = await shop.as_role("admin").post(path, json=body)
    await ended_by(shop, made, "failed")
    # That it was asked for, and what is back: of the other order, and of who acted.
    assert await shop.head() == before + 3
    assert (await created(shop, "evt_3"))["customer"] == ANN  # what is kept is back
    assert (await created(shop, "evt_1"))["customer"]["email"].startswith("pn-")


async def test_with_a_snapshot_goes_what_its_pseudonyms_stand_for(shop: Shop) -> None:
    await told(shop)
    await pseudonymize(shop, "cust_ann")
    events = await mappings_of(shop).load(shop.tenant, ("order", "ann_1"))
    deleted = await shop.as_role("admin").delete(f"{BASE}/snapshots/snap")
    assert deleted.status_code == 204, deleted.text
    left = await mappings_of(shop).load(shop.tenant, ("order", "ann_1"))
    assert len(events.keys() - left.keys()) == 1
    await put_back(shop, "cust_ann")
    assert (await created(shop, "evt_1"))["customer"] == ANN


async def test_who_is_erased_goes_though_the_originals_are_lost(shop: Shop) -> None:
    await told(shop)
    await pseudonymize(shop, ANN["email"])
    for order in ("ann_1", "ann_2", "ben_1"):
        await mappings_of(shop).keep(shop.tenant, ("order", order), {})
    assert (await erase(shop, ANN["email"]))["result"]["orders"]["erased"] == 2
    assert "pn-" not in str(await shown(shop))
    assert "ben@example.org" in str(await shown(shop))


async def test_the_old_keys_open_nothing_any_more(shop: Shop) -> None:
    await told(shop)
    settings = shop.house.settings
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        query = (
            "select key_id, bucket_key_id from cell_0.data_keys"
            " where tenant_id = %s and subject = 'ann_1'"
        )
        ((key_id, bucket_key),) = connection.execute(query, (shop.tenant,)).fetchall()
        await pseudonymize(shop, "cust_ann")
        ((new_key, _),) = connection.execute(query, (shop.tenant,)).fetchall()
    assert new_key != key_id
    keys = settings.data_dir / "keys" / "tenants" / f"{shop.tenant}.keys"
    assert str(bucket_key).encode() not in keys.read_bytes()
