"""The door under many callers: everything once, in order, and each failure its own."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from application.ports import Accepted, Duplicate, Outcome, Refused, Statement
from domain.errors import Forbidden, Invalid, Unavailable
from infrastructure.event_store.committer import Committer
from infrastructure.key_store.files import FileKeyStore
from tests.domain.ledger.drafts import correction, draft
from tests.infrastructure.event_store.kit import (
    Ledger,
    accepted,
    committing,
    fresh,
    note,
    now_us,
    personal,
)

pytestmark = pytest.mark.anyio


async def _submit_one_by_one(door: Committer, tenant: str, ids: Sequence[str]) -> Counter[str]:
    seen: Counter[str] = Counter()
    for event_id in ids:
        (outcome,) = await door.submit([personal(event_id, f"o{event_id[-1]}", tenant)])
        seen[type(outcome).__name__] += 1
    return seen


async def test_many_callers_of_several_tenants(committer: Committer, ledger: Ledger) -> None:
    tenants = [fresh("many") for _ in range(3)]
    ids = [f"e{number}" for number in range(40)]
    shuffled = random.Random(7)  # every event is sent by three callers, each in an order of its own
    calls = [
        _submit_one_by_one(committer, tenant, shuffled.sample(ids, len(ids)))
        for tenant in tenants
        for _ in range(3)
    ]
    seen = sum(await asyncio.gather(*calls), Counter())
    assert seen == {"Accepted": 3 * 40, "Duplicate": 3 * 2 * 40}
    for tenant in tenants:
        assert sorted(ledger.event_ids(tenant)) == sorted(ids)
    ledger.check()


async def test_two_committers_on_one_cell(
    database_url: str, key_store: FileKeyStore, ledger: Ledger
) -> None:
    tenants = [fresh("pair") for _ in range(2)]
    ids = [f"e{number}" for number in range(60)]
    async with (
        committing(database_url, key_store) as one,
        committing(database_url, key_store) as two,
    ):
        calls = [
            _submit_one_by_one(door, tenant, ids if door is one else ids[::-1])
            for door in (one, two)
            for tenant in tenants
            for _ in range(2)
        ]
        seen = sum(await asyncio.gather(*calls), Counter())
    assert seen == {"Accepted": 2 * 60, "Duplicate": 2 * 3 * 60}
    assert all(sorted(ledger.event_ids(tenant)) == sorted(ids) for tenant in tenants)
    ledger.check()


async def test_an_accepted_event_is_told_as_it_is_stored(
    committer: Committer, ledger: Ledger
) -> None:
    tenant = fresh("told")
    (outcome,) = accepted(await committer.submit([draft("e1", "o1", tenant)]))
    event = outcome.event
    assert ledger.rows(
        "select position, tenant_id, sequence, uuid_send(originator_id), originator_version,"
        " received_us, entry, ledger_hash, state from events where tenant_id = %s",
        tenant,
    ) == [tuple(getattr(event, name) for name in event.__struct_fields__)]


async def test_each_draft_of_a_request_has_an_outcome(committer: Committer, ledger: Ledger) -> None:
    tenant = fresh("mixed")
    outcomes = await committer.submit(
        [
            draft("e1", "o1", tenant),
            correction("c1", "nowhere", tenant_id=tenant, target_required=True),
            draft("e1", "o1", tenant),
            correction("c2", "e1", tenant_id=tenant, target_required=True),
        ]
    )
    first, refused, again, last = outcomes
    assert isinstance(first, Accepted)
    assert isinstance(refused, Refused)
    assert isinstance(refused.error, Invalid)
    assert again == Duplicate(first.event.position, first.event.sequence)
    assert isinstance(last, Accepted)
    assert ledger.event_ids(tenant) == ["e1", "c2"]


async def test_a_clock_that_goes_back(
    database_url: str, key_store: FileKeyStore, ledger: Ledger
) -> None:
    tenant, start = fresh("clock"), now_us() + 3_600_000_000  # later than any other test's events
    times = iter([start, start - 60_000_000, start - 59_000_000, start + 5])
    received = []
    async with committing(database_url, key_store, clock=lambda: next(times)) as door:
        for number in range(4):
            (outcome,) = accepted(await door.submit([draft(f"e{number}", "o1", tenant)]))
            received.append(outcome.event.received_us - start)
            if number == 1:
                assert door.ahead_us == 60_000_000
    assert received == [0, 1, 2, 5]
    ledger.check()


async def test_a_closed_installation_takes_registered_tenants_only(
    database_url: str, key_store: FileKeyStore, ledger: Ledger
) -> None:
    known, unknown = fresh("known"), fresh("unknown")
    ledger.connection.execute(
        "insert into public.tenants (tenant_id, created_us) values (%s, 0)", (known,)
    )
    async with committing(database_url, key_store, open_tenants=False) as door:
        results = await asyncio.gather(
            door.submit([draft("e1", "o1", known)]), door.submit([draft("e1", "o1", unknown)])
        )
    accepted(results[0])
    (refused,) = results[1]
    assert isinstance(refused, Refused)
    assert isinstance(refused.error, Forbidden)
    assert ledger.rows("select 1 from public.tenants where tenant_id = %s", unknown) == []


async def test_a_tenant_is_registered_by_its_first_event(
    committer: Committer, ledger: Ledger
) -> None:
    tenant = fresh("first")
    lonely = correction("c1", "nowhere", tenant_id=tenant, target_required=True)
    await committer.submit([lonely])
    assert ledger.rows("select 1 from public.tenants where tenant_id = %s", tenant) == []
    await committer.submit([draft("e1", "o1", tenant)])
    assert ledger.rows("select 1 from public.tenants where tenant_id = %s", tenant) == [(1,)]


async def test_an_idempotency_key_in_one_batch_and_after(
    committer: Committer, ledger: Ledger
) -> None:
    tenant = fresh("keys")

    async def send(event_id: str) -> Outcome:
        drafts = [draft(event_id, "o1", tenant)]
        return (await committer.submit(drafts, idempotency=("shop", "k1")))[0]

    outcomes = [*await asyncio.gather(send("e1"), send("e2")), await send("e3"), await send("e1")]
    kinds = [Accepted, Refused, Refused, Duplicate]
    assert [type(outcome) for outcome in outcomes] == kinds
    kept = "select event_id, sequence from idempotency_keys where tenant_id = %s"
    assert ledger.rows(kept, tenant) == [("e1", 1)]


async def test_an_idempotency_key_that_first_comes_with_a_repeated_event(
    committer: Committer, ledger: Ledger
) -> None:
    tenant = fresh("late-key")

    async def send(event_id: str) -> Outcome:
        return (await committer.submit([draft(event_id, "o1", tenant)], idempotency=("s", "k")))[0]

    accepted(await committer.submit([draft(f"e{n}", "o1", tenant) for n in (0, 1)]))
    outcomes = [*await asyncio.gather(send("e1"), send("e2")), await send("e2")]
    assert [type(outcome) for outcome in outcomes] == [Duplicate, Refused, Refused]
    kept = "select event_id, sequence from idempotency_keys where tenant_id = %s"
    assert ledger.rows(kept, tenant) == [("e1", 2)]


def _wrong(_outcomes: Sequence[Outcome]) -> list[Statement]:
    return [("insert into no_such_table values (1)", ())]


def _broken(_outcomes: Sequence[Outcome]) -> list[Statement]:
    raise KeyError("a fault of the program")


def _impossible(_outcomes: Sequence[Outcome]) -> list[Statement]:
    return [("select 1 / 0", ())]


FAILURES = [(_wrong, Unavailable), (_impossible, Invalid), (_broken, KeyError)]


@pytest.mark.parametrize(("beside", "error"), FAILURES)
async def test_a_request_that_fails_fails_alone(
    committer: Committer, ledger: Ledger, beside: Any, error: type[Exception]
) -> None:
    tenant = fresh("alone")
    calls = [
        committer.submit([draft(f"e{n}", "o1", tenant)], beside=beside if n == 5 else None)
        for n in range(12)
    ]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [n for n, result in enumerate(results) if isinstance(result, BaseException)] == [5]
    assert type(results[5]) is error
    assert ledger.event_ids(tenant) == [f"e{n}" for n in range(12) if n != 5]
    accepted(await committer.submit([draft("e5", "o1", tenant)]))
    ledger.check()


async def test_what_stands_beside_is_written_with_the_events_or_not_at_all(
    committer: Committer, ledger: Ledger
) -> None:
    table, tenant = fresh("beside"), fresh("beside")
    ledger.connection.execute(f"create table {table} (value text)".encode())
    ledger.connection.execute(f"grant insert on {table} to public".encode())
    accepted(await committer.submit([draft("e1", "o1", tenant)], beside=note(table, "one")))

    def both(_outcomes: Sequence[Outcome]) -> list[Statement]:
        return [(f"insert into {table} values (%s)", ("two",)), *_wrong([])]

    with pytest.raises(Unavailable):
        await committer.submit([draft("e2", "o1", tenant)], beside=both)
    assert ledger.rows(f"select value from {table}") == [("one",)]
    assert ledger.event_ids(tenant) == ["e1"]


async def test_an_erased_owner_gets_a_digest_and_no_disclosure(
    committer: Committer, ledger: Ledger
) -> None:
    tenant = fresh("erased")
    accepted(await committer.submit([personal("e1", "o1", tenant)]))
    ledger.connection.execute("update data_keys set wrapped = null where tenant_id = %s", (tenant,))
    drafts = [personal("e2", "o1", tenant), personal("e3", "o2", tenant)]
    accepted(await committer.submit(drafts))
    disclosed = "select sequence from disclosures where tenant_id = %s order by sequence"
    assert ledger.rows(disclosed, tenant) == [(1,), (3,)]
    states = "select state from events where tenant_id = %s"
    assert all(b'"note":{"_sd":"' in row[0] for row in ledger.rows(states, tenant))
    live = "select subject from data_keys where tenant_id = %s and wrapped is not null"
    assert ledger.rows(live, tenant) == [("o2",)]
