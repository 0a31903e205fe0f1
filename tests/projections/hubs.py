"""Hubs at work, for tests, and a model that remembers what it was given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from sqlalchemy import Table

from projections.hub import Hub
from projections.progress import ModelStatus, register, status
from projections.read_model import Derivation, ReadModel
from projections.reading import Connection, Notification
from tests.projections.conftest import Connect

CHANNEL = "order_history_cell_0"


class Seen:
    """A model without tables that remembers what it was given, and chokes on given positions."""

    appended: frozenset[str] = frozenset()
    derived: Mapping[str, Derivation] = {}
    tables: Sequence[Table] = ()

    def __init__(self, name: str, chokes_on: Sequence[int] = (), error: Exception | None = None):
        self.name = name
        self.batches: list[list[int]] = []
        self.chokes_on = set(chokes_on)
        self.error = error or ValueError("jane@example.com is not a number")

    def concerns(self, events: Sequence[Notification]) -> bool:
        return self.name != "indifferent"

    async def apply(self, connection: Connection, events: Sequence[Notification]) -> None:
        places = [event.position for event in events]
        if self.chokes_on.intersection(places):
            raise self.error
        self.batches.append(places)

    def beside(self, suffix: str, *, derives: bool = True) -> ReadModel:
        return self

    @property
    def positions(self) -> list[int]:
        return [place for batch in self.batches for place in batch]


def hub(connect: Connect, *models: ReadModel, batch: int = 1000, exclusive: bool = True) -> Hub:
    return Hub(connect, CHANNEL, models, poll=0.02, batch=batch, exclusive=exclusive)


@asynccontextmanager
async def running(*hubs: Hub) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(one.run()) for one in hubs]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await condition():  # noqa: ASYNC110  # it is the database that is asked
            await asyncio.sleep(0.01)


async def until_caught_up(connection: Connection, *models: ReadModel) -> list[ModelStatus]:
    names = [model.name for model in models]

    async def caught_up() -> bool:
        return all(one.lag == 0 for one in await status(connection, names))

    await until(caught_up)
    return await status(connection, names)


async def place(connection: Connection, model: ReadModel, position: int) -> None:
    await register(connection, [model.name])
    await connection.execute(
        "update tracking set position = %s where model = %s", (position, model.name)
    )
