"""What every ObjectStore keeps to (application/ledger/ports.py), a new adapter joining the list of
the fixture; and what a directory does on a bad day."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from application.ledger.ports import ObjectStore
from domain.errors import Conflict, Unavailable
from infrastructure.ledger.object_store import DirectoryStore

pytestmark = pytest.mark.anyio

Reopen = Callable[[], ObjectStore]
ROOT = Path(__file__).parents[3]


@pytest.fixture(params=[DirectoryStore])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Reopen:
    """Opens the same storage, as another process would."""
    return lambda: request.param(tmp_path / "published")


@pytest.fixture
def store(reopen: Reopen) -> ObjectStore:
    return reopen()


async def test_nothing_is_there_at_first(store: ObjectStore) -> None:
    assert await store.get("acme/1/checkpoint/1") is None
    assert await store.largest("acme/1/checkpoint") is None


async def test_what_was_put_is_there_for_others(store: ObjectStore, reopen: Reopen) -> None:
    objects = {f"{tenant}/1/checkpoint/{n}": os.urandom(n) for tenant in "ab" for n in range(40)}
    await store.put(objects)
    assert {key: await reopen().get(key) for key in objects} == objects
    await store.put({})


async def test_an_object_is_written_once(store: ObjectStore, reopen: Reopen) -> None:
    await store.put({"a/1": b"first"})
    await reopen().put({"a/1": b"first"})
    for other in (b"other", b"", b"first\n", b"firs"):
        with pytest.raises(Conflict, match="a/1 is published already, with other content"):
            await reopen().put({"a/1": other})
    assert await store.get("a/1") == b"first"


async def test_a_conflict_keeps_none_of_the_others_back(store: ObjectStore) -> None:
    await store.put({"b": b"first"})
    with pytest.raises(Conflict, match="b is published"):
        await store.put({"a": b"1", "b": b"other", "c": b"3"})
    assert [await store.get(key) for key in "abc"] == [b"1", b"first", b"3"]


async def test_of_two_at_once_one_is_first(store: ObjectStore, reopen: Reopen) -> None:
    for number in range(20):
        contents = [bytes([one]) * 100_000 for one in range(4)]
        ended = await asyncio.gather(
            *(reopen().put({f"x/{number}": content}) for content in contents),
            return_exceptions=True,
        )
        assert [type(one) for one in ended if one is not None] == [Conflict] * 3, ended
        assert await store.get(f"x/{number}") == contents[ended.index(None)]


async def test_the_same_by_two_at_once(store: ObjectStore, reopen: Reopen) -> None:
    for number in range(20):
        content = os.urandom(50_000)
        await asyncio.gather(*(reopen().put({f"x/{number}": content}) for _ in range(4)))
        assert await store.get(f"x/{number}") == content


async def test_the_largest_is_of_numbers_directly_below(store: ObjectStore) -> None:
    await store.put({f"a/1/checkpoint/{n}": b"" for n in (9, 10, 1_000_000, 0)})
    others = ("x9000000", "09000000", "3e9", "9000000.p", "deep/9000000")
    await store.put({f"a/1/checkpoint/{name}": b"" for name in others})
    await store.put({"a/1/checkpoint2/9000000": b""})
    assert await store.largest("a/1/checkpoint") == 1_000_000
    await store.put({"b/7/checkpoint/1": b"", "b/12/checkpoint/0": b""})
    assert await store.largest("b") == 12
    assert await store.largest("b/12/checkpoint") == 0


BAD_KEYS = ["", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "../a", "a/./b", ".hidden", "a/.b",
            "a b", "a\n", "ä", "a\0b", "a\\b", "-a", "~", "a/~"]  # fmt: skip


@pytest.mark.parametrize("key", BAD_KEYS)
async def test_what_is_no_key(store: ObjectStore, tmp_path: Path, key: str) -> None:
    for using in (store.put({"good": b"1", key: b"2"}), store.get(key), store.largest(key)):
        with pytest.raises(ValueError, match="is not a key"):
            await using
    assert not (tmp_path / "published").exists(), "nothing is begun"


# -- a directory -----------------------------------------------------------------------------------


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "published"


def files(directory: Path) -> set[str]:
    """Also hidden ones."""
    return {str(one.relative_to(directory)) for one in directory.rglob("*") if one.is_file()}


async def test_files_are_for_everybody_to_read_and_nobody_to_write(directory: Path) -> None:
    await DirectoryStore(directory).put({"a/1/checkpoint/5": b"note"})
    assert files(directory) == {"a/1/checkpoint/5"}
    assert stat.S_IMODE((directory / "a/1/checkpoint/5").stat().st_mode) == 0o444


WRITER = """
import asyncio, sys
from pathlib import Path
from infrastructure.ledger.object_store import DirectoryStore
async def main():
    store, number = DirectoryStore(Path(sys.argv[1])), 0
    while True:
        await store.put({f"log/{n}": b"%09d" % n * 100_000 for n in range(number, number + 8)})
        number += 8
        print(number, flush=True)
