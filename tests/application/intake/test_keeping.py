"""What of a bulk job lies on the disk, for how long, and who reads it."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from application.intake.sweeping import KEPT_FOR_US, ORPHAN_AFTER_US
from application.jobs.running import Cancelled, Run
from domain.errors import Forbidden, Invalid, NotFound, Unavailable, Unreadable
from domain.orders.incoming import MAX_EVENT_BYTES
from infrastructure.key_store.files import FileKeyStore
from tests.application.intake.kit import Intake, blocks, event

pytestmark = pytest.mark.anyio

CARD = "4111111111111111"
HOSTILE = [
    event("a", payload={"note": f"Maria paid with {CARD}"}),
    b'{"note": "Maria %s' % CARD.encode(),
    event("b", source=f"Maria {CARD}"),
    b'"Maria' + b" " * MAX_EVENT_BYTES + CARD.encode() + b'"',
    '{"Maria": "4111111111111111"}'.encode("utf-16"),
    b"\x00Maria",
    b"[" * 100_000,
]


async def everything(intake: Intake) -> bytes:
    """All that the tables of jobs hold of the tenant, as PostgreSQL holds it."""
    found = b""
    for table in ("jobs", "job_chunks", "job_lines"):
        rows = await intake.rows(f"select to_jsonb(t) from {table} t where tenant_id = %s")
        for (row,) in rows:
            found += msgspec.json.encode(row)
            for value in row.values():
                if isinstance(value, str) and value.startswith("\\x"):
                    found += bytes.fromhex(value[2:])
    return found


def keys(key_store: FileKeyStore) -> list[str]:
    return sorted(path.name.split(".")[1] for path in Path(key_store._jobs).glob("*.key"))


async def test_spool_and_kept_lines_are_scrubbed_and_sealed(
    intake: Intake, key_store: FileKeyStore
) -> None:
    job = await intake.send(b"\n".join(HOSTILE))
    assert keys(key_store) == ["spool"]
    spooled = await everything(intake)
    chunk = await intake.spool.next((job.tenant_id, job.job_id), -1)
    assert chunk is not None
    inside = intake.cipher.open_chunk(job.tenant_id, job.job_id, 0, chunk.sealed)
    after = await intake.run(job)
    kept = await everything(intake)
    assert b"Maria" not in spooled + kept
    assert CARD.encode() not in spooled + kept
    assert b"Maria" in inside.lines[0].text
    assert not any(CARD.encode() in line.text.replace(b"\0", b"") for line in inside.lines)
    assert after.result["rejected"] == 6
    assert keys(key_store) == ["lines"]
    lines = await intake.rejected(intake.caller, job.job_id, 0, 100)
    assert [number for number, _ in lines] == [2, 3, 4, 5, 6, 7]
    shown = b"".join(text for _, text in lines)
    assert CARD.encode() not in shown
    assert b"Maria" in shown


async def test_redactions_survive_the_spool(intake: Intake) -> None:
    await intake.run(await intake.send(HOSTILE[0]))
    ((state,),) = await intake.rows("select state from events where tenant_id = %s")
    assert msgspec.json.decode(state)["redactions"] == ["/payload/note"]


async def test_chunks_open_in_their_own_place_alone(intake: Intake) -> None:
    job = await intake.send(b"\n".join(event(f"e{n}") for n in range(300)))
    await intake.rows("update job_chunks set chunk = 10 - chunk where tenant_id = %s returning 1")
    after = await intake.run(job)
    assert after.status == "failed"
    assert "does not open" in after.errors[0]["detail"]
    assert await intake.count("events") == 0


@pytest.mark.parametrize("error", [Unreadable, Unavailable, asyncio.CancelledError])
async def test_nothing_is_left_of_a_body_that_ends_early(
    intake: Intake, key_store: FileKeyStore, error: type[BaseException]
) -> None:
    async def stream() -> AsyncIterator[bytes]:
        yield b"\n".join(event(f"e{n}") for n in range(600))
        assert await intake.count("job_chunks") == 2
        raise error

    with pytest.raises(error):
        await intake.receive(intake.caller, stream())
    assert await intake.count("job_chunks") == await intake.count("jobs") == 0
    assert keys(key_store) == []
    assert intake.queue.enqueued == []


async def test_what_a_dead_process_left_is_swept(intake: Intake, key_store: FileKeyStore) -> None:
    await intake.sweep()  # what other tests left
    lost = (intake.tenant, "job_lost")
    sealed = intake.cipher._seal("job_lost", "spool", "x", b"y")
    await intake.spool.add(lost, 0, 1, sealed)
    good = await intake.send(event("a"))
    intake.clock.ahead_us = ORPHAN_AFTER_US - 60_000_000
    assert await intake.sweep() == 0
    intake.clock.ahead_us = ORPHAN_AFTER_US + 60_000_000
    assert await intake.sweep() == 1
    assert keys(key_store) == ["spool"]
    assert await intake.count("job_chunks") == 1
    assert (await intake.run(good)).result["recorded"] == 1


async def test_chunks_of_a_job_that_is_over_are_swept(
    intake: Intake, key_store: FileKeyStore
) -> None:
    job = await intake.send(event("a"))
    await intake.jobs.finish(job.tenant_id, job.job_id, "cancelled")
    await intake.sweep()
    assert (await intake.count("job_chunks"), keys(key_store)) == (0, [])


async def test_a_body_whose_chunks_were_swept_makes_no_job(intake: Intake) -> None:
    async def stream() -> AsyncIterator[bytes]:
        yield b"\n".join(event(f"e{n}") for n in range(300))
        await intake.spool.clear((intake.tenant, await _only_job(intake)))

    with pytest.raises(Unavailable):
        await intake.receive(intake.caller, stream())
    assert await intake.count("jobs") == 0


async def _only_job(intake: Intake) -> str:
    ((job_id,),) = await intake.rows("select job_id from job_chunks where tenant_id = %s")
    return str(job_id)


async def test_kept_lines_go_after_thirty_days(intake: Intake, key_store: FileKeyStore) -> None:
    job = await intake.run(await intake.send(b"{bad"))
    intake.clock.ahead_us = KEPT_FOR_US - 60_000_000
    await intake.sweep()
    assert await intake.rejected(intake.caller, job.job_id, 0, 10)
    intake.clock.ahead_us = KEPT_FOR_US + 60_000_000
    await intake.sweep()
    assert await intake.rejected(intake.caller, job.job_id, 0, 10) == []
    assert keys(key_store) == []


async def test_rejected_lines_are_for_those_who_may_see_them(intake: Intake) -> None:
    job = await intake.run(await intake.send(b"{bad"))
    for role in ("admin", "support", "investigator"):
        assert await intake.rejected(intake.as_role(role, "other"), job.job_id, 0, 10)
    with pytest.raises(Forbidden):
        await intake.rejected(intake.as_role("operator", "other"), job.job_id, 0, 10)
    with pytest.raises(NotFound):
        await intake.rejected(intake.as_role("producer", "other"), job.job_id, 0, 10)


async def test_a_cancelled_job_stops_between_chunks(
    intake: Intake, key_store: FileKeyStore
) -> None:
    job = await intake.send(b"\n".join(event(f"e{n}") for n in range(2500)))

    class CancelledOnTheWay(Run):
        seen = 0

        async def checkpoint(self) -> None:
            self.seen += 1
            if self.seen == 4:
                await intake.jobs.finish(job.tenant_id, job.job_id, "cancelled")
            await super().checkpoint()

    with pytest.raises(Cancelled):
        await intake.bulk(CancelledOnTheWay(job, intake.jobs, asyncio.Event()))
    after = await intake.run(job)
    assert after.status == "cancelled"
    assert 0 < after.done == after.result["recorded"] == await intake.count("events") < 2500
    assert await intake.count("job_chunks") == 0
    assert keys(key_store) == []


@pytest.mark.parametrize("size", [1000, 10**7])
async def test_memory_stays_bounded_over_a_long_line(intake: Intake, size: int) -> None:
    body = gzip.compress(b"x" * 3_000_000 + b"\n" + event("a"))
    after = await intake.run(await intake.send(body, block=size, gzip=True))
    assert (after.result["recorded"], after.result["rejected"]) == (1, 1)
    assert "3000000 bytes" in after.errors[0]["errors"][0]["detail"]


async def test_two_uploads_with_one_key_at_once_make_one_job(intake: Intake) -> None:
    one, two = await asyncio.gather(
        *(intake.receive(intake.caller, blocks(event("a")), idempotency_key="k") for _ in range(2))
    )
    assert one.job.job_id == two.job.job_id
    assert sorted([one.replayed, two.replayed]) == [False, True]
    assert await intake.count("job_chunks") == await intake.count("jobs") == 1
    other: Any = intake.as_role("producer", "another")
    three = await intake.receive(other, blocks(event("x")), idempotency_key="k")
    assert three.job.job_id != one.job.job_id


async def test_of_two_bodies_with_one_key_at_once_one_is_refused(
    intake: Intake, key_store: FileKeyStore
) -> None:
    ended = await asyncio.gather(
        *(
            intake.receive(intake.caller, blocks(event(f"{n}")), idempotency_key="k")
            for n in range(2)
        ),
        return_exceptions=True,
    )
    (refused,) = [one for one in ended if isinstance(one, Invalid)]
    assert refused.errors[0].pointer == "/Idempotency-Key"
    assert await intake.count("job_chunks") == await intake.count("jobs") == 1
    assert keys(key_store) == ["spool"]


def fingerprints(intake: Intake) -> Any:
    return intake.rows("select request->'fingerprint' from jobs where tenant_id = %s")


async def test_a_fingerprint_tells_nothing_of_a_body(intake: Intake) -> None:
    """Neither a card number nor a plain hash that could be guessed at is kept."""
    seen = set()
    for number in range(2):
        intake.tenant = f"{intake.tenant}-{number}"
        intake.caller = intake.as_role("producer", "shop")
        body = event("a", payload={"note": f"Maria paid with {CARD}"})
        await intake.send(body, idempotency_key="k")
        ((kept,),) = await fingerprints(intake)
        assert set(kept) == {"key_id", "mac"}
        seen.add(kept["mac"])
        other = body.replace(CARD.encode(), b"4242000000041111")
        replay = await intake.receive(intake.caller, blocks(other), idempotency_key="k")
        assert replay.replayed, "what differs in a card number alone says the same once scrubbed"
    assert len(seen) == 2, "another tenant has another key"


async def test_a_fingerprint_outlives_a_rotated_key_and_not_a_destroyed_one(
    intake: Intake, key_store: FileKeyStore
) -> None:
    await intake.send(event("a"), idempotency_key="k")
    ((kept,),) = await fingerprints(intake)
    key_store.rotate_bucket(intake.tenant, 0)
    again = await intake.receive(intake.caller, blocks(event("a")), idempotency_key="k")
    assert again.replayed
    key_store.destroy_bucket_key(intake.tenant, 0, UUID(kept["key_id"]))
    with pytest.raises(Invalid, match="too long ago"):
        await intake.receive(intake.caller, blocks(event("a")), idempotency_key="k")
