"""A job cut off at any step, before or after what the step writes, counts every line once."""

from __future__ import annotations

import asyncio
import gzip
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from application.intake.bulk import BulkIngest
from application.intake.recording import Recording
from application.jobs.ports import Job
from application.jobs.running import Run
from domain.errors import Unavailable
from tests.application.intake.kit import Intake, event

pytestmark = pytest.mark.anyio

GENERATED = Path(__file__).parents[4] / "shared/data/events/generated-20k.ndjson.gz"
CHUNKS = 3
BODY = b"\n".join(
    line
    for number in range(250 * CHUNKS)
    for line in [
        b"{bad" if number % 50 == 7 else event(f"e{number % 200}", payload={"n": number % 300})
    ]
)


class Killed(BaseException):
    """Ends everything, as SIGKILL does: nothing on the way may catch it."""


class Faulty:
    """Stands before a port; the n-th call of any method fails, before or after its effect."""

    def __init__(self, port: Any, fault: Callable[[], type[BaseException] | None], late: bool):
        self._port = port
        self._fault = fault
        self._late = late

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        if name == "outcome_statement":
            return method

        async def call(*args: Any, **kwargs: Any) -> Any:
            error = self._fault()
            if error and not self._late:
                raise error
            answer = await method(*args, **kwargs)
            if error:
                raise error
            return answer

        return call


def faulty(intake: Intake, at: int, late: bool, error: type[BaseException]) -> BulkIngest:
    """The handler, whose `at`-th step fails."""
    steps = iter(range(10**9))

    def fault() -> type[BaseException] | None:
        return error if next(steps) == at else None

    own = intake.recording
    spool = Faulty(intake.spool, fault, late)
    door = Faulty(own._door, fault, late)
    recording = Recording(
        own._preparing, door, own._comparer, own._admission, spool, intake.cipher, own._look
    )
    return BulkIngest(recording, spool, intake.cipher)


async def attempt(intake: Intake, job: Job, handler: BulkIngest) -> bool:
    """Whether the handler came to its end."""
    try:
        await handler(Run(job, intake.jobs, asyncio.Event()))
    except (Killed, Unavailable):
        return False
    return True


def expected() -> dict[str, int]:
    """The counts, told by the plainest of models."""
    seen: dict[str, Any] = {}
    counts = {"recorded": 0, "duplicates": 0, "conflicts": 0, "rejected": 0}
    for line in BODY.split(b"\n"):
        if line == b"{bad":
            counts["rejected"] += 1
            continue
        one = msgspec.json.decode(line)
        if one["event_id"] not in seen:
            seen[one["event_id"]] = one
            counts["recorded"] += 1
        elif seen[one["event_id"]] == one:
            counts["duplicates"] += 1
        else:
            counts["conflicts"] += 1
    return {**counts, "last_sequence": counts["recorded"]}


@pytest.mark.parametrize("late", [False, True], ids=["failed", "failed though done"])
@pytest.mark.parametrize("error", [Killed, Unavailable])
async def test_any_step_may_fail(intake: Intake, late: bool, error: type[BaseException]) -> None:
    at, ended = 0, False
    while not ended:
        intake.tenant = f"{intake.tenant.partition('-')[0]}-{at}"
        intake.caller = intake.as_role("producer", "shop")
        job = await intake.send(BODY)
        ended = await attempt(intake, job, faulty(intake, at, late, error))
        after = await intake.run(job)
        assert (after.status, after.result) == ("succeeded", expected()), f"step {at}"
        assert after.done == after.total == 250 * CHUNKS
        assert await intake.count("events") == after.result["recorded"]
        kept = after.result["rejected"] + after.result["conflicts"]
        assert await intake.count("job_lines") == kept
        assert await intake.count("job_chunks") == 0
        at += 1
    assert at > 4 * CHUNKS


async def test_two_workers_at_once_count_once(intake: Intake) -> None:
    job = await intake.send(BODY)
    await asyncio.gather(*(attempt(intake, job, intake.bulk) for _ in range(3)))
    after = await intake.run(job)
    assert after.result == expected()
    assert await intake.count("events") == after.result["recorded"]


async def test_generated_events_interrupted_at_random(intake: Intake) -> None:
    tenants: dict[str, list[bytes]] = {}
    for line in gzip.decompress(GENERATED.read_bytes()).rstrip(b"\n").split(b"\n"):
        try:
            tenant = msgspec.json.decode(line)["metadata"]["tenant_id"]
        except (msgspec.DecodeError, KeyError, TypeError):
            tenant = "malformed"
        tenants.setdefault(tenant, []).append(line)
    assert len(tenants) == 9
    chance = random.Random(7)
    for tenant, lines in tenants.items():
        intake.tenant = tenant
        intake.caller = intake.as_role("producer", "shop")
        job = await intake.send(b"\r\n".join(lines) + b"\r\n")
        while not await attempt(
            intake, job, faulty(intake, chance.randrange(40), chance.random() < 0.5, Killed)
        ):
            pass
        first = (await intake.run(job)).result
        assert sum(first.values()) - first["last_sequence"] == len(lines)
        assert first["recorded"] == first["last_sequence"] == await intake.count("events")
        again = (await intake.run(await intake.send(b"\n".join(lines)))).result
        assert (again["recorded"], again["rejected"]) == (0, first["rejected"])
        assert again["conflicts"] == first["conflicts"]
        assert again["duplicates"] == first["recorded"] + first["duplicates"]
