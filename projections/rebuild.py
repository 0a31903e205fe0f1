"""Rebuild: read models made anew from the event store, while hub, writers and readers go on.

    shadows ──▶ load by ranges ──▶ indexes, foreign keys ──▶ catch up ──▶ swap, model by model

Runs as the owner of the tables. Short transactions only: a long snapshot would stop vacuum. Until
its swap commits a model is untouched, so that a rebuild may be killed at any point; the next one
begins by dropping what was left.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from typing import Any

import psycopg
import structlog
from msgspec import Struct
from psycopg import AsyncConnection

from domain.errors import Conflict
from projections import shadow
from projections.digest import digest
from projections.progress import head, positions, register
from projections.read_model import ReadModel, as_broken, bury, is_poison, now_us
from projections.reading import BATCH_EVENTS, FOLLOWING, Batch, Broken, Connection, read_batch

Connect = Callable[[], Awaitable[AsyncConnection[Any]]]
Progress = Callable[[int, int], None]

RANGE_EVENTS = 20_000
RANGE_BYTES = 32 * 1024 * 1024
_ANY_PLAN = "reset enable_seqscan; reset enable_hashjoin; reset enable_mergejoin"
_SWAP_LOCK_MS = 100
_LONGEST_PAUSE = 5.0

log = structlog.get_logger(__name__)


def _silent(_done: int, _total: int) -> None:
    """No progress is shown."""


class _Rebuilt(Struct):
    """A model on its way: its shadow, how far that is, and what it had to leave out."""

    model: ReadModel
    shadow: ReadModel
    position: int = 0
    letters: list[Broken] = []


async def rebuild(
    connect: Connect, models: Sequence[ReadModel], progress: Progress | None = None
) -> None:
    """Make the models anew and swap them in; their dead letters are tried again.

    connect: opens a connection of the tables' owner, in autocommit, the cell on its search path.
    progress: called with (events done, events in all) after each range. Raises Conflict while
    another rebuild of the cell runs, or a reindex.
    """
    async with _alone(connect) as connection:
        await register(connection, [model.name for model in models])
        works = await _load(connection, connect, models, progress or _silent)
        await connection.execute(_ANY_PLAN)
        for work in works:
            await shadow.finish(connection, work.model)
        await connection.execute(FOLLOWING)
        for work in works:
            await _swap(connection, work)


async def compare(connect: Connect, models: Sequence[ReadModel]) -> list[str]:
    """Names of tables that differ from what a rebuild up to the model's place gives.

    Changes nothing. Raises Conflict while a rebuild of the cell runs, or a reindex.
    """
    different: list[str] = []
    names = [model.name for model in models]
    async with _alone(connect) as connection:
        await register(connection, names)
        places = await positions(connection, names)
        nearest = min(places.values(), default=0)
        works = await _load(connection, connect, models, _silent, up_to=nearest)
        for work in works:
            different += await _differences(connection, connect, work)
            await shadow.drop(connection, work.model)
    return different


@asynccontextmanager
async def _alone(connect: Connect) -> AsyncIterator[Connection]:
    connection = await connect()
    try:
        cursor = await connection.execute(
            "select pg_try_advisory_lock(hashtextextended('rebuild ' || current_schema(), 0))"
        )
        if not (await cursor.fetchone() or (False,))[0]:
            raise Conflict("another rebuild, or a reindex, of this cell is running")
        await connection.execute("set maintenance_work_mem = '256MB'")
        yield connection
    finally:
        await connection.close()


async def _load(
    connection: Connection,
    connect: Connect,
    models: Sequence[ReadModel],
    progress: Progress,
    up_to: int | None = None,
) -> list[_Rebuilt]:
    """Fresh shadows, loaded together: to `up_to`, or to less than a batch from the end, which
    writers may move on for ever."""
    await connection.execute(FOLLOWING)
    works = [_Rebuilt(model, model.beside(shadow.SUFFIX, derives=False)) for model in models]
    for work in works:
        await shadow.create(connection, work.model)
    total = up_to if up_to is not None else await head(connection)
    progress(0, total)
    async with aclosing(_ranges(connect, 0, up_to)) as ranges:
        with _collecting_between() as collect:
            async for batch in ranges:
                for work in works:
                    await _take(connection, work, batch)
                total = max(total, batch.end)
                progress(batch.end, total)
                collect()
                if up_to is None and await _is_near(connection, batch.end):
                    break
    progress(total, total)
    await connection.execute(_ANY_PLAN)
    for work in works:
        await shadow.derive(connection, work.model)
        work.shadow = work.model.beside(shadow.SUFFIX)
    await connection.execute(FOLLOWING)
    return works


async def _is_near(connection: Connection, position: int) -> bool:
    return await head(connection) - position < BATCH_EVENTS


@contextmanager
def _collecting_between() -> Iterator[Callable[[], object]]:
    """Garbage is collected when called, and not meanwhile: among the hundred thousand live objects
    of a range the collector finds nothing, and takes a third of the time to do so."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield lambda: gc.collect(1)
    finally:
        if was_enabled:
            gc.enable()