asyncio.run(main())
"""


def killed_writer(directory: Path, seconds: float) -> int:
    """A process that puts objects, killed so long after it has put the first ones; how many it was
    told are stored."""
    argv = [sys.executable, "-c", WRITER, str(directory)]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        told = writer.stdout.readline()
        time.sleep(seconds)
        writer.kill()
        return int((told + writer.stdout.read()).split()[-1])


async def test_a_kill_leaves_nothing_half_and_nothing_in_the_way(directory: Path) -> None:
    store = DirectoryStore(directory)
    for attempt in range(5):
        told = await asyncio.to_thread(killed_writer, directory, 0.003 * attempt)
        assert told >= 8
        last = await store.largest("log") or 0
        there = {number: await store.get(f"log/{number}") for number in range(last + 1)}
        assert None not in [there[number] for number in range(told)], "what it was told is there"
        for number, content in there.items():
            assert content in (None, b"%09d" % number * 100_000)
        await store.put({f"log/{n}": b"%09d" % n * 100_000 for n in range(last + 2)})
        assert await store.largest("log") == last + 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """64 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root on Linux")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"this machine lets nobody mount: {done.stderr.strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


async def test_a_full_disk(small_disk: Path) -> None:
    store = DirectoryStore(small_disk)
    await store.put({"log/1": b"x" * 10_000})
    (small_disk / "ballast").write_bytes(b"x" * 40_000)
    with pytest.raises(Unavailable, match="No space left on device") as error:
        await store.put({"log/2": b"y" * 30_000})
    assert str(small_disk) not in str(error.value)
    assert files(small_disk) == {"log/1", "ballast"}
    (small_disk / "ballast").unlink()
    await store.put({"log/2": b"y" * 30_000})
    assert [len(await store.get(f"log/{n}") or b"") for n in (1, 2)] == [10_000, 30_000]


async def test_a_disk_that_fails_while_flushing(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = DirectoryStore(directory)
    await store.put({"log/1": b"1"})

    def fail(_descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO), "/some/path")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(Unavailable, match="Input/output error") as error:
            await store.put({"log/2": b"2"})
    assert "/some/path" not in str(error.value)
    assert files(directory) == {"log/1"}
    await store.put({"log/2": b"2"})
    assert files(directory) == {"log/1", "log/2"}


async def test_another_s_object_is_flushed_before_it_counts(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever linked it may have been killed before its name was durable."""
    store = DirectoryStore(directory)
    await store.put({"log/1": b"1"})
    flushed: list[Path] = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        flushed.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    await store.put({"log/1": b"1"})
    assert flushed == [directory / "log"]


async def test_storage_that_is_not_there(tmp_path: Path) -> None:
    """As when a file stands where the directory was, or a mount has gone stale."""
    (tmp_path / "file").write_text("")
    store = DirectoryStore(tmp_path / "file")
    for using in (store.put({"a/1": b""}), store.largest("a")):
        with pytest.raises(Unavailable) as error:
            await using
        assert str(tmp_path) not in str(error.value)
