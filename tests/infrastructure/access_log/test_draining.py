"""What is in spools comes into the log: torn, damaged, left by who is gone, ended by who lives."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from domain.errors import Unavailable
from infrastructure.access_log import segments
from infrastructure.access_log.draining import Drains
from infrastructure.access_log.spool import OwnSpool
from infrastructure.access_log.waiting import waiting
from infrastructure.key_store import durable
from infrastructure.key_store.files import FileKeyStore
from tests.infrastructure.access_log.entries import Collected, files, fill, until

pytestmark = pytest.mark.anyio


@pytest.fixture
def own(directory: Path, key_store: FileKeyStore) -> OwnSpool:
    return OwnSpool(directory, key_store)


async def test_a_live_spool_is_left_to_its_owner(
    own: OwnSpool, directory: Path, drains: Drains, collected: Collected
) -> None:
    await fill(own, 1)
    assert await drains.orphans() == 0
    assert collected.all == []
    assert len(files(directory)) == 1


async def test_what_an_owner_leaves_is_drained_once_and_its_key_destroyed(
    own: OwnSpool, directory: Path, drains: Drains, collected: Collected, tmp_path: Path
) -> None:
    entries = await fill(own, 1, 2)
    own.turn()
    entries += await fill(own, 3)
    await own.close()
    assert len(files(directory)) == 2
    assert await drains.orphans() == 1
    assert collected.all == entries
    assert segments.spool_ids(directory) == set()
    assert list((tmp_path / "keys" / "jobs").iterdir()) == []
    assert await drains.orphans() == 0


@pytest.mark.parametrize("cut", [1, 3, 20, 150])
async def test_a_torn_tail_is_no_entry_and_takes_none_with_it(
    own: OwnSpool, directory: Path, drains: Drains, collected: Collected, cut: int
) -> None:
    first, _ = await fill(own, 1, 2)
    await own.close()
    (path,) = files(directory)
    os.truncate(path, path.stat().st_size - cut)
    await drains.orphans()
    assert collected.all == [first]
    assert files(directory) == []


async def test_a_tail_of_zeros_is_torn(
    own: OwnSpool, directory: Path, drains: Drains, collected: Collected
) -> None:
    """As a file system may leave one after a power cut."""
    entries = await fill(own, 1)
    await own.close()
    with files(directory)[0].open("ab") as file:
        file.write(bytes(100))
    await drains.orphans()
    assert collected.all == entries
    assert files(directory) == []


async def test_a_damaged_frame_is_set_aside_with_its_key(
    own: OwnSpool, directory: Path, drains: Drains, collected: Collected, tmp_path: Path
) -> None:
    first, *_ = await fill(own, 1, 2, 3)
    await own.close()
    (path,) = files(directory)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    await drains.orphans()
    assert collected.all == [first]
    assert (files(directory), waiting(directory).damaged) == ([], 1)
    assert len(list((tmp_path / "keys" / "jobs").iterdir())) == 1
    assert await drains.orphans() == 0


async def test_one_that_is_copied_while_it_is_buried_makes_no_key_anew(
    own: OwnSpool, directory: Path, drains: Drains, tmp_path: Path
) -> None:
    await fill(own, 1)
    (path,) = files(directory)
    await own.close()
    await drains.orphans()
    assert await drains.copy(own.spool_id, path) is None
    assert list((tmp_path / "keys" / "jobs").iterdir()) == []


async def test_no_segment_goes_while_a_backup_is_taken(
    own: OwnSpool, directory: Path, drains: Drains, collected: Collected, tmp_path: Path
) -> None:
    """Its dump may be older than the entry's row; the copy of the segment has it then."""
    entries = await fill(own, 1)
    own.turn()
    with durable.locked(tmp_path / "keys" / ".lock"):
        task = asyncio.create_task(drains.ended())
        await collected.arrived.wait()
        copied = [path.read_bytes() for path in files(directory)]
    await task
    assert (collected.all, len(copied), files(directory)) == (entries, 1, [])


