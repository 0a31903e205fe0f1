"""Quotas by day, at the door and by a real ledger, over midnight."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from application.audit.acts import Streams
from application.audit.newest import Newest
from application.ports import Accepted, Duplicate, Outcome, Refused
from application.tenancy.quotas import KeepQuotas
from domain.errors import QuotaExceeded
from domain.orders.events import Draft
from domain.tenancy.quotas import DAY_US, Limits, Quota
from infrastructure.event_store.committer import Committer
from infrastructure.event_store.histories import Histories
from infrastructure.key_store.files import FileKeyStore
from infrastructure.postgres.connect import Pool, open_pool
from infrastructure.tenancy.days import StoredDays
from tests.infrastructure.event_store.kit import committing, fresh, personal

pytestmark = pytest.mark.anyio
MIDNIGHT = 21_000 * DAY_US
"""Of a day that lies ahead: received_at never decreases."""


class Clock:
    now = MIDNIGHT - DAY_US // 2

    def __call__(self) -> int:
        return self.now


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    async with await open_pool(database_url, "cell_0", min=1, max=4, name="test") as pool:
        yield pool


@pytest.fixture(scope="module")
def clock() -> Clock:
    """One for all tests of the database: it never goes back."""
    return Clock()


def keeping(pool: Pool, clock: Clock, quota: int | None) -> KeepQuotas:
    newest = Newest(Streams(Histories(pool)), Quota)
    return KeepQuotas(newest, StoredDays(pool), Limits(quota), clock)


def kinds(outcomes: list[Outcome]) -> list[type]:
    return [
        type(one.error) if isinstance(one, Refused) else type(one)
        for one in outcomes
    ]  # fmt: skip


def drafts(tenant: str, *numbers: int) -> list[Draft]:
    return [personal(f"e{number}", "o1", tenant) for number in numbers]


async def test_it_is_exact_over_midnight_whoever_records(
    database_url: str, pool: Pool, key_store: FileKeyStore, clock: Clock
) -> None:
    """Two processes, each with what it knows."""
    tenant = fresh("quota")
    mine, others = keeping(pool, clock, 5), keeping(pool, clock, 5)

    async def send(door: Committer, quotas: KeepQuotas, *numbers: int) -> list[type]:
        await quotas.look(tenant)
        return kinds(await door.submit(drafts(tenant, *numbers)))

    async with (
        committing(database_url, key_store, clock=clock, allowances=mine) as one,
        committing(database_url, key_store, clock=clock, allowances=others) as other,
    ):
        clock.now = MIDNIGHT - 10_000_000
        assert await send(one, mine, 1, 2, 3) == [Accepted] * 3
        assert await send(other, others, 4, 5, 6) == [Accepted, Accepted, QuotaExceeded]
        assert await send(one, mine, 6, 1) == [QuotaExceeded, Duplicate]
        assert (await mine.usage(tenant)).events_per_day.remaining == 0
        clock.now = MIDNIGHT + 1_000_000
        # This one was queued before midnight: nothing was looked up since.
        late = await one.submit(drafts(tenant, 6, 7))
        assert kinds(late) == [Accepted] * 2
        assert await send(other, others, 8, 9) == [Accepted] * 2
        assert await send(one, mine, 10, 11) == [Accepted, QuotaExceeded]
        assert await send(other, others, 11) == [QuotaExceeded]
        usage = (await others.usage(tenant)).events_per_day
        assert (usage.quota, usage.used, usage.remaining) == (5, 5, 0)
        assert mine.refusals["events_per_day"] == 2
        assert others.refusals["events_per_day"] == 2


async def test_without_a_quota_nothing_is_refused_and_others_are_not_concerned(
    database_url: str, pool: Pool, key_store: FileKeyStore, clock: Clock
) -> None:
    limited, free = keeping(pool, clock, 1), keeping(pool, clock, None)
    tenant, other = fresh("quota"), fresh("quota")
    await limited.look(tenant)
    async with committing(database_url, key_store, clock=clock, allowances=limited) as door:
        assert kinds(await door.submit(drafts(tenant, 1, 2))) == [Accepted, QuotaExceeded]
        assert kinds(await door.submit(drafts(other, 1, 2))) == [Accepted] * 2
    await free.look(tenant)
    async with committing(database_url, key_store, clock=clock, allowances=free) as door:
        assert kinds(await door.submit(drafts(tenant, 2, 3))) == [Accepted] * 2
    usage = await free.usage(tenant)
    assert (usage.events_per_day.quota, usage.events_per_day.used) == (None, 3)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 8, 33])
async def test_the_first_event_of_a_day_is_found(
    database_url: str, pool: Pool, key_store: FileKeyStore, clock: Clock, count: int
) -> None:
    tenant, days = fresh("days"), StoredDays(pool)
    moments = []
    async with committing(database_url, key_store, clock=clock) as door:
        for number in range(count):
            clock.now += 1000
            moments.append(clock.now)
            await door.submit(drafts(tenant, number))
    for before, moment in enumerate(moments):
        assert await days.before(tenant, moment) == (before, count)
    assert await days.before(tenant, clock.now + 1) == (count, count)
    assert await days.before(tenant, 0) == (0, count)
