"""What a process appends to its spool: sealed in its place, whole, or refused."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from application.access_log.ports import NotLogged
from infrastructure.access_log import segments
from infrastructure.access_log.draining import Drains
from infrastructure.access_log.spool import OwnSpool
from infrastructure.key_store.files import FileKeyStore
from tests.infrastructure.access_log.entries import Collected, files, fill, noted

pytestmark = pytest.mark.anyio


@pytest.fixture
def own(directory: Path, key_store: FileKeyStore) -> OwnSpool:
    return OwnSpool(directory, key_store)


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


async def test_what_a_spool_holds_is_for_its_owner_alone(own: OwnSpool, directory: Path) -> None:
    await fill(own, 1)
    assert _mode(directory) == 0o700
    assert {_mode(path) for path in files(directory)} == {0o600}


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
    drains: Drains,
    collected: Collected,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = os.write
    first = await fill(own, 1)
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:30]))
        with pytest.raises(NotLogged):
            await own.append(noted(2))
    second = await fill(own, 3)
    await own.close()
    await drains.orphans()
    assert collected.all == first + second


@pytest.mark.parametrize("failing", ["open", "write"])
async def test_a_full_disk_is_refused_and_what_follows_is_kept(
    own: OwnSpool,
    drains: Drains,
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
            await own.append(noted(2))
    entries += await fill(own, 3)
    await own.close()
    await drains.orphans()
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
    await own.append(noted(1))
    assert flushed[-1] == own.size
    await asyncio.gather(*(own.append(noted(number)) for number in range(2, 40)))
    assert flushed[-1] == own.size
    assert len(flushed) < 20, "who comes while a flush is under way waits for the next, together"
    own.turn()
    await own.append(noted(40))
    await own.close()
    assert sum(len(segments.read(path, key_store.job_key(own.spool_id, "access")).kept)
               for path in files(directory)) == 40  # fmt: skip


async def test_what_is_appended_and_ended_while_a_flush_is_under_way_waits_for_the_next(
    directory: Path, key_store: FileKeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[int] = []
    begun, going_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def fdatasync(descriptor: int) -> None:
        flushed.append(os.fstat(descriptor).st_size)
        loop.call_soon_threadsafe(begun.set)
        going_on.wait()

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    own = OwnSpool(directory, key_store, fsync=True)
    first = asyncio.create_task(own.append(noted(1)))
    await begun.wait()
    second = asyncio.create_task(own.append(noted(2)))
    await asyncio.sleep(0)
    (path,) = files(directory)
    own.turn()
    going_on.set()
    await asyncio.gather(first, second)
    assert flushed[-1] == path.stat().st_size > flushed[0]
    await own.close()


async def test_a_flush_that_fails_is_refused(
    directory: Path, key_store: FileKeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    own = OwnSpool(directory, key_store, fsync=True)
    monkeypatch.setattr(os, "fdatasync", fails)
    with pytest.raises(NotLogged):
        await own.append(noted(1))
