"""What is known of an aggregate, and for how long."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from application.audit.newest import FRESH, STALEST, Newest
from domain.audit.acts import Fact
from domain.errors import Unavailable

pytestmark = pytest.mark.anyio


class Thing:
    stream = "thing"

    def __init__(self, version: int = 0) -> None:
        self.version = version

    def apply(self, fact: Fact) -> None: ...


class Store:
    """Acts, as far as they are loaded."""

    def __init__(self) -> None:
        self.stored = 1
        self.looked = self.loaded = 0
        self.away = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def version(self, tenant_id: str, stream: str) -> int:
        self.looked += 1
        await self.gate.wait()
        if self.away:
            raise Unavailable
        return self.stored

    async def load(self, tenant_id: str, thing: Thing) -> Thing:
        self.loaded += 1
        thing.version = self.stored
        return thing


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def newest() -> tuple[Newest[Thing], Store, Clock]:
    store, clock = Store(), Clock()
    acts: Any = store
    return Newest(acts, Thing, clock), store, clock


async def test_it_is_looked_at_once_a_second_and_loaded_when_it_has_changed() -> None:
    known, store, clock = newest()
    first = await known.of("acme")
    assert (first.version, store.loaded) == (1, 1)
    assert await known.of("acme") is first
    assert known.known("acme") is first
    assert store.looked == 1
    clock.now += FRESH
    assert known.known("acme") is None
    assert await known.of("acme") is first
    assert (store.looked, store.loaded) == (2, 1)
    store.stored = 2
    assert await known.of("acme") is first
    clock.now += FRESH
    assert (await known.of("acme")).version == 2


async def test_all_who_ask_at_once_are_told_by_one_look() -> None:
    known, store, _ = newest()
    store.gate.clear()
    asking = [asyncio.ensure_future(known.of("acme")) for _ in range(5)]
    await asyncio.sleep(0)
    asking[0].cancel()
    await asyncio.sleep(0)
    store.gate.set()
    done = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(done[0], asyncio.CancelledError)
    assert {one.version for one in done[1:] if isinstance(one, Thing)} == {1}
    assert store.looked == 1


async def test_what_was_put_is_given_unless_something_newer_is_known() -> None:
    known, store, clock = newest()
    await known.of("acme")
    known.put("acme", Thing(3))
    assert (await known.of("acme")).version == 3
    assert known.put("acme", Thing(2)).version == 3
    clock.now += FRESH
    store.stored = 2  # a look that began before the change
    assert (await known.of("acme")).version == 3


async def test_while_the_store_is_away_what_was_known_goes_on() -> None:
    known, store, clock = newest()
    first = await known.of("acme")
    clock.now += FRESH
    store.away = True
    assert await known.of("acme") is first
    with pytest.raises(Unavailable):
        await known.of("globex")
    store.away = False
    assert (await known.of("globex")).version == 1


async def test_what_was_known_does_not_go_on_for_ever() -> None:
    """A store may be too busy to tell what changed, and answer all else."""
    known, store, clock = newest()
    first, begun = await known.of("acme"), clock.now
    store.away = True
    while clock.now < begun + STALEST - FRESH:
        clock.now += FRESH
        assert await known.of("acme") is first
    clock.now += FRESH
    with pytest.raises(Unavailable):
        await known.of("acme")
    store.away, store.stored = False, 2
    assert (await known.of("acme")).version == 2
