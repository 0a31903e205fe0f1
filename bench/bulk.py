"""Bulk: raw NDJSON, and drafts, onto the ledger; against COPY of the very same rows' bytes.

The competitor gets the rows ready-made, in PostgreSQL's binary format, in one transaction, into a
table with the columns and indexes of `events`: nothing that stores these rows can be faster.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Iterator
from pathlib import Path

from psycopg import Connection

from bench.figures import Aim, Row
from bench.filling import prepared, submitted
from bench.ground import TENANT, Ground
from bench.sample import bodies
from bench.scale import Say, Scale
from interfaces.composition.connections import blocking
from interfaces.composition.maintenance import import_file
from interfaces.composition.writing import writing
from interfaces.settings import Settings

_COLUMNS = "position, originator_id, originator_version, topic, tenant_id, sequence, event_id, \
correction_of, received_us, entry, ledger_hash, state"


def bulk(ground: Ground, scale: Scale, say: Say) -> Iterator[Row]:
    """Each round in a fresh installation: import, drafts, COPY."""
    events = bodies(scale.bulk_events)
    imports: list[float] = []
    drafts: list[float] = []
    copies: list[float] = []
    for _ in range(scale.rounds):
        with ground.installation() as settings:
            imports.append(len(events) / _import(settings, events))
            copies.append(len(events) / _copy(settings))
        with ground.installation() as settings:
            drafts.append(len(events) / asyncio.run(_drafts(settings, events)))
        say(f"bulk: {imports[-1]:,.0f}/s, drafts {drafts[-1]:,.0f}/s, COPY {copies[-1]:,.0f}/s")
    yield Row("import of NDJSON", "/s", imports, (), Aim(">=", 30_000, of="figure"))
    yield Row("  raw COPY of its rows", "/s", imports, copies, Aim(">=", 0.35))
    yield Row("prepared drafts, raw COPY", "/s", drafts, copies)


def _import(settings: Settings, events: list[bytes]) -> float:
    settings.data_dir.mkdir(exist_ok=True)
    path = settings.data_dir / "events.ndjson"
    path.write_bytes(b"\n".join(events))

    async def run() -> None:
        done = await import_file(settings, TENANT, Path(path), lambda *_: None, asyncio.Event())
        assert done.tally.recorded == len(events), done.tally

    started = time.perf_counter()
    asyncio.run(run())
    return time.perf_counter() - started


async def _drafts(settings: Settings, events: list[bytes]) -> float:
    async with writing(settings, "bench") as side:
        drafts = prepared(side, events)
        gc.freeze()  # that so many lie ready is the benchmark's doing, not the committer's load
        try:
            return await submitted(side, drafts)
        finally:
            gc.unfreeze()


def _copy(settings: Settings) -> float:
    with blocking(settings, "bench copy", as_owner=True)() as connection:
        rows = _rows(connection)
        connection.execute("create table copied (like events including all)")
        connection.execute("checkpoint")
        started = time.perf_counter()
        with connection.cursor().copy(f"copy copied ({_COLUMNS}) from stdin (format binary)") as to:
            for block in rows:
                to.write(block)
        return time.perf_counter() - started


def _rows(connection: Connection[object]) -> list[bytes]:
    query = f"copy (select {_COLUMNS} from events order by position) to stdout (format binary)"
    with connection.cursor().copy(query.encode()) as rows:
        return [bytes(row) for row in rows]