async def _ranges(connect: Connect, start: int, up_to: int | None) -> AsyncGenerator[Batch]:
    """The event store in large batches, the next one being read while one is applied."""
    reader = await connect()
    try:
        await reader.execute(FOLLOWING)
        ahead = asyncio.create_task(_read_range(reader, start, up_to))
        try:
            while (batch := await ahead).end > start:
                start = batch.end
                ahead = asyncio.create_task(_read_range(reader, start, up_to))
                yield batch
        finally:
            ahead.cancel()
            await asyncio.gather(ahead, return_exceptions=True)
    finally:
        await reader.close()


async def _read_range(reader: Connection, start: int, up_to: int | None) -> Batch:
    return await read_batch(reader, start, up_to=up_to, events=RANGE_EVENTS, size=RANGE_BYTES)


async def _take(connection: Connection, work: _Rebuilt, batch: Batch) -> None:
    """Apply a batch to a shadow; as `apply_once`, but its place is kept here."""
    try:
        async with connection.transaction():
            await work.shadow.apply(connection, batch.events)
    except Exception as error:
        if not is_poison(error) or not batch.events:
            raise
        failure = type(error).__name__
    else:
        work.position = batch.end
        work.letters.extend(batch.broken)
        return
    if len(batch.events) == 1:
        log.error("rebuild.dead_letter", model=work.model.name, position=batch.events[0].position)
        work.position = batch.end
        work.letters.extend((*batch.broken, as_broken(batch.events[0], failure)))
        return
    for half in batch.halves():
        await _take(connection, work, half)


async def _catch_up(connection: Connection, work: _Rebuilt, up_to: int | None = None) -> None:
    while True:
        batch = await read_batch(connection, work.position, up_to=up_to)
        if batch.end == work.position:
            return
        await _take(connection, work, batch)
        if up_to is None and await _is_near(connection, work.position):
            return


async def _swap(connection: Connection, work: _Rebuilt) -> None:
    """Put the shadow in place; tried until it succeeds, each try stopping nobody for long."""
    pause = 0.01
    while True:
        await _catch_up(connection, work)
        at, letters = work.position, list(work.letters)
        try:
            async with connection.transaction():
                await connection.execute(f"set local lock_timeout = '{_SWAP_LOCK_MS}ms'".encode())
                await _swap_now(connection, work)
            return
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            work.position, work.letters = at, letters
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)


async def _swap_now(connection: Connection, work: _Rebuilt) -> None:
    name = work.model.name
    await connection.execute("select 1 from tracking where model = %s for update", (name,))
    # The hub stands still now. What it has shown already must be in the shadow before the swap.
    shown = (await positions(connection, [name]))[name]
    await _catch_up(connection, work, up_to=shown)
    await shadow.take_place(connection, work.model)
    await connection.execute(
        "update tracking set position = %s, updated_us = %s where model = %s",
        (work.position, now_us(), name),
    )
    await connection.execute("delete from dead_letters where model = %s", (name,))
    await bury(connection, name, work.letters)


async def _differences(connection: Connection, connect: Connect, work: _Rebuilt) -> list[str]:
    """Compares in one snapshot of the originals, at a place that the shadow then goes on to."""
    reader = await connect()
    try:
        await reader.execute("begin isolation level repeatable read read only")
        shown = (await positions(reader, [work.model.name]))[work.model.name]
        originals = {table.name: await digest(reader, table.name) for table in work.model.tables}
    finally:
        await reader.close()
    await _catch_up(connection, work, up_to=shown)
    return [
        name
        for name, value in originals.items()
        if await digest(connection, name + shadow.SUFFIX) != value
    ]
