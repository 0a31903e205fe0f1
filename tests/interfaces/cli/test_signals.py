"""A signal ends a command with one line and its code, and nothing half done is left."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from infrastructure.key_store.files import FileKeyStore
from infrastructure.postgres import backup
from tests.interfaces.cli.program import PROGRAM, ROOT

BOTH = pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
WAITING = """
select count(*) from pg_stat_activity
 where wait_event_type = 'Lock' and datname = current_database()
"""


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    FileKeyStore(tmp_path / "data" / "keys").bucket("acme", 0)
    return tmp_path / "data"


@contextmanager
def holding(url: str, statement: str) -> Iterator[None]:
    """Another transaction is in the way, so that a command stays where it is."""
    with psycopg.connect(url) as connection:
        connection.execute(statement.encode())
        yield
        connection.rollback()


def stopped(url: str, number: int, *arguments: object) -> tuple[int, str, str]:
    """Exit code and what was said of a command that got a signal in the middle of its work."""
    argv = [*PROGRAM, *map(str, arguments), "--database-url", url]
    with (
        psycopg.connect(url, autocommit=True) as looking,
        subprocess.Popen(
            argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process,
    ):
        try:
            while looking.execute(WAITING).fetchone() == (0,):
                assert process.poll() is None, process.communicate()
                time.sleep(0.02)
            process.send_signal(number)
            out, line = process.communicate(timeout=60)
        finally:
            process.kill()
    return process.returncode, out, line


@BOTH
def test_a_stopped_backup_leaves_nothing(
    database_url: str, data_dir: Path, tmp_path: Path, number: int, code: int
) -> None:
    with holding(database_url, "lock table cell_0.events in access exclusive mode"):
        command = ("backup", tmp_path / "backup", "--data-dir", data_dir)
        said = stopped(database_url, number, *command)
    assert said == (code, "", "order-history: stopped\n")
    assert list(tmp_path.iterdir()) == [data_dir]


@BOTH
def test_a_stopped_restore_leaves_nothing(
    database_url: str, empty_url: str, data_dir: Path, tmp_path: Path, number: int, code: int
) -> None:
    backup.backup(database_url, data_dir, tmp_path / "backup")
    with holding(empty_url, "create schema cell_0"):
        command = ("restore", tmp_path / "backup", "--data-dir", tmp_path / "new")
        said = stopped(empty_url, number, *command)
    assert said == (code, "", "order-history: stopped\n")
    assert list((tmp_path / "new").iterdir()) == []
    with psycopg.connect(empty_url) as connection:
        tables = "select count(*) from pg_class where relnamespace = 'public'::regnamespace"
        assert connection.execute(tables.encode()).fetchone() == (0,)


@BOTH
@pytest.mark.parametrize(
    "command", [("verify", "ledger"), ("rebuild", "--all"), ("doctor",)], ids=lambda one: one[0]
)
def test_a_stopped_look_at_the_events_says_so(
    database_url: str, data_dir: Path, command: tuple[str, ...], number: int, code: int
) -> None:
    with holding(database_url, "lock table cell_0.events in access exclusive mode"):
        said = stopped(database_url, number, *command, "--data-dir", data_dir)
    assert said == (code, "", "order-history: stopped\n")
