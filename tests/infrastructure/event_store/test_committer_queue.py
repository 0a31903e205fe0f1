"""The door's queue: whose turn it is, how much waits, and what becomes of it at the end."""

from __future__ import annotations

import asyncio

import pytest

from domain.errors import Overloaded, Unavailable
from infrastructure.event_store import committer as module
from infrastructure.event_store.committer import Committer
from infrastructure.key_store.files import FileKeyStore
from tests.domain.ledger.drafts import draft
from tests.infrastructure.event_store.kit import Ledger, accepted, committing, fresh, personal

pytestmark = pytest.mark.anyio


async def test_one_long_queue_does_not_starve_another_tenant(
    committer: Committer, ledger: Ledger
) -> None:
    greedy, modest = fresh("greedy"), fresh("modest")
    many = [
        asyncio.create_task(
            committer.submit([draft(f"e{n}-{k}", f"o{n}", greedy) for k in range(100)])
        )
        for n in range(40)
    ]
    await asyncio.sleep(0)  # all of them are in the queue now
    (outcome,) = accepted(await committer.submit([draft("e1", "o1", modest)]))
    await asyncio.gather(*many)
    before = "select count(*) from events where tenant_id = %s and position < %s"
    assert ledger.rows(before, greedy, outcome.event.position)[0][0] <= module.BATCH_EVENTS


async def test_requests_of_one_tenant_keep_their_order(
    committer: Committer, ledger: Ledger
) -> None:
    tenant = fresh("order")
    ids = [f"e{number}" for number in range(300)]
    await asyncio.gather(*(committer.submit([draft(one, "o1", tenant)]) for one in ids))
    assert ledger.event_ids(tenant) == ids


async def test_a_full_queue_refuses_at_once(
    committer: Committer, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "QUEUE_EVENTS", 3)
    tenant = fresh("full")
    waiting = [
        asyncio.create_task(committer.submit([draft(f"e{n}", "o1", tenant)])) for n in range(3)
    ]
    await asyncio.sleep(0)
    assert committer.queued == 3
    with pytest.raises(Overloaded):
        await committer.submit([draft("e9", "o1", tenant)])
    for outcomes in await asyncio.gather(*waiting):
        accepted(outcomes)
    accepted(await committer.submit([draft("e9", "o1", tenant)]))
    assert committer.queued == 0


@pytest.mark.parametrize("where", ["payload", "metadata", "disclosures"])
async def test_the_queue_is_bounded_in_bytes_wherever_they_are(
    committer: Committer, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setattr(module, "QUEUE_BYTES", 150_000)
    tenant, long = fresh("bytes"), "x" * 100_000
    drafts = {
        "payload": lambda n: draft(f"e{n}", "o1", tenant, payload=b'{"long":"%b"}' % long.encode()),
        "metadata": lambda n: draft(
            f"e{n}", "o1", tenant, metadata=b'{"long":"%b"}' % long.encode()
        ),
        "disclosures": lambda n: personal(f"e{n}", "o1", tenant, note=long),
    }
    first = asyncio.create_task(committer.submit([drafts[where](1)]))
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await committer.submit([drafts[where](2)])
    accepted(await first)
    accepted(await committer.submit([drafts[where](2)]))


async def test_a_submission_has_1_to_250_drafts(committer: Committer) -> None:
    with pytest.raises(ValueError, match="1 to 250"):
        await committer.submit([])
    with pytest.raises(ValueError, match="1 to 250"):
        await committer.submit([draft(f"e{n}") for n in range(251)])


async def test_a_caller_that_leaves_does_not_disturb(committer: Committer, ledger: Ledger) -> None:
    tenant = fresh("leaving")
    tasks = [
        asyncio.create_task(committer.submit([draft(f"e{n}", "o1", tenant)])) for n in range(9)
    ]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    for number, result in enumerate(results):
        if number % 2 == 0:
            assert isinstance(result, asyncio.CancelledError)
        else:
            assert not isinstance(result, BaseException)
            accepted(result)
    accepted(await committer.submit([draft("e9", "o1", tenant)]))
    assert set(ledger.event_ids(tenant)) >= {"e1", "e3", "e5", "e7", "e9"}
    ledger.check()


async def test_closing_commits_what_is_queued(
    database_url: str, key_store: FileKeyStore, ledger: Ledger
) -> None:
    tenant = fresh("closing")
    async with committing(database_url, key_store) as door:
        tasks = [
            asyncio.create_task(door.submit([draft(f"e{n}-{k}", "o1", tenant) for k in range(50)]))
            for n in range(20)
        ]
        await asyncio.sleep(0)
        assert door.queued == 1000
        await door.close()
        for outcomes in await asyncio.gather(*tasks):
            accepted(outcomes)
        assert not door.available
        with pytest.raises(Unavailable):
            await door.submit([draft("late", "o1", tenant)])
    assert len(ledger.event_ids(tenant)) == 1000


async def test_a_closed_door_says_why_and_opens_again(committer: Committer, ledger: Ledger) -> None:
    tenant = fresh("closed")
    waiting = asyncio.create_task(committer.submit([personal("e1", "o1", tenant)]))
    await asyncio.sleep(0)  # it is in the queue
    committer.refusing = "the store lies behind"
    with pytest.raises(Unavailable, match="the store lies behind"):
        await committer.submit([personal("e2", "o1", tenant)])
    accepted(await waiting)
    assert ledger.event_ids(tenant) == ["e1"], "what is queued already is committed"
    assert committer.available, "it is no fault of the database"
    committer.refusing = None
    accepted(await committer.submit([personal("e2", "o1", tenant)]))
    assert ledger.event_ids(tenant) == ["e1", "e2"]
