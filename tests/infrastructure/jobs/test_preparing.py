from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from application.intake.preparing import PrepareHere
from application.intake.scrubbing import Line
from application.orders.record import Preparer
from domain.errors import FieldError, Unavailable
from domain.ledger.sealing import event_bytes
from domain.orders.events import decode_body
from infrastructure.jobs.preparing import PrepareElsewhere
from infrastructure.schemas import PayloadSchemas
from tests.application.intake.kit import event

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[3]
LINES = [
    Line(1, event("a", payload={"note": "Maria", "customer": {"email": "m@example.org"}})),
    Line(2, b"{bad"),
    Line(3, event("b", payload={"note": "[PAN ****1111]"}), ("/payload/note",)),
    Line(4, event("c"), refused=(FieldError("/source", "must not hold a card number"),)),
    Line(5, event("d", occurred_at="never")),
]


def make() -> Preparer:
    """The same salt each time, so that drafts can be compared."""
    return Preparer(PayloadSchemas(), lambda: 1_800_000_000_000_000, bytes, lambda _: None)


@pytest.fixture
def elsewhere() -> Iterator[PrepareElsewhere]:
    warmed: list[str] = []
    preparing = PrepareElsewhere(make, warmed.append, few=0)
    yield preparing
    preparing.close()
    assert warmed == ["t"]


async def test_the_same_comes_out_elsewhere_and_here(elsewhere: PrepareElsewhere) -> None:
    here = await PrepareHere(make()).prepare("t", LINES)
    assert await elsewhere.prepare("t", LINES) == here
    assert [draft.event_id for draft in here.drafts] == ["a", "b"]
    assert list(here.refused) == [1, 3, 4]
    third = here.drafts[1]
    body = decode_body(event_bytes(third, 1, b""))
    assert body.redactions == msgspec.Raw(b'["/payload/note"]')
    assert elsewhere.read(LINES[0]).event_id == "a"


async def test_a_few_lines_start_no_process() -> None:
    preparing = PrepareElsewhere(make, lambda _: None, few=len(LINES))
    first = await preparing.prepare("t", LINES)
    assert preparing._executor is None
    assert await preparing.prepare("t", LINES) == first
    assert preparing._executor is not None
    preparing.close()


async def test_a_killed_process_is_replaced(elsewhere: PrepareElsewhere) -> None:
    await elsewhere.prepare("t", LINES)
    assert elsewhere._executor is not None
    (child,) = elsewhere._executor._processes
    os.kill(child, signal.SIGKILL)
    with pytest.raises(Unavailable):
        await elsewhere.prepare("t", LINES)
    assert len((await elsewhere.prepare("t", LINES)).drafts) == 2


async def test_the_process_ends_with_its_parent() -> None:
    code = (
        "import asyncio, time\n"
        "from tests.infrastructure.jobs.test_preparing import LINES, make\n"
        "from infrastructure.jobs.preparing import PrepareElsewhere\n"
        "there = PrepareElsewhere(make, str, few=0)\n"
        "asyncio.run(there.prepare('t', LINES))\n"
        "print(*there._executor._processes, flush=True)\n"
        "time.sleep(60)\n"
    )
    env = {"PYTHONPATH": str(ROOT)}
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, cwd=ROOT, env=env, stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    child = int(await parent.stdout.readline())
    parent.kill()
    await parent.wait()
    async with asyncio.timeout(20):
        while _runs(child):  # noqa: ASYNC110  # the child of another process
            await asyncio.sleep(0.02)


def _runs(pid: int) -> bool:
    """Whether a process is there, and not only waits to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
