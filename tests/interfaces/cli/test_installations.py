"""A data directory that holds no installation, or another's, is refused and left as it was."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import psycopg
import pytest

from infrastructure.key_store.files import FileKeyStore
from infrastructure.postgres.embedded import EmbeddedPostgres
from infrastructure.postgres.migrate import upgrade
from interfaces.composition.maintenance import import_file
from interfaces.settings import Settings
from tests.interfaces.cli.program import refused, run

Said = pytest.CaptureFixture[str]

EVENT = {
    "event_id": "e1",
    "order_id": "o1",
    "occurred_at": "2025-01-01T10:00:00Z",
    "source": "shop",
    "type": "order.note.added",
    "schema_version": "v1",
    "payload": {"note": "ring twice"},
}
OF_AN_INSTALLATION = {
    "token": ("token", "--tenant", "t", "--role", "admin"),
    "import": ("import", "FILE", "--tenant", "t"),
    "rebuild": ("rebuild", "--all"),
    "doctor": ("doctor",),
    "verify": ("verify", "ledger"),
    "backup": ("backup", "BACKUP"),
    "tenant": ("tenant", "add", "t"),
}
RECORDING = {
    "serve": ("serve", "--port", "0"),
    "import": ("import", "FILE", "--tenant", "t"),
    "backup": ("backup", "BACKUP"),
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "events.ndjson"
    path.write_bytes(msgspec.json.encode(EVENT))
    return path


def placed(command: tuple[str, ...], file: Path) -> list[str]:
    places = {"FILE": str(file), "BACKUP": str(file.parent / "backup")}
    return [places.get(argument, argument) for argument in command]


@pytest.mark.parametrize("command", OF_AN_INSTALLATION.values(), ids=OF_AN_INSTALLATION)
def test_a_mistyped_directory_is_named_and_not_made(
    command: tuple[str, ...], file: Path, tmp_path: Path, capsys: Said
) -> None:
    line = refused(capsys, *placed(command, file), "--data-dir", tmp_path / "mistyped")
    assert f"no installation in {tmp_path / 'mistyped'}" in line
    assert "--data-dir" in line
    assert "order-history serve" in line
    assert {one.name for one in tmp_path.iterdir()} == {file.name}


def test_a_directory_of_something_else_is_no_installation(tmp_path: Path, capsys: Said) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "holiday.jpg").touch()
    assert "no installation" in refused(capsys, "doctor", "--data-dir", tmp_path)
    assert "no installation" in refused(capsys, "token", "--tenant", "t", "--role", "admin",
                                        "--data-dir", tmp_path)  # fmt: skip
    assert {one.name for one in tmp_path.iterdir()} == {"postgres", "holiday.jpg"}


@pytest.fixture
def used(empty_url: str, file: Path, tmp_path: Path) -> Settings:
    """A given database with one event that holds a personal value, and its data directory."""
    upgrade(empty_url)
    settings = Settings(database_url=empty_url, data_dir=tmp_path / "right")
    asyncio.run(import_file(settings, "t", file, lambda *_: None, asyncio.Event()))
    return settings


def of(settings: Settings, data_dir: Path) -> list[str]:
    return ["--database-url", settings.database_url, "--data-dir", str(data_dir)]


@pytest.mark.parametrize("command", RECORDING.values(), ids=RECORDING)
def test_nothing_is_recorded_beside_another_key_store(
    command: tuple[str, ...], used: Settings, file: Path, tmp_path: Path, capsys: Said
) -> None:
    other = tmp_path / "other"
    FileKeyStore(other / "keys").bucket("t", 0)
    line = refused(capsys, *placed(command, file), *of(used, other))
    assert f"{other} does not hold the keys that the database names" in line
    assert not (tmp_path / "backup").exists()


@pytest.mark.parametrize("command", [("api", "--port", "0"), ("worker",)], ids=lambda one: one[0])
def test_the_processes_of_a_larger_installation_refuse_it_too(
    command: tuple[str, ...], used: Settings, tmp_path: Path
) -> None:
    done = run(*command, *of(used, tmp_path / "mistyped"))
    assert done.returncode != 0
    assert done.stderr.count("\n") == 1, done.stderr
    assert f"{tmp_path / 'mistyped'} does not hold the keys" in done.stderr


def test_a_mistyped_directory_beside_a_given_database_is_not_made(
    used: Settings, file: Path, tmp_path: Path, capsys: Said
) -> None:
    line = refused(capsys, "import", file, "--tenant", "t", *of(used, tmp_path / "mistyped"))
    assert f"{tmp_path / 'mistyped'} does not hold the keys" in line
    assert not (tmp_path / "mistyped").exists()


def test_the_right_directory_passes_and_doctor_tells_the_wrong_one(
    used: Settings, file: Path, tmp_path: Path
) -> None:
    assert run("import", file, "--tenant", "t", *of(used, used.data_dir)).returncode == 0
    assert "every data key opens" in run("doctor", *of(used, used.data_dir)).stdout
    wrong = run("doctor", *of(used, tmp_path / "mistyped"))
    assert wrong.returncode == 1
    assert "FAIL  key store: " in wrong.stdout
    assert "does not hold the keys" in wrong.stdout
    assert not (tmp_path / "mistyped").exists()


def test_a_lost_search_key_is_told_of_and_a_rebuild_begins_anew(used: Settings) -> None:
    given = of(used, used.data_dir)
    assert run("rebuild", "--all", *given).returncode == 0
    assert "ok    read models: as a rebuild makes them" in run("doctor", *given).stdout
    (used.data_dir / "search.key").unlink()
    wrong = run("doctor", *given).stdout
    assert "FAIL  read models: search.key is not the one of the index" in wrong
    assert not (used.data_dir / "search.key").exists()
    assert run("rebuild", "orders", *given).returncode == 0
    assert "ok    read models: as a rebuild makes them" in run("doctor", *given).stdout


def test_doctor_tells_the_rest_while_a_reindex_runs(used: Settings) -> None:
    given = of(used, used.data_dir)
    lock = "select pg_advisory_lock_shared(hashtextextended('rebuild cell_0', 0))"
    with psycopg.connect(used.database_url, autocommit=True) as connection:
        connection.execute(lock)
        told = run("doctor", *given)
    assert told.returncode == 1
    assert "ok    ledger: " in told.stdout
    assert "FAIL  read models: another rebuild, or a reindex, of this cell" in told.stdout


def test_a_new_database_may_be_imported_into_at_once(
    empty_url: str, file: Path, tmp_path: Path
) -> None:
    upgrade(empty_url)
    given = ("--database-url", empty_url, "--data-dir", tmp_path / "new")
    done = run("import", file, "--tenant", "t", *given)
    assert done.returncode == 0, done.stderr
    assert "1 recorded" in done.stdout


@contextmanager
def embedded_installation(parent: Path) -> Iterator[Path]:
    data_dir = parent / "installation"
    data_dir.mkdir(mode=0o711)
    try:
        yield data_dir
    finally:
        with EmbeddedPostgres(data_dir):  # its last user: leaving stops it
            pass
        shutil.rmtree(data_dir)


def test_an_embedded_installation_whose_keys_were_lost(
    open_dir: Path, file: Path, capsys: Said
) -> None:
    with embedded_installation(open_dir) as data_dir:
        made = run("migrate", "--data-dir", data_dir)
        assert made.returncode == 0, made.stderr
        imported = run("import", file, "--tenant", "t", "--data-dir", data_dir)
        assert imported.returncode == 0, imported.stderr
        shutil.rmtree(data_dir / "keys")
        assert "does not hold the keys" in refused(
            capsys, "serve", "--port", "0", "--data-dir", data_dir
        )
        assert "FAIL  key store" in run("doctor", "--data-dir", data_dir).stdout
        assert not (data_dir / "keys").exists()
