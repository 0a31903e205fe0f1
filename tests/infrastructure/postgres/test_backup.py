"""A backup comes back whole, with its keys, its refusals and its rights, or not at all."""

from __future__ import annotations

import json
import stat
import threading
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from psycopg import errors

from infrastructure.key_store.files import FileKeyStore
from infrastructure.ledger.signing_keys import FileLogKeys
from infrastructure.postgres import backup, binaries, connect, migrate
from infrastructure.postgres.backup import BackupRefused
from infrastructure.postgres.binaries import PostgresFailed


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    FileKeyStore(path / "keys").bucket("acme", 3)
    FileLogKeys(path / "signing", lambda: 1).rotate()
    (path / "published" / "acme" / "1" / "checkpoint").mkdir(parents=True)
    (path / "published" / "acme" / "1" / "checkpoint" / "1").write_text("a note")
    (path / "issuer.pem").write_text("the issuer's key")
    (path / "erased").mkdir()
    (path / "erased" / "acme.journal").write_text("what was erased")
    (path / "access").mkdir(mode=0o700)
    (path / "access" / "spool.00000001").write_text("entries of the access log")
    (path / "access" / "spool.lock").touch()
    (path / "postgres" / "base").mkdir(parents=True)
    (path / "postgres.lock").touch()
    return path


@pytest.fixture
def taken(database_url: str, data_dir: Path, tmp_path: Path) -> Path:
    with psycopg.connect(connect.address(database_url, "cell_0", name="test")) as connection:
        connection.execute(
            "insert into events (position, originator_id, originator_version, topic, tenant_id,"
            " sequence, event_id, received_us, entry, ledger_hash, state)"
            " values (1, gen_random_uuid(), 1, 'Recorded', 'acme', 1, 'e-1', 0, '', '', '{}')"
            " on conflict do nothing"
        )
    backup.backup(database_url, data_dir, tmp_path / "backup")
    return tmp_path / "backup"


def test_what_is_restored_is_what_was_there(
    taken: Path, data_dir: Path, empty_url: str, tmp_path: Path
) -> None:
    restored = tmp_path / "restored"
    manifest = backup.restore(taken, empty_url, restored)
    assert manifest.revisions == {"cell_0": "cell_0001", "public": "public_0001"}
    assert migrate.current(empty_url)
    keys = FileKeyStore(restored / "keys")
    assert keys.bucket("acme", 3) == FileKeyStore(data_dir / "keys").bucket("acme", 3)
    assert (restored / "issuer.pem").read_text() == "the issuer's key"
    assert [one.name for one in (restored / "access").iterdir()] == ["spool.00000001"]
    origin = FileLogKeys(data_dir / "signing", lambda: 1).service_origin
    signing = FileLogKeys(restored / "signing", lambda: 1)
    assert signing.service_origin == origin
    assert len(signing.verifier_keys("x")) == 4
    assert not (restored / "postgres").exists()
    with psycopg.connect(connect.address(empty_url, "cell_0", name="test")) as connection:
        assert connection.execute("select event_id from events").fetchall() == [("e-1",)]
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("delete from events")
    with psycopg.connect(empty_url) as connection:
        connection.execute("set session_replication_role = replica")
        with pytest.raises(errors.InsufficientPrivilege, match="append-only"):
            connection.execute("truncate cell_0.events")


def test_tenants_may_be_called_as_what_is_left_out(
    database_url: str, data_dir: Path, empty_url: str, tmp_path: Path
) -> None:
    tenants = ("erased", "published-shop", "postgres", "shop.new", "shop.lock")
    keys = {tenant: FileKeyStore(data_dir / "keys").bucket(tenant, 3) for tenant in tenants}
    for tenant in tenants:
        (data_dir / "pseudonyms" / tenant).mkdir(parents=True)
        (data_dir / "pseudonyms" / tenant / "1.map").write_text(tenant)
    backup.backup(database_url, data_dir, tmp_path / "backup")
    restored = tmp_path / "restored"
    backup.restore(tmp_path / "backup", empty_url, restored)
    for tenant in tenants:
        assert FileKeyStore(restored / "keys").bucket(tenant, 3) == keys[tenant]
        assert (restored / "pseudonyms" / tenant / "1.map").read_text() == tenant


