"""What is appended comes into the log: torn, damaged, cut short, or left by who is gone."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from application.access_log.ports import NotLogged
from domain.errors import Unavailable
from infrastructure.access_log import draining, segments
from infrastructure.access_log.draining import Orphans, ProcessSpool
from infrastructure.access_log.spool import OwnSpool
from infrastructure.access_log.waiting import waiting
from infrastructure.key_store import durable
from infrastructure.key_store.files import FileKeyStore
from tests.infrastructure.access_log.entries import Collected, kept

pytestmark = pytest.mark.anyio


@pytest.fixture
def own(directory: Path, key_store: FileKeyStore) -> OwnSpool:
    return OwnSpool(directory, key_store)


def files(directory: Path) -> list[Path]:
    return [path for _, path in segments.segments(directory)]


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


async def fill(own: OwnSpool, *numbers: int) -> list[Any]:
    entries = [kept(number) for number in numbers]
    for one in entries:
        await own.append(one)
    return entries


async def test_what_a_spool_holds_is_for_its_owner_alone(own: OwnSpool, directory: Path) -> None:
    await fill(own, 1)
    assert _mode(directory) == 0o700
    assert {_mode(path) for path in files(directory)} == {0o600}


async def test_a_live_spool_is_left_to_its_owner(
    own: OwnSpool, directory: Path, orphans: Orphans, collected: Collected
) -> None:
    await fill(own, 1)
    assert await orphans() == 0
    assert collected.all == []
    assert len(files(directory)) == 1


async def test_what_an_owner_leaves_is_drained_once_and_its_key_destroyed(
    own: OwnSpool, directory: Path, orphans: Orphans, collected: Collected, tmp_path: Path
) -> None:
    entries = await fill(own, 1, 2)
    own.turn()
    entries += await fill(own, 3)
    await own.close()
    assert len(files(directory)) == 2
    assert await orphans() == 1
    assert collected.all == entries
    assert segments.spool_ids(directory) == set()
    assert list((tmp_path / "keys" / "jobs").iterdir()) == []
    assert await orphans() == 0


@pytest.mark.parametrize("cut", [1, 3, 20, 200])
async def test_a_torn_tail_is_no_entry_and_takes_none_with_it(
    own: OwnSpool, directory: Path, orphans: Orphans, collected: Collected, cut: int
) -> None:
    first, _ = await fill(own, 1, 2)
    await own.close()
    (path,) = files(directory)
    os.truncate(path, path.stat().st_size - cut)
    await orphans()
    assert collected.all == [first]
    assert files(directory) == []


async def test_a_tail_of_zeros_is_torn(
    own: OwnSpool, directory: Path, orphans: Orphans, collected: Collected
) -> None:
    """As a file system may leave one after a power cut."""
    entries = await fill(own, 1)
    await own.close()
    with files(directory)[0].open("ab") as file:
        file.write(bytes(100))
    await orphans()
    assert collected.all == entries
    assert files(directory) == []


async def test_a_damaged_frame_is_set_aside_with_its_key(
    own: OwnSpool, directory: Path, orphans: Orphans, collected: Collected, tmp_path: Path
) -> None:
    first, *_ = await fill(own, 1, 2, 3)
    await own.close()
    (path,) = files(directory)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    await orphans()
    assert collected.all == [first]
    assert (files(directory), waiting(directory).damaged) == ([], 1)
    assert len(list((tmp_path / "keys" / "jobs").iterdir())) == 1
    assert await orphans() == 0


async def test_a_frame_cannot_be_repeated_or_moved(
    own: OwnSpool, directory: Path, key_store: FileKeyStore
) -> None:
    await fill(own, 1)
    (path,) = files(directory)
    frame = path.read_bytes()
    key = key_store.job_key(own.spool_id, segments.PURPOSE)
    path.write_bytes(frame + frame)
    assert segments.read(path, key).damaged
    other = segments.segment_path(directory, own.spool_id, 2)
    other.write_bytes(frame)
    assert segments.read(other, key) == segments.Contents([], damaged=True)


async def test_a_short_write_is_refused_and_what_follows_is_kept(
    own: OwnSpool,
    directory: Path,
    orphans: Orphans,
    collected: Collected,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = os.write
    first = await fill(own, 1)
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:30]))
        with pytest.raises(NotLogged):
            await own.append(kept(2))
    second = await fill(own, 3)
    await own.close()
    await orphans()
    assert collected.all == first + second


@pytest.mark.parametrize("failing", ["open", "write"])
async def test_a_full_disk_is_refused_and_what_follows_is_kept(
    own: OwnSpool,
    orphans: Orphans,
    collected: Collected,
    monkeypatch: pytest.MonkeyPatch,
    failing: str,
) -> None:
    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    entries = await fill(own, 1)
    own.turn()
    with monkeypatch.context() as patched:
        patched.setattr(os, failing, full)
        with pytest.raises(NotLogged):
            await own.append(kept(2))
    entries += await fill(own, 3)
    await own.close()
    await orphans()
    assert collected.all == entries


async def test_with_fsync_an_entry_is_flushed_before_append_returns(
    directory: Path, key_store: FileKeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[int] = []
    real = os.fdatasync

    def fdatasync(descriptor: int) -> None:
        flushed.append(os.fstat(descriptor).st_size)
        real(descriptor)

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    own = OwnSpool(directory, key_store, fsync=True)
    await own.append(kept(1))
    assert flushed[-1] == own.size
    await asyncio.gather(*(own.append(kept(number)) for number in range(2, 40)))
    assert flushed[-1] == own.size
    assert len(flushed) < 20, "who comes while a flush is under way waits for the next, together"
    own.turn()
    await own.append(kept(40))
    await own.close()
    assert sum(len(segments.read(path, key_store.job_key(own.spool_id, "access")).kept)
               for path in files(directory)) == 40  # fmt: skip


async def test_a_flush_that_fails_is_refused(
    directory: Path, key_store: FileKeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    own = OwnSpool(directory, key_store, fsync=True)
    monkeypatch.setattr(os, "fdatasync", fails)
    with pytest.raises(NotLogged):
        await own.append(kept(1))


async def test_a_process_drains_what_it_takes_and_goes_on_while_the_log_is_away(
    directory: Path, key_store: FileKeyStore, orphans: Orphans, collected: Collected
) -> None:
    spool = ProcessSpool(directory, key_store, orphans)
    entries = [kept(number) for number in range(5)]
    await spool.append(entries[0])
    await spool.drained()
    assert (collected.all, files(directory)) == (entries[:1], [])
    collected.failure = Unavailable()
    for one in entries[1:]:
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
    directory: Path,
    key_store: FileKeyStore,
    orphans: Orphans,
    collected: Collected,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(draining, "EVERY", 0.001)
    spool = ProcessSpool(directory, key_store, orphans)
    spool.start()
    collected.failure = Unavailable()
    entries = [kept(1), kept(2)]
    await spool.append(entries[0])
    await collected.arrived.wait()
    await asyncio.sleep(0.05)  # until it knows that it fails; a shorter wait hides a fault
    await spool.append(entries[1])
    collected.failure = None
    await spool.drained()
    assert collected.all == entries
    await spool.close()


async def test_a_reader_finds_what_another_process_has_noted(
    directory: Path, key_store: FileKeyStore, orphans: Orphans, collected: Collected
) -> None:
    ours, theirs = (ProcessSpool(directory, key_store, orphans) for _ in range(2))
    entry = kept(1)
    await theirs.append(entry)
    await ours.drained()
    assert collected.all == [entry]
    assert len(files(directory)) == 1, "it stays its owner's"
    await theirs.close()
    await ours.close()
    assert collected.all == [entry]


async def test_one_that_is_copied_while_it_is_buried_makes_no_key_anew(
    own: OwnSpool, directory: Path, orphans: Orphans, tmp_path: Path
) -> None:
    await fill(own, 1)
    (path,) = files(directory)
    await own.close()
    await orphans()
    assert await orphans.copy(own.spool_id, path) is None
    assert list((tmp_path / "keys" / "jobs").iterdir()) == []


async def test_no_segment_goes_while_a_backup_is_taken(
    own: OwnSpool, directory: Path, orphans: Orphans, collected: Collected, tmp_path: Path
) -> None:
    """Its dump may be older than the entry's row; the copy of the segment has it then."""
    entries = await fill(own, 1)
    own.turn()
    with durable.locked(tmp_path / "keys" / ".lock"):
        task = asyncio.create_task(orphans.drain(own.spool_id))
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
    orphans = Orphans(restored / "access", keys, collected, restored / "keys" / ".lock")
    assert await orphans() == 1
    assert collected.all == entries
    assert await orphans() == 0


