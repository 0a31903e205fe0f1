from __future__ import annotations

import msgspec
import pytest

from domain.errors import TenantLeft
from tests.application.intake.kit import Intake, event

pytestmark = pytest.mark.anyio


async def test_every_line_is_counted_once(intake: Intake) -> None:
    same, other = event("a"), event("a", payload={"note": "something else"})
    reordered = msgspec.json.encode(dict(reversed(msgspec.json.decode(same).items())))
    body = b"\n".join([same, b"", event("b"), reordered, b"{", b"  \r", other, event("c")])
    job = await intake.run(await intake.send(body))
    assert job.status == "succeeded"
    assert job.result == {
        "recorded": 3,
        "duplicates": 1,
        "conflicts": 1,
        "rejected": 1,
        "last_sequence": 3,
    }
    assert (job.done, job.total) == (6, 6)
    assert [(one["line"], one["outcome"]) for one in job.errors] == [
        (5, "rejected"),
        (7, "conflict"),
    ]
    assert job.errors[1]["errors"] == [
        {"pointer": "/payload/note", "detail": "differs from what is recorded"}
    ]


async def test_sequences_follow_the_lines(intake: Intake) -> None:
    ids = [f"e{number}" for number in range(600)]
    await intake.run(await intake.send(b"\n".join(event(one) for one in ids)))
    rows = await intake.rows("select event_id from events where tenant_id = %s order by sequence")
    assert [row[0] for row in rows] == ids


async def test_of_a_tenant_that_leaves_while_it_comes_nothing_is_kept(intake: Intake) -> None:
    intake.served.left.add(intake.tenant)
    with pytest.raises(TenantLeft):
        await intake.send(event("a"))
    for table in ("job_chunks", "jobs"):
        assert await intake.rows(f"select 1 from {table} where tenant_id = %s") == []
