"""The spool of a process: a worker drains it, and where there is none the process itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from domain.access.log import kept_of
from domain.errors import Unavailable
from infrastructure.access_log import owning, segments
from infrastructure.access_log.draining import Drains
from infrastructure.access_log.owning import ProcessSpool
from infrastructure.access_log.waiting import waiting
from infrastructure.key_store.files import FileKeyStore
from tests.infrastructure.access_log.entries import Collected, files, noted, until

pytestmark = pytest.mark.anyio
Start = Callable[[float], ProcessSpool]


@pytest.fixture
def started(
    directory: Path, key_store: FileKeyStore, drains: Drains, monkeypatch: pytest.MonkeyPatch
) -> Start:
    """Makes one that works: a segment is ended at once; its process drains it itself after so
    many seconds."""

    def start(patience: float) -> ProcessSpool:
        monkeypatch.setattr(owning, "EVERY", 0.001)
        monkeypatch.setattr(owning, "PATIENCE", patience)
        spool = ProcessSpool(directory, key_store, drains)
        spool.start()
        return spool

    return start


async def test_a_process_drains_what_it_takes_and_goes_on_while_the_log_is_away(
    directory: Path, key_store: FileKeyStore, drains: Drains, collected: Collected
) -> None:
    spool = ProcessSpool(directory, key_store, drains)
    given = [noted(number) for number in range(5)]
    entries = [kept_of(one) for one in given]
    await spool.append(given[0])
    await spool.drained()
    assert (collected.all, files(directory)) == (entries[:1], [])
    collected.failure = Unavailable()
    for one in given[1:]:
        await spool.append(one)
        with pytest.raises(Unavailable):
            await spool.drained()
    assert waiting(directory).bytes > 0
    collected.failure = None
    await spool.drained()
    assert (collected.all, files(directory)) == (entries, [])
    await spool.close()
    assert segments.spool_ids(directory) == set()


async def test_a_reader_finds_all_as_soon_as_the_log_is_back(
    started: Start, collected: Collected
) -> None:
    spool = started(0.0)
    collected.failure = Unavailable()
    given = [noted(1), noted(2)]
    await spool.append(given[0])
    await collected.arrived.wait()
    await asyncio.sleep(0.05)  # until it knows that it fails; a shorter wait hides a fault
    await spool.append(given[1])
    collected.failure = None
    await spool.drained()
    assert collected.all == [kept_of(one) for one in given]
    await spool.close()


async def test_a_reader_finds_what_another_process_has_noted(
    directory: Path, key_store: FileKeyStore, drains: Drains, collected: Collected
) -> None:
    ours, theirs = (ProcessSpool(directory, key_store, drains) for _ in range(2))
    given = noted(1)
    await theirs.append(given)
    await ours.drained()
    assert collected.all == [kept_of(given)]
    assert len(files(directory)) == 1, "it stays its owner's"
    await theirs.close()
    await ours.close()
    assert collected.all == [kept_of(given)]


async def test_what_it_has_ended_it_leaves_to_the_worker(
    started: Start, directory: Path, drains: Drains, collected: Collected
) -> None:
    spool = started(3600.0)
    given = [noted(1), noted(2)]
    for one in given:
        await spool.append(one)
        await until(lambda: all(map(segments.is_ended, files(directory))))
    await asyncio.sleep(0.02)
    assert collected.all == [], "nothing but the worker has drained"
    await drains.ended()
    assert (collected.all, files(directory)) == ([kept_of(one) for one in given], [])
    await spool.close()


async def test_without_a_worker_it_drains_itself(
    started: Start, directory: Path, collected: Collected
) -> None:
    spool = started(0.0)
    given = noted(1)
    await spool.append(given)
    await collected.arrived.wait()
    await until(lambda: not files(directory))
    assert collected.all == [kept_of(given)]
    await spool.close()


async def test_while_nobody_drains_segments_do_not_become_ever_more(
    started: Start, directory: Path, collected: Collected
) -> None:
    spool = started(3600.0)
    for number in range(40):
        await spool.append(noted(number))
        await asyncio.sleep(0.005)
    assert 5 < len(files(directory)) <= 11
    await spool.close()
    assert (len(collected.all), files(directory)) == (40, [])
