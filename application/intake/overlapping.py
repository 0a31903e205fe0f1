"""Steps of a job that overlap: a few items are under way at once, and come out in their order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


async def in_order(
    work: Callable[[Item], Awaitable[Result]], source: AsyncIterator[Item], ahead: int
) -> AsyncIterator[Result]:
    """What `work` makes of the source's items. What the source raises comes after what became of
    the items before it."""
    async for _, task, _ in under_way(work, source, ahead):
        yield await task


async def under_way(
    work: Callable[[Item], Awaitable[Result]], source: AsyncIterator[Item], ahead: int
) -> AsyncIterator[tuple[Item, asyncio.Future[Result], list[asyncio.Future[Result]]]]:
    """Each item, what is becoming of it, and of the at most `ahead` items that are under way behind
    it. What nobody takes any more is cancelled."""
    tasks: deque[tuple[Item, asyncio.Future[Result]]] = deque()
    try:
        ended: Exception | None = None
        while ended is None or tasks:
            while ended is None and len(tasks) <= ahead:
                try:
                    item = await anext(source)
                except Exception as error:  # noqa: BLE001  # raised below, in its turn
                    ended = error
                else:
                    tasks.append((item, asyncio.ensure_future(work(item))))
            if tasks:
                item, task = tasks.popleft()
                yield item, task, [task for _, task in tasks]
        if not isinstance(ended, StopAsyncIteration):
            raise ended
    finally:
        for _, task in tasks:
            task.cancel()
        await asyncio.gather(*(task for _, task in tasks), return_exceptions=True)
