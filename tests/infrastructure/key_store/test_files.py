"""What is particular to keys in files: modes, kills, damage, several processes, destruction."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from application.ports import KeyMissing, KeysDestroyed
from domain.errors import KeyUnavailable
from infrastructure.key_store.files import FileKeyStore

KILLED_BEFORE_RENAME = """
import os, signal, sys
from pathlib import Path
from infrastructure.key_store.files import FileKeyStore
Path.rename = lambda self, target: os.kill(os.getpid(), signal.SIGKILL)
FileKeyStore(Path(sys.argv[1])).bucket("acme", 0)
"""
RACER = """
import sys
from pathlib import Path
from infrastructure.key_store.files import FileKeyStore
store = FileKeyStore(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
print(store.bucket("acme", 3)[1].hex(), store.job_key("j", "spool").hex(), flush=True)
for _ in range(20):
    store.rotate_bucket("acme", 5)
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def store(directory: Path) -> FileKeyStore:
    return FileKeyStore(directory)


def _files(directory: Path) -> Iterator[Path]:
    return (one for one in directory.rglob("*") if one.is_file())


def _run(script: str, directory: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_nobody_else_may_look(directory: Path) -> None:
    before = os.umask(0)
    try:
        store = FileKeyStore(directory)
        store.bucket("acme", 0)
        store.job_key("j", "spool")
    finally:
        os.umask(before)
    assert {stat.S_IMODE(one.stat().st_mode) for one in _files(directory)} == {0o600}
    folders = [directory, *(one for one in directory.rglob("*") if one.is_dir())]
    assert {stat.S_IMODE(one.stat().st_mode) for one in folders} == {0o700}


def test_a_directory_that_was_open_is_closed(directory: Path) -> None:
    directory.mkdir(mode=0o777)
    directory.chmod(0o777)
    FileKeyStore(directory)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_rotating_keeps_the_old_key_until_it_is_destroyed(
    store: FileKeyStore, directory: Path
) -> None:
    other = FileKeyStore(directory)
    old_id, old = other.bucket("acme", 9)
    new_id, new = store.rotate_bucket("acme", 9)
    assert new != old
    assert other.bucket("acme", 9) == (new_id, new)
    assert other.bucket_key("acme", 9, old_id) == old
    store.destroy_bucket_key("acme", 9, old_id)
    store.destroy_bucket_key("acme", 9, old_id)
    with pytest.raises(KeyUnavailable):
        other.bucket_key("acme", 9, old_id)
    assert other.bucket_key("acme", 9, new_id) == new


def test_the_current_key_cannot_be_destroyed(store: FileKeyStore) -> None:
    key_id, key = store.bucket("acme", 9)
    with pytest.raises(ValueError, match="rotate"):
        store.destroy_bucket_key("acme", 9, key_id)
    assert store.bucket("acme", 9) == (key_id, key)


def test_a_destroyed_key_is_overwritten_where_it_lay(store: FileKeyStore, directory: Path) -> None:
    old_id, _ = store.bucket("acme", 9)
    store.rotate_bucket("acme", 9)
    store.job_key("j", "spool")
    (tenant,) = (directory / "tenants").iterdir()
    (job,) = (directory / "jobs").iterdir()
    with tenant.open("rb") as tenant_then, job.open("rb") as job_then:
        store.destroy_bucket_key("acme", 9, old_id)
        store.destroy_job_key("j", "spool")
        assert set(tenant_then.read()) == set(job_then.read()) == {0}


def test_a_kill_before_the_rename_leaves_no_half_file(directory: Path) -> None:
    with _run(KILLED_BEFORE_RENAME, directory) as program:
        assert program.wait(30) == -9
    assert [one.name for one in (directory / "tenants").iterdir()] == ["acme.keys.new"]
    store = FileKeyStore(directory)
    made = store.bucket("acme", 0)
    assert FileKeyStore(directory).bucket("acme", 0) == made
    assert [one.name for one in (directory / "tenants").iterdir()] == ["acme.keys"]


def test_what_a_killed_writer_left_of_a_job_key_goes_with_it(
    store: FileKeyStore, directory: Path
) -> None:
    store.job_key("j", "spool")
    (job,) = (directory / "jobs").iterdir()
    job.with_name(job.name + ".new").write_bytes(b"left")
    store.destroy_job_key("j", "spool")
    assert list((directory / "jobs").iterdir()) == []


def test_processes_at_once_make_one_key_and_lose_no_rotation(directory: Path) -> None:
    programs = [_run(RACER, directory) for _ in range(3)]
    for program in programs:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
    for program in programs:
        assert program.stdin is not None
        program.stdin.write("\n")
        program.stdin.flush()
    said = {program.communicate(timeout=60)[0] for program in programs}
    assert [program.returncode for program in programs] == [0, 0, 0]
    assert len(said) == 1
    tenant = FileKeyStore(directory)._load("acme")
    assert tenant is not None
    assert len(tenant.retired[5]) == 60


def _swap_a_letter(content: bytes) -> bytes:
    middle = content.index(b'"key":"') + 10
    return content[:middle] + (b"A" if content[middle] != 65 else b"B") + content[middle + 1 :]


@pytest.mark.parametrize(
    "damage", [lambda _: b"", lambda one: one[:-40], lambda _: b"\0" * 500, _swap_a_letter]
)
def test_damage_is_told_without_showing_a_key(
    store: FileKeyStore, directory: Path, damage: object
) -> None:
    key_id, _ = store.bucket("acme", 0)
    (file,) = (directory / "tenants").iterdir()
    content = file.read_bytes()
    assert callable(damage)
    file.write_bytes(damage(content))
    for ask in (
        lambda: store.bucket("acme", 0),
        lambda: store.bucket_key("acme", 0, key_id),
        lambda: store.rotate_bucket("acme", 0),
    ):
        with pytest.raises(KeyUnavailable, match="damaged") as raised:
            ask()
        assert str(raised.value) == "a key file is damaged: restore the key store from its backup"
        assert raised.value.__cause__ is None
    file.write_bytes(content)
    assert store.bucket("acme", 0)[0] == key_id, "and is over once the backup is back"


def test_a_directory_that_is_not_there_lacks_no_key(store: FileKeyStore, directory: Path) -> None:
    key_id, key = store.bucket("acme", 1)
    directory.rename(directory.with_name("elsewhere"))
    with pytest.raises(KeyUnavailable, match="not there") as caught:
        store.bucket_key("acme", 1, key_id)
    assert not isinstance(caught.value, KeyMissing)
    directory.with_name("elsewhere").rename(directory)
    assert store.bucket_key("acme", 1, key_id) == key


def test_a_directory_that_is_not_there_does_not_say_that_a_job_has_no_key(
    store: FileKeyStore, directory: Path
) -> None:
    store.job_key("job", "subject")
    elsewhere = directory.rename(directory.with_name("elsewhere"))
    with pytest.raises(KeyUnavailable, match="not there"):
        store.has_job_key("job", "subject")
    elsewhere.rename(directory)
    assert store.has_job_key("job", "subject")
    assert not store.has_job_key("job", "other")
    assert not list(directory.rglob("*other*"))
    store.destroy_job_key("job", "subject")
    assert not store.has_job_key("job", "subject")


def test_a_file_of_another_tenant_is_not_taken(store: FileKeyStore, directory: Path) -> None:
    store.bucket("acme", 0)
    tenants = directory / "tenants"
    (tenants / "other.keys").write_bytes((tenants / "acme.keys").read_bytes())
    with pytest.raises(KeyUnavailable):
        store.bucket("other", 0)


def test_a_medium_that_fails_is_unavailable_without_its_path(
    store: FileKeyStore, directory: Path
) -> None:
    (directory / "tenants" / "acme.keys").mkdir()
    with pytest.raises(KeyUnavailable) as raised:
        store.bucket("acme", 0)
    assert str(directory) not in str(raised.value)


def test_many_buckets_are_renewed_in_one_write(store: FileKeyStore, directory: Path) -> None:
    was = {bucket: store.bucket("acme", bucket) for bucket in (1, 2, 3)}
    store.rotate_buckets("acme", [1, 2])
    for bucket in (1, 2):
        assert store.bucket("acme", bucket) != was[bucket]
        assert store.bucket_key("acme", bucket, was[bucket][0]) == was[bucket][1]
    assert store.bucket("acme", 3) == was[3]
    store.destroy_retired("acme", [1])
    with pytest.raises(KeyMissing):
        store.bucket_key("acme", 1, was[1][0])
    assert store.bucket_key("acme", 2, was[2][0]) == was[2][1]
    store.destroy_retired("acme", [1, 2])
    content = b"".join(one.read_bytes() for one in _files(directory))
    assert str(was[1][0]).encode() not in content
    assert str(was[2][0]).encode() not in content
    store.destroy_retired("nobody", [1])
    with pytest.raises(ValueError, match="a bucket is"):
        store.rotate_buckets("acme", [1024])


def test_a_tenant_whose_keys_were_destroyed_gets_none_any_more(
    store: FileKeyStore, directory: Path
) -> None:
    key_id, key = store.bucket("acme", 3)
    store.rotate_bucket("acme", 3)
    other = store.bucket("other", 3)
    assert store.tenant_keys("acme") == 1025
    store.destroy_tenant("acme")
    store.destroy_tenant("acme")
    assert store.tenant_keys("acme") == 0
    elsewhere = FileKeyStore(directory)
    for one in (store, elsewhere):
        with pytest.raises(KeysDestroyed):
            one.bucket("acme", 3)
        with pytest.raises(KeysDestroyed):
            one.bucket_key("acme", 3, key_id)
        with pytest.raises(KeysDestroyed):
            one.rotate_buckets("acme", [3])
        with pytest.raises(KeysDestroyed):
            one.rotate_bucket("acme", 3)
    assert elsewhere.bucket("other", 3) == other
    assert not [
        path for path in directory.rglob("*") if path.is_file() and key in path.read_bytes()
    ]


def test_all_keys_of_some_jobs_go_whatever_their_purpose(store: FileKeyStore) -> None:
    keys = {(job, purpose): store.job_key(job, purpose) for job in "abc" for purpose in ("x", "y")}
    assert store.job_keys("ab") == 4
    store.destroy_job_keys("ab")
    assert store.job_keys("ab") == 0
    assert store.job_key("c", "x") == keys["c", "x"]