def test_what_tells_that_a_backup_is_behind_is_not_in_it(
    taken: Path, empty_url: str, data_dir: Path, tmp_path: Path
) -> None:
    """The published checkpoints, and what was erased: they stay where they are."""
    assert not [one for one in taken.rglob("*") if {"published", "erased"} & set(one.parts)]
    restored = tmp_path / "restored"
    restored.mkdir()
    for kept in ("published", "erased"):
        (data_dir / kept).rename(restored / kept)
    backup.restore(taken, empty_url, restored)
    assert (restored / "erased" / "acme.journal").read_text() == "what was erased"
    assert (restored / "published" / "acme" / "1" / "checkpoint" / "1").read_text() == "a note"
    assert (restored / "issuer.pem").exists()


def test_a_failed_restore_leaves_what_is_published(
    taken: Path, empty_url: str, tmp_path: Path
) -> None:
    (tmp_path / "new" / "published").mkdir(parents=True)
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute("create schema cell_0")  # in the dump's way, though no table
    with pytest.raises(binaries.PostgresFailed, match="pg_restore"):
        backup.restore(taken, empty_url, tmp_path / "new")
    assert [one.name for one in (tmp_path / "new").iterdir()] == ["published"]


def test_a_backup_is_for_its_owner_alone(taken: Path) -> None:
    for one in [taken, *taken.rglob("*")]:
        assert stat.S_IMODE(one.stat().st_mode) == (0o700 if one.is_dir() else 0o600), one


def test_the_manifest_covers_every_file(taken: Path) -> None:
    files = json.loads((taken / "manifest.json").read_bytes())["files"]
    there = {one.relative_to(taken).as_posix() for one in taken.rglob("*") if one.is_file()}
    assert set(files) == there - {"manifest.json"}
    assert set(files) == {
        "database.dump", "data/access/spool.00000001", "data/issuer.pem",
        "data/keys/tenants/acme.keys", "data/signing/keys",
    }  # fmt: skip


