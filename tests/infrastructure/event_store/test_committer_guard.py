"""A guard at the door: what rests on a stream is written while that stands still, or not at all."""

from __future__ import annotations

import asyncio
from uuid import uuid5

import pytest

from application.ports import Accepted, Duplicate, Outcome, Refused
from domain.errors import HoldsMoved
from domain.ledger.append import Unmoved
from domain.orders.events import Draft
from domain.privacy.sealing import ORDERS, originator
from infrastructure.event_store.committer import Committer
from infrastructure.key_store.files import FileKeyStore
from tests.domain.ledger.drafts import draft
from tests.infrastructure.event_store.kit import (
    FaultyWire,
    Ledger,
    accepted,
    committing,
    fresh,
    note,
    personal,
)

pytestmark = pytest.mark.anyio
NOTES = "create table if not exists guarded (value text); grant all on guarded to public"


@pytest.fixture(autouse=True)
def notes(ledger: Ledger) -> None:
    ledger.connection.execute(NOTES)


def guard(tenant: str, version: int, stream: str = "holds") -> Unmoved:
    return [(originator(tenant, stream).bytes, version)]


def hold(tenant: str, number: int) -> Draft:
    """An event of the stream that guards."""
    return draft(f"hold{number}", "holds", tenant)


def moved(outcomes: list[Outcome]) -> bool:
    return all(
        isinstance(outcome, Refused) and isinstance(outcome.error, HoldsMoved)
        for outcome in outcomes
    )


async def test_it_passes_while_the_stream_stands_still(
    committer: Committer, ledger: Ledger
) -> None:
    tenant = fresh("still")
    for version in range(2):
        accepted(
            await committer.submit(
                [personal(f"e{version}", "o1", tenant)],
                beside=note("guarded", tenant),
                unless_moved=guard(tenant, version),
            )
        )
        accepted(await committer.submit([hold(tenant, version)]))
    assert ledger.rows("select count(*) from guarded where value = %s", tenant) == [(2,)]
    ledger.check()


async def test_nothing_is_written_once_it_has_moved(committer: Committer, ledger: Ledger) -> None:
    tenant = fresh("moved")
    accepted(await committer.submit([hold(tenant, 1)]))
    drafts = [personal(f"e{number}", "o1", tenant) for number in range(100)]  # more than a slice
    for version in (0, 2):
        outcomes = await committer.submit(
            drafts, beside=note("guarded", tenant), unless_moved=guard(tenant, version)
        )
        assert len(outcomes) == 100
        assert moved(outcomes)
    assert ledger.event_ids(tenant) == ["hold1"]
    assert ledger.rows("select count(*) from guarded where value = %s", tenant) == [(0,)]
    assert ledger.rows("select count(*) from disclosures where tenant_id = %s", tenant) == [(0,)]
    ledger.check()


@pytest.mark.parametrize("first", ["hold", "deletion"])
async def test_within_a_batch_the_first_one_wins(
    committer: Committer, ledger: Ledger, first: str
) -> None:
    tenant = fresh("batch")
    deletion = committer.submit(
        [draft("gone", "o1", tenant)],
        beside=note("guarded", tenant),
        unless_moved=guard(tenant, 0),
    )
    holding = committer.submit([hold(tenant, 1)])
    both = [holding, deletion] if first == "hold" else [deletion, holding]
    outcomes = dict(zip((first, "other"), await asyncio.gather(*both), strict=True))
    accepted(outcomes[first])
    assert moved(outcomes["other"]) is (first == "hold")
    written = ["hold1"] if first == "hold" else ["gone", "hold1"]
    assert ledger.event_ids(tenant) == written
    ((notes,),) = ledger.rows("select count(*) from guarded where value = %s", tenant)
    assert notes == len(written) - 1


async def test_a_request_that_moves_its_own_stream_is_whole(committer: Committer) -> None:
    tenant = fresh("own")
    drafts = [hold(tenant, number) for number in range(150)]
    accepted(await committer.submit(drafts, unless_moved=guard(tenant, 0)))