async def test_a_spool_of_a_restored_backup_is_drained(
    own: OwnSpool, directory: Path, key_store: FileKeyStore, collected: Collected, tmp_path: Path
) -> None:
    """It holds keys and segments, and no locks."""
    entries = await fill(own, 1, 2)
    restored = tmp_path / "restored"
    shutil.copytree(directory, restored / "access", ignore=shutil.ignore_patterns("*.lock"))
    shutil.copytree(tmp_path / "keys", restored / "keys")
    keys = FileKeyStore(restored / "keys")
    drains = Drains(restored / "access", keys, collected, restored / "keys" / ".lock")
    assert await drains.orphans() == 1
    assert collected.all == entries
    assert await drains.orphans() == 0


async def test_what_a_living_owner_has_ended_is_drained_and_no_more(
    own: OwnSpool, directory: Path, drains: Drains, collected: Collected
) -> None:
    entries = await fill(own, 1, 2)
    await drains.ended()
    assert collected.all == []
    own.turn()
    entries += await fill(own, 3)
    await drains.ended()
    assert (collected.all, len(files(directory))) == (entries[:2], 1)
    entries += await fill(own, 4)
    own.turn()
    await drains.ended()
    assert (collected.all, files(directory)) == (entries, [])


async def test_with_fsync_too_what_is_ended_is_drained(
    directory: Path, key_store: FileKeyStore, drains: Drains, collected: Collected
) -> None:
    own = OwnSpool(directory, key_store, fsync=True)
    entries = await fill(own, 1)
    own.turn()
    await drains.ended()
    assert (collected.all, files(directory)) == (entries, [])
    entries += await fill(own, 2)
    await own.close()
    await drains.orphans()
    assert collected.all == entries


async def test_what_the_log_does_not_take_stays(
    own: OwnSpool, directory: Path, drains: Drains, collected: Collected
) -> None:
    entries = await fill(own, 1)
    own.turn()
    collected.failure = Unavailable()
    with pytest.raises(Unavailable):
        await drains.ended()
    assert len(files(directory)) == 1
    collected.failure = None
    await drains.ended()
    assert (collected.all, files(directory)) == (entries, [])


@pytest.mark.parametrize("damaged", [False, True])
async def test_two_workers_drain_the_same_segment(
    own: OwnSpool,
    directory: Path,
    key_store: FileKeyStore,
    collected: Collected,
    tmp_path: Path,
    damaged: bool,
) -> None:
    entries = await fill(own, 1, 2)
    own.turn()
    if damaged:
        (path,) = files(directory)
        raw = path.read_bytes()
        path.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    collected.going_on.clear()
    keys_lock = tmp_path / "keys" / ".lock"
    workers = [Drains(directory, key_store, collected, keys_lock) for _ in range(2)]
    tasks = [asyncio.create_task(worker.ended()) for worker in workers]
    await until(lambda: collected.waiting == 2)
    collected.going_on.set()
    await asyncio.gather(*tasks)
    assert collected.all == entries[: 1 if damaged else 2]
    assert (files(directory), waiting(directory).damaged) == ([], int(damaged))


async def test_one_that_is_drained_while_its_spool_is_buried_makes_no_key_anew(
    own: OwnSpool, directory: Path, key_store: FileKeyStore, drains: Drains, tmp_path: Path
) -> None:
    entries = await fill(own, 1)
    own.turn()
    slow = Collected()
    slow.going_on.clear()
    worker = Drains(directory, key_store, slow, tmp_path / "keys" / ".lock")
    task = asyncio.create_task(worker.ended())
    await slow.arrived.wait()
    await own.close()
    assert await drains.orphans() == 1
    slow.going_on.set()
    await task
    assert slow.all == entries
    assert segments.spool_ids(directory) == set()
    assert list((tmp_path / "keys" / "jobs").iterdir()) == []