def test_no_key_that_the_dump_needs_is_missed_while_others_rotate_and_destroy(
    database_url: str, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database names a key per bucket, as erasures keep rewrapping: rotate, commit, destroy."""
    keys = FileKeyStore(data_dir / "keys")
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute("create table wrapped_under as select %s::uuid id", (keys.bucket("a", 1)[0],))
    ending = threading.Event()

    def erase() -> None:
        with psycopg.connect(database_url, autocommit=True) as connection:
            while not ending.is_set():
                old, _ = keys.bucket("a", 1)
                connection.execute(
                    "update wrapped_under set id = %s", (keys.rotate_bucket("a", 1)[0],)
                )
                keys.destroy_bucket_key("a", 1, old)

    def note(program: str, url: str, *arguments: str) -> None:
        snapshot = arguments[-1].removeprefix("--snapshot=")
        with psycopg.connect(url) as connection:
            connection.execute("set transaction isolation level repeatable read")
            connection.execute(f"set transaction snapshot '{snapshot}'".encode())
            row = connection.execute("select id from wrapped_under").fetchone()
        assert row is not None
        Path(arguments[2]).write_text(str(row[0]))

    monkeypatch.setattr(backup, "_client", note)
    eraser = threading.Thread(target=erase)
    eraser.start()
    try:
        for number in range(20):
            target = tmp_path / str(number)
            backup.backup(database_url, data_dir, target)
            needed = UUID((target / "database.dump").read_text())
            assert len(FileKeyStore(target / "data" / "keys").bucket_key("a", 1, needed)) == 32
    finally:
        ending.set()
        eraser.join(30)
        with psycopg.connect(database_url, autocommit=True) as owner:
            owner.execute("drop table wrapped_under")


def test_a_target_that_is_not_empty_is_refused(
    database_url: str, data_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "holiday.jpg").touch()
    with pytest.raises(BackupRefused, match="not empty"):
        backup.backup(database_url, data_dir, tmp_path / "full")
    with pytest.raises(BackupRefused, match="data directory"):
        backup.backup(database_url, data_dir, data_dir / "backup")


def test_a_mount_point_is_refused_for_nothing_can_be_renamed_over_it(
    database_url: str, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "volume").mkdir()
    monkeypatch.setattr(Path, "is_mount", lambda path: path == tmp_path / "volume")
    with pytest.raises(BackupRefused, match="name a directory in it"):
        backup.backup(database_url, data_dir, tmp_path / "volume")
    backup.backup(database_url, data_dir, tmp_path / "volume" / "today")


def test_an_empty_directory_is_taken(database_url: str, data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir(mode=0o755)
    backup.backup(database_url, data_dir, tmp_path / "empty")
    assert stat.S_IMODE((tmp_path / "empty").stat().st_mode) == 0o700
    assert (tmp_path / "empty" / "manifest.json").exists()


@pytest.mark.parametrize("error", [PostgresFailed("the disk is full"), KeyboardInterrupt()])
def test_a_backup_that_does_not_end_leaves_nothing(
    database_url: str,
    data_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
) -> None:
    there: list[str] = []

    def fail(_program: str, _url: str, *arguments: str) -> None:
        Path(arguments[2]).write_bytes(b"half a dump")
        there.extend(one.name for one in tmp_path.iterdir() if one != data_dir)
        raise error

    monkeypatch.setattr(backup, "_client", fail)
    with pytest.raises(type(error)):
        backup.backup(database_url, data_dir, tmp_path / "backup")
    assert len(there) == 1
    assert there[0].startswith("backup.")
    assert there[0].endswith(".incomplete")
    assert list(tmp_path.iterdir()) == [data_dir]


def test_nothing_is_restored_over_something(
    taken: Path, database_url: str, data_dir: Path, empty_url: str, tmp_path: Path
) -> None:
    with pytest.raises(BackupRefused, match="database is not empty"):
        backup.restore(taken, database_url, tmp_path / "new")
    with pytest.raises(BackupRefused, match="not empty"):
        backup.restore(taken, empty_url, data_dir)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["database.dump", "data/keys/tenants/acme.keys"])
def test_a_backup_that_was_changed_is_refused(
    taken: Path, empty_url: str, tmp_path: Path, name: str
) -> None:
    content = bytearray((taken / name).read_bytes())
    content[len(content) // 2] ^= 1
    (taken / name).write_bytes(content)
    with pytest.raises(BackupRefused, match=name):
        backup.restore(taken, empty_url, tmp_path / "new")
    (taken / name).unlink()
    with pytest.raises(BackupRefused, match=f"{name} is missing"):
        backup.restore(taken, empty_url, tmp_path / "new")


def test_a_backup_that_was_cut_short_is_refused(
    taken: Path, empty_url: str, tmp_path: Path
) -> None:
    (taken / "manifest.json").unlink()
    with pytest.raises(BackupRefused, match=r"manifest\.json is missing"):
        backup.restore(taken, empty_url, tmp_path / "new")


def test_a_failed_restore_leaves_nothing(
    taken: Path, empty_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute("create schema cell_0")  # in the dump's way, though no table
    with pytest.raises(binaries.PostgresFailed, match="pg_restore"):
        backup.restore(taken, empty_url, tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []
    assert not migrate.current(empty_url)
    with psycopg.connect(empty_url) as connection:
        left = connection.execute("select to_regclass('public.tenants')").fetchone()
    assert left == (None,)
