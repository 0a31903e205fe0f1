"""The embedded server's life: started, shared, killed, joined, stopped by its last user."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it ships no types
import psycopg
import pytest

from infrastructure.postgres import binaries
from infrastructure.postgres.binaries import PostgresFailed
from infrastructure.postgres.embedded import SETTINGS, EmbeddedPostgres

USER = """
import sys
from pathlib import Path
from infrastructure.postgres.embedded import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]))
server.start()
print("joined", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def data_dir(open_dir: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    path = open_dir / request.node.name
    yield path
    shutil.rmtree(path, ignore_errors=True)


def _another_program(data_dir: Path) -> subprocess.Popen[str]:
    program = subprocess.Popen(
        [sys.executable, "-c", USER, str(data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "joined\n"
    return program


def _end(program: subprocess.Popen[str]) -> None:
    program.communicate(timeout=30)


def _postmaster_pid(data_dir: Path) -> int:
    return int((data_dir / "postgres" / "postmaster.pid").read_text().splitlines()[0])


def _kill_postmaster(data_dir: Path) -> None:
    process = psutil.Process(_postmaster_pid(data_dir))
    process.kill()
    process.wait(10)


@contextmanager
def _process_of(owner: binaries.Owner) -> Iterator[int]:
    """A process that PostgreSQL must take for alive, as it is the same user's."""
    ids = {"user": owner.uid, "group": owner.gid} if os.geteuid() == 0 else {}
    with subprocess.Popen(["/bin/sleep", "60"], **ids) as process:  # type: ignore[call-overload]
        yield process.pid
        process.kill()


def _answers(server: EmbeddedPostgres) -> bool:
    with psycopg.connect(server.url()) as connection:
        return connection.execute("select current_database()").fetchone() == ("order_history",)


def test_it_starts_keeps_its_data_and_stops(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as server, psycopg.connect(server.url()) as connection:
        connection.execute("create table kept as select 7 as n")
        connection.commit()
    assert not server.is_running()
    with EmbeddedPostgres(data_dir) as server, psycopg.connect(server.url()) as connection:
        assert connection.execute("select n from kept").fetchone() == (7,)


def test_only_its_owner_gets_in_and_settings_hold(postgres: EmbeddedPostgres) -> None:
    with psycopg.connect(postgres.url()) as connection:
        for name, value in SETTINGS.items():
            assert connection.execute(f"show {name}".encode()).fetchone() == (value,)
        row = connection.execute("show data_directory").fetchone()
        assert row is not None
    status = Path(row[0]).stat()
    assert status.st_mode & 0o777 == 0o700
    assert status.st_uid == binaries.owner().uid


def test_personal_data_in_failing_statements_stays_out_of_the_log(data_dir: Path) -> None:
    statements = (
        "insert into people values (%s)",
        "select %s::text::int",
        "select 'jane@example.com'::int -- %s",
    )
    with (
        EmbeddedPostgres(data_dir) as server,
        psycopg.connect(server.url(), autocommit=True) as connection,
    ):
        connection.execute("create table people (email text primary key)")
        connection.execute("insert into people values ('jane@example.com')")
        for statement in statements:
            with pytest.raises(psycopg.Error):
                connection.execute(statement.encode(), ("jane@example.com",))
    log = (data_dir / "postgres" / "log").read_text()
    assert "database system is ready" in log
    assert "jane" not in log


def test_the_last_user_in_this_process_stops_it(data_dir: Path) -> None:
    first, second = EmbeddedPostgres(data_dir), EmbeddedPostgres(data_dir)
    first.start()
    pid = _postmaster_pid(data_dir)
    second.start()
    assert _postmaster_pid(data_dir) == pid
    assert not first.stop()
    assert _answers(second)
    assert second.stop()
    assert not second.is_running()
    assert second.stop(), "stopping twice is no fault"


def test_programs_share_it_and_the_last_stops_it(data_dir: Path) -> None:
    program = _another_program(data_dir)
    with EmbeddedPostgres(data_dir) as server:
        assert _answers(server)
    assert server.is_running(), "the other program still uses it"
    _end(program)
    assert not server.is_running()


def test_a_killed_program_does_not_count_as_a_user(data_dir: Path) -> None:
    program = _another_program(data_dir)
    program.kill()
    _end(program)
    server = EmbeddedPostgres(data_dir)
    assert server.is_running()
    pid = _postmaster_pid(data_dir)
    server.start()
    assert _postmaster_pid(data_dir) == pid, "joined, not started"
    assert server.stop()
    assert not server.is_running()


def test_ctrl_c_in_the_terminal_does_not_reach_the_server(data_dir: Path) -> None:
    program = _another_program(data_dir)
    assert os.getpgid(_postmaster_pid(data_dir)) != os.getpgid(program.pid)
    program.send_signal(signal.SIGINT)
    program.wait(30)
    _end(program)
    assert not EmbeddedPostgres(data_dir).is_running(), "its only user left"


def test_it_comes_back_after_its_postmaster_was_killed(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as server:
        with psycopg.connect(server.url()) as connection:
            connection.execute("create table kept as select 7 as n")
        _kill_postmaster(data_dir)
        assert not server.is_running()
        server.ensure_running()
        with psycopg.connect(server.url()) as connection:
            assert connection.execute("select n from kept").fetchone() == (7,)


def test_a_stale_pid_that_a_stranger_has_now_is_no_obstacle(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as server:
        _kill_postmaster(data_dir)
        with _process_of(binaries.owner()) as stranger:
            for file in (
                data_dir / "postgres" / "postmaster.pid",
                server._socket_dir() / ".s.PGSQL.5432.lock",
            ):
                lines = file.read_text().splitlines(keepends=True)
                file.write_text("".join([f"{stranger}\n", *lines[1:]]))
            assert not server.is_running()
            server.ensure_running()
        assert _answers(server)


def test_a_first_start_that_was_cut_short_is_begun_anew(data_dir: Path) -> None:
    (data_dir / "postgres.new" / "base").mkdir(parents=True)
    with EmbeddedPostgres(data_dir) as server:
        assert _answers(server)


def test_a_long_path_gets_its_socket_elsewhere(data_dir: Path) -> None:
    deep = data_dir / ("d" * 60) / ("e" * 60)
    data_dir.mkdir()
    data_dir.chmod(0o711)
    deep.parent.mkdir(mode=0o711)
    with EmbeddedPostgres(deep) as server:
        assert _answers(server)
        elsewhere = server._socket_dir()
        assert elsewhere not in [deep, *deep.parents]
    assert not elsewhere.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts the server as another user")
def test_a_closed_parent_is_named_and_left_alone(data_dir: Path) -> None:
    closed = data_dir / "closed"
    closed.mkdir(parents=True)
    data_dir.chmod(0o711)
    closed.chmod(0o700)
    with pytest.raises(PostgresFailed, match=f"{closed} is closed to the user .*`chmod o\\+x"):
        EmbeddedPostgres(closed / "data").start()
    assert closed.stat().st_mode & 0o777 == 0o700
    shutil.rmtree(closed)


def test_a_failing_program_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(PostgresFailed) as failed:
        binaries.run("pg_ctl", "status", "-D", str(tmp_path / "none"))
    assert "\n" not in str(failed.value)
