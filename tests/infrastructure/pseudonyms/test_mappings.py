"""What pseudonyms stand for, in files: durable, sealed, whole or not there."""

from __future__ import annotations

import asyncio
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from infrastructure.key_store.files import LOCK, FileKeyStore
from infrastructure.privacy.keyring import DoesNotOpen
from infrastructure.pseudonyms.mappings import FileMappings

pytestmark = pytest.mark.anyio

ORDER, ACTOR = ("order", "o1"), ("actor", "o1")
KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from infrastructure.key_store import durable
from infrastructure.key_store.files import FileKeyStore
from infrastructure.pseudonyms.mappings import FileMappings
data = Path(sys.argv[1])
keys = FileKeyStore(data / "keys")
mappings = FileMappings(data, keys, data / "keys" / ".lock")
keys.tenant_key("acme", "mappings")
Path.rename = lambda self, target: os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(mappings.keep("acme", ("order", "o1"), {2: "other"}))
"""


@pytest.fixture
def key_store(tmp_path: Path) -> FileKeyStore:
    return FileKeyStore(tmp_path / "keys")


def opened(tmp_path: Path) -> FileMappings:
    return FileMappings(tmp_path, FileKeyStore(tmp_path / "keys"), tmp_path / "keys" / LOCK)


@pytest.fixture
def mappings(tmp_path: Path, key_store: FileKeyStore) -> FileMappings:
    return opened(tmp_path)


def files(tmp_path: Path) -> list[Path]:
    return sorted(one for one in (tmp_path / "pseudonyms").rglob("*") if one.is_file())


async def test_what_was_kept_is_there_for_every_process(
    mappings: FileMappings, tmp_path: Path
) -> None:
    assert await mappings.load("acme", ORDER) == {}
    await mappings.keep("acme", ORDER, {1: "a.b", 2: "c"})
    assert await opened(tmp_path).load("acme", ORDER) == {1: "a.b", 2: "c"}
    await mappings.keep("acme", ORDER, {2: "c"})
    assert await opened(tmp_path).load("acme", ORDER) == {2: "c"}


async def test_owners_and_tenants_are_apart(mappings: FileMappings) -> None:
    await mappings.keep("acme", ORDER, {1: "mine"})
    for tenant, owner in (("acme", ACTOR), ("umbrella", ORDER), ("acme", ("order", "o2"))):
        assert await mappings.load(tenant, owner) == {}
    await mappings.keep("umbrella", ORDER, {})
    assert await mappings.load("acme", ORDER) == {1: "mine"}


async def test_nothing_is_left_of_what_is_not_kept(mappings: FileMappings, tmp_path: Path) -> None:
    await mappings.keep("acme", ORDER, {1: "mine"})
    await mappings.keep("acme", ORDER, {})
    await mappings.keep("acme", ORDER, {})
    assert await mappings.load("acme", ORDER) == {}
    assert files(tmp_path) == []


async def test_files_are_for_their_owner_and_tell_nothing(
    mappings: FileMappings, tmp_path: Path
) -> None:
    await mappings.keep("acme", ("order", "../../o1"), {1: "ann.marlow"})
    (path,) = files(tmp_path)
    assert path.parent == tmp_path / "pseudonyms" / "acme"
    assert "o1" not in path.name
    assert b"ann.marlow" not in path.read_bytes()
    assert b"o1" not in path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_of_a_tenant_that_leaves_no_file_is_left(
    mappings: FileMappings, tmp_path: Path
) -> None:
    for owner in (ORDER, ACTOR):
        await mappings.keep("acme", owner, {1: "mine"})
    await mappings.keep("umbrella", ORDER, {1: "theirs"})
    assert mappings.count("acme") == 2
    mappings.destroy("acme")
    mappings.destroy("acme")
    assert (mappings.count("acme"), mappings.count("umbrella")) == (0, 1)
    assert len(files(tmp_path)) == 1


async def test_without_its_key_a_file_tells_nothing(
    mappings: FileMappings, key_store: FileKeyStore
) -> None:
    await mappings.keep("acme", ORDER, {1: "mine"})
    key_store.destroy_tenant_key("acme", "mappings")
    with pytest.raises(DoesNotOpen):
        await mappings.load("acme", ORDER)


async def test_a_file_of_another_tenant_does_not_open(
    mappings: FileMappings, tmp_path: Path
) -> None:
    await mappings.keep("acme", ORDER, {1: "mine"})
    await mappings.keep("umbrella", ORDER, {1: "theirs"})
    mine, theirs = files(tmp_path)
    theirs.write_bytes(mine.read_bytes())
    with pytest.raises(DoesNotOpen):
        await mappings.load("umbrella", ORDER)


async def test_who_is_killed_while_it_writes_leaves_what_was_there(
    mappings: FileMappings, tmp_path: Path
) -> None:
    await mappings.keep("acme", ORDER, {1: "mine"})
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    killed = await asyncio.to_thread(subprocess.run, command, check=False)
    assert killed.returncode == -9
    assert await mappings.load("acme", ORDER) == {1: "mine"}
    await mappings.keep("acme", ORDER, {3: "new"})
    assert await opened(tmp_path).load("acme", ORDER) == {3: "new"}
    assert len(files(tmp_path)) == 1
