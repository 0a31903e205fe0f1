"""A restored backup: reading goes on, and nothing is recorded until somebody has decided."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from structlog.testing import capture_logs

from interfaces.settings import Settings
from tests.infrastructure.ledger.cell import PATIENCE, until
from tests.interfaces.cli.program import run
from tests.interfaces.http.journeys.house import BASE, opened
from tests.interfaces.http.journeys.restoring import reopened, settings

pytestmark = pytest.mark.anyio


async def test_writing_is_refused_and_reading_goes_on(restored: Settings) -> None:
    async with opened(restored) as house:
        shop = house.shop()
        with psycopg.connect(restored.database_url) as connection:
            ((shop.tenant, event_id),) = connection.execute(
                "select tenant_id, event_id from cell_0.events"
            ).fetchall()
        correction = {
            "event_id": "c", "correction_of": event_id, "order_id": "ord_1",
            "payload": {"correction": "typed wrong"}, "occurred_at": "2025-01-02T00:00:00Z",
        }  # fmt: skip
        snapshot = {"snapshot_id": "s", "captured_at": "2025-01-01T12:00:00Z", "source": "shop"}
        for path, body in (
            ("/events", shop.event()),
            ("/corrections", correction),
            ("/orders/ord_1/snapshots", {**snapshot, "state": {"order_id": "ord_1"}}),
        ):
            answer = await shop.as_role("producer").post(f"{BASE}{path}", json=body)
            assert answer.status_code == 503, (path, answer.text)
            assert "order-history ledger reopen" in answer.json()["detail"]
            assert int(answer.headers["retry-after"]) > 0
        stored = await shop.read(f"/events/{event_id}", "support")
        assert stored["payload"] == {"note": "before"}
        health = (await shop.as_role("operator").get(f"{BASE}/health")).json()["subsystems"]
        assert health["committer"]["status"] == "down"
        assert "order-history ledger reopen" in health["committer"]["reason"]


async def test_a_job_waits_with_pauses(restored: Settings) -> None:
    """It is not failed, and not tried all the time."""
    async with opened(restored) as house:
        shop = house.shop()
        lines = b"\n".join(msgspec.json.encode(shop.event()) for _ in range(3))
        producer = shop.as_role("producer")
        with capture_logs() as logs:
            headers = {"Content-Type": "application/x-ndjson"}
            answer = await producer.post(f"{BASE}/events/bulk", content=lines, headers=headers)
            assert answer.status_code == 202, answer.text
            await until(lambda: _waits(logs) >= 2)
            seen = _waits(logs)
            await asyncio.sleep(1.0)
        assert _waits(logs) - seen < 5
        job = (await producer.get(f"{BASE}/jobs/{answer.json()['job_id']}")).json()
        assert job["status"] in ("queued", "running")
        assert job["errors"] == []


def _waits(logs: Sequence[Mapping[str, Any]]) -> int:
    return sum(line["event"] == "job waits" for line in logs)


async def test_storage_that_cannot_tell_stops_writing_alone(original: str, tmp_path: Path) -> None:
    """And recording goes on by itself when it can."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "published").write_text("not a directory")
    async with opened(settings(original, tmp_path / "data")) as house:
        shop = house.shop()
        answer = await shop.send(shop.event())
        assert answer.status_code == 503
        assert "cannot be told" in answer.json()["detail"]
        assert await shop.walk("/events") == []
        (tmp_path / "data" / "published").unlink()
        async with asyncio.timeout(PATIENCE):
            while (await shop.send(shop.event())).status_code != 201:  # noqa: ASYNC110  # it tells when asked
                await asyncio.sleep(0.1)


async def test_an_import_says_so_at_once(restored: Settings, tmp_path: Path) -> None:
    event = {
        "event_id": "e1", "order_id": "o1", "occurred_at": "2025-01-01T10:00:00Z",
        "source": "shop", "type": "order.note.added", "schema_version": "v1", "payload": {},
    }  # fmt: skip
    (tmp_path / "a.ndjson").write_bytes(msgspec.json.encode(event))
    ended = await asyncio.to_thread(
        run, "import", tmp_path / "a.ndjson", "--tenant", "shop",
        "--database-url", restored.database_url, "--data-dir", restored.data_dir,
    )  # fmt: skip
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1, ended.stderr
    assert "order-history ledger reopen" in ended.stderr
    with psycopg.connect(restored.database_url) as connection:
        assert connection.execute("select from cell_0.jobs").fetchall() == []


async def test_after_a_reopening_it_is_signed_under_a_new_origin(restored: Settings) -> None:
    await reopened(restored)
    async with opened(restored) as house:
        shop = house.shop()
        await shop.record()

        def newest() -> list[tuple[str, int]]:
            with psycopg.connect(restored.database_url) as connection:
                return connection.execute(
                    "select split_part(note, E'\\n', 1), size from cell_0.ledger_checkpoints"
                    " where epoch = 2 and tenant_id = %s", (shop.tenant,),
                ).fetchall()  # fmt: skip

        await until(lambda: bool(newest()))
        ((origin, size),) = newest()
        assert origin.endswith(f"/{shop.tenant}/2")
        assert size == 1
        with psycopg.connect(restored.database_url, autocommit=True) as connection:
            alarms = "select from cell_0.ledger_alarms"
            await until(lambda: connection.execute(alarms).fetchall() == [])