async def test_a_duplicate_is_told_and_nothing_is_written_beside(
    committer: Committer, ledger: Ledger
) -> None:
    tenant = fresh("again")
    deletion = draft("gone", "o1", tenant)
    accepted(await committer.submit([deletion], unless_moved=guard(tenant, 0)))
    accepted(await committer.submit([hold(tenant, 1)]))
    (outcome,) = await committer.submit(
        [deletion], beside=note("guarded", tenant), unless_moved=guard(tenant, 0)
    )
    assert isinstance(outcome, Duplicate)
    assert ledger.rows("select count(*) from guarded where value = %s", tenant) == [(0,)]


async def test_a_commit_whose_answer_was_lost_is_told_though_the_stream_moved(
    database_url: str, key_store: FileKeyStore, committer: Committer, ledger: Ledger
) -> None:
    """It was committed before the hold, so it is done; its repetition must not say otherwise."""
    tenant = fresh("lost")

    class HoldsMeanwhile(list[str]):
        """A fault after the commit; before the next attempt somebody places a hold."""

        placed = False

    faults = HoldsMeanwhile(["after"])
    connect_faulty = FaultyWire.connecting(database_url, faults)

    async def connect() -> FaultyWire:
        if not faults and not faults.placed:
            faults.placed = True
            accepted(await committer.submit([hold(tenant, 1)]))
        wire: FaultyWire = await connect_faulty()
        return wire

    async with committing(database_url, key_store, connect=connect) as faulty:
        (outcome,) = await faulty.submit(
            [draft("gone", "o1", tenant)],
            beside=note("guarded", tenant),
            unless_moved=guard(tenant, 0),
        )
    assert isinstance(outcome, Accepted)
    assert ledger.event_ids(tenant) == ["gone", "hold1"]
    assert ledger.rows("select count(*) from guarded where value = %s", tenant) == [(1,)]


async def test_no_deletion_is_behind_a_hold_that_its_guard_had_not_seen(
    database_url: str, key_store: FileKeyStore, ledger: Ledger
) -> None:
    """Several committers, holds and deletions at once: in the order of the ledger, a deletion
    stands directly on the version of the holds that it rested on."""
    tenant = fresh("race")
    passed: dict[str, int] = {}
    refusals = 0

    async def holding(door: Committer, numbers: range) -> None:
        for number in numbers:
            accepted(await door.submit([hold(tenant, number)]))
            await asyncio.sleep(0)

    async def deleting(door: Committer, name: str) -> None:
        nonlocal refusals
        for number in range(60):
            version = _version(ledger, tenant)
            event_id = f"{name}-{number}"
            outcomes = await door.submit(
                [draft(event_id, f"o-{name}", tenant)], unless_moved=guard(tenant, version)
            )
            if moved(outcomes):
                refusals += 1
            else:
                accepted(outcomes)
                passed[event_id] = version

    async with (
        committing(database_url, key_store) as one,
        committing(database_url, key_store) as two,
    ):
        await asyncio.gather(
            holding(one, range(60)),
            holding(two, range(60, 120)),
            *(deleting(door, f"d{at}") for at, door in enumerate((one, two, one, two))),
        )
    seen = 0
    for event_id in ledger.event_ids(tenant):
        if event_id.startswith("hold"):
            seen += 1
        else:
            assert passed.pop(event_id) == seen, event_id
    assert passed == {}
    assert seen == 120
    assert refusals > 0, "nothing raced"
    ledger.check()


def _version(ledger: Ledger, tenant: str) -> int:
    ((version,),) = ledger.rows(
        "select count(*) from events where originator_id = %s", uuid5_of(tenant)
    )
    return int(version)


def uuid5_of(tenant: str, stream: str = "holds") -> object:
    """As formats.md has it, not as the code under test makes it."""
    return uuid5(uuid5(ORDERS, tenant), stream)