APPEND_FOR_EVER = """
import asyncio, sys
from pathlib import Path
from infrastructure.access_log.spool import OwnSpool
from infrastructure.key_store.files import FileKeyStore
from tests.infrastructure.access_log.entries import kept

async def append():
    own = OwnSpool(Path(sys.argv[1]) / "access", FileKeyStore(Path(sys.argv[1]) / "keys"))
    number = 0
    while True:
        number += 1
        await own.append(kept(number))
        sys.stdout.write(f"{number}\\n")
        sys.stdout.flush()
        if number % 50 == 0:
            own.turn()

asyncio.run(append())
"""


def _appending(place: Path) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-c", APPEND_FOR_EVER, str(place)]
    return subprocess.Popen(argv, cwd=Path(__file__).parents[3], stdout=subprocess.PIPE)


async def test_no_entry_is_lost_when_the_process_is_killed(
    directory: Path, orphans: Orphans, collected: Collected, tmp_path: Path
) -> None:
    process = _appending(tmp_path)
    assert process.stdout is not None
    for _ in range(237):
        process.stdout.readline()
    assert await orphans() == 0, "it lives"
    process.kill()
    rest = process.stdout.read().split(b"\n")[:-1]
    process.wait()
    process.stdout.close()
    last = int(rest[-1]) if rest else 237
    assert await orphans() == 1
    numbers = [int(one.entry.orders[0].removeprefix("ord_")) for one in collected.all]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) in (last, last + 1)
