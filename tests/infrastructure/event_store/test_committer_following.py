"""Full batches, each of which begins behind the commit of the one before it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from domain.errors import Invalid, Unavailable
from domain.orders.events import Draft
from infrastructure.event_store.committer import BATCH_EVENTS
from infrastructure.key_store.files import FileKeyStore
from tests.domain.ledger.drafts import draft
from tests.infrastructure.event_store.kit import FaultyWire, Ledger, accepted, committing, fresh

pytestmark = pytest.mark.anyio


def _full(tenant: str, number: int, **first: Any) -> list[Draft]:
    """A submission that fills a batch; `first` changes its first draft."""
    drafts = [draft(f"e{number}-{n}", f"o{n}", tenant) for n in range(BATCH_EVENTS)]
    return [replace(drafts[0], **first), *drafts[1:]]


@pytest.mark.parametrize("faults", [["before"], ["after"], ["before", "after"], ["after"] * 2])
async def test_full_batches_through_lost_connections(
    database_url: str, key_store: FileKeyStore, ledger: Ledger, faults: list[str]
) -> None:
    """Each begins behind the commit before it, and goes down with that."""
    tenant, left = fresh("behind"), [*faults]
    connect = FaultyWire.connecting(database_url, left)
    async with committing(database_url, key_store, connect=connect) as door:
        calls = (door.submit(_full(tenant, number)) for number in range(5))
        results = await asyncio.gather(*calls, return_exceptions=True)
        again = [
            await door.submit(_full(tenant, number))
            for number, result in enumerate(results)
            if isinstance(result, Unavailable)  # lost twice: not known
        ]
    assert left == []
    told = [accepted(result) for result in results if not isinstance(result, BaseException)]
    assert len(told) + len(again) == 5
    assert sorted(ledger.event_ids(tenant)) == sorted(
        one.event_id for number in range(5) for one in _full(tenant, number)
    )
    ledger.check()


@pytest.mark.parametrize(
    ("event_id", "error"), [("nul\0", Invalid), ("surrogate\ud800", UnicodeEncodeError)]
)
async def test_a_culprit_in_a_batch_that_begins_behind_another(
    database_url: str,
    key_store: FileKeyStore,
    ledger: Ledger,
    event_id: str,
    error: type[Exception],
) -> None:
    """What the server cannot take, or what cannot even be sent, fails alone."""
    tenant = fresh("culprit")
    async with committing(database_url, key_store) as door:
        calls = [
            door.submit(_full(tenant, number, **({"event_id": event_id} if number == 2 else {})))
            for number in range(4)
        ]
        results = await asyncio.gather(*calls, return_exceptions=True)
    assert type(results[2]) is error
    for number in (0, 1, 3):
        result = results[number]
        assert isinstance(result, list)
        accepted(result)
    assert len(ledger.event_ids(tenant)) == 3 * BATCH_EVENTS
    ledger.check()
