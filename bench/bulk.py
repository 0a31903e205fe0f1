"""Bulk: raw NDJSON, and drafts, onto the ledger; against COPY of the very same rows' bytes.

The competitor gets the rows ready-made, in PostgreSQL's binary format, in one transaction, into
tables with the columns and indexes of ours: nothing that stores these rows can be faster. Once it
stores the events alone, and once all that an import stores of them: the encrypted personal values
and their keys, too.
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

EVENTS = ("events",)
ALL = ("events", "disclosures", "data_keys")


def bulk(ground: Ground, scale: Scale, say: Say) -> Iterator[Row]:
    """Each round in a fresh installation: import, drafts, COPY."""
    events = bodies(scale.bulk_events)
    imports: list[float] = []
    drafts: list[float] = []
    copies: list[float] = []
    whole: list[float] = []
    for _ in range(scale.rounds):
        with ground.installation() as settings:
            imports.append(len(events) / _import(settings, events))
            copies.append(len(events) / _copy(settings, EVENTS))
            whole.append(len(events) / _copy(settings, ALL))
        with ground.installation() as settings:
            drafts.append(len(events) / asyncio.run(_drafts(settings, events)))
        raw = f"COPY {copies[-1]:,.0f}/s, of all {whole[-1]:,.0f}/s"
        say(f"bulk: {imports[-1]:,.0f}/s, drafts {drafts[-1]:,.0f}/s, {raw}")
    yield Row("import of NDJSON", "/s", imports, (), Aim(">=", 30_000, of="figure"))
    yield Row("  raw COPY of its events", "/s", imports, copies, Aim(">=", 0.35))
    yield Row("  raw COPY of all its rows", "/s", imports, whole)
    yield Row("prepared drafts, raw COPY of events", "/s", drafts, copies)
    yield Row("  raw COPY of all their rows", "/s", drafts, whole)


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


def _copy(settings: Settings, tables: tuple[str, ...]) -> float:
    with blocking(settings, "bench copy", as_owner=True)() as connection:
        stored = [(table, _rows(connection, table)) for table in tables]
        for table in tables:
            connection.execute(f"drop table if exists copied_{table}".encode())
            connection.execute(f"create table copied_{table} (like {table} including all)".encode())
        connection.execute("checkpoint")
        started = time.perf_counter()
        with connection.transaction():
            for table, rows in stored:
                copy = f"copy copied_{table} from stdin (format binary)".encode()
                with connection.cursor().copy(copy) as to:
                    for block in rows:
                        to.write(block)
        return time.perf_counter() - started


def _rows(connection: Connection[object], table: str) -> list[bytes]:
    with connection.cursor().copy(f"copy {table} to stdout (format binary)".encode()) as rows:
        return [bytes(row) for row in rows]
