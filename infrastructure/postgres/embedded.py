"""The embedded PostgreSQL: one server for one data directory, shared by all programs that use it.

Every user holds a shared lock on `postgres.users`; whoever leaves and then gets that lock for
itself alone was the last, and stops the server. The kernel lets go of a killed program's lock, so
nothing is left to be cleaned. Starting and stopping happen under `postgres.lock`.
"""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psutil  # type: ignore[import-untyped]  # it ships no types
import psycopg
from psycopg import errors

from infrastructure.postgres import binaries
from infrastructure.postgres.binaries import PostgresFailed

DATABASE = "order_history"
SUPERUSER = "postgres"

# Terse on purpose: statements, parameters and details of errors may hold personal data. `log`
# leaves out errors of statements (their clients hear them) and keeps starts, crashes and panics.
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "pglz",
    "fsync": "on",
    "synchronous_commit": "on",
    "track_commit_timestamp": "off",
    "jit": "off",
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_checkpoints": "off",
}

_SOCKET = ".s.PGSQL.5432"
_SOCKET_PATH_LIMIT = 103
_START_TIMEOUT = 60
_ORPHANS_TIMEOUT = 10.0


def has_cluster(data_dir: Path) -> bool:
    """Whether a data directory holds a database of ours, running or not."""
    return (data_dir / "postgres" / "PG_VERSION").exists()


class EmbeddedPostgres:
    """The server of `data_dir`/postgres. Use as a context manager, or `start` and `stop`.

    Safe from several threads' and processes' objects at once; one object from one thread at a time.
    """

    def __init__(self, data_dir: Path) -> None:
        self._root = data_dir.resolve()
        self._data = self._root / "postgres"
        self._users: int | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server or join the running one; make it, and its database, when missing.

        Raises PostgresFailed, in one line, when that cannot be done.
        """
        self._make_root()
        with self._alone():
            self._bring_up()
            if self._users is None:
                self._users = self._open("postgres.users")
                fcntl.flock(self._users, fcntl.LOCK_SH)
                atexit.register(self.stop)

    def ensure_running(self) -> None:
        """Start the server again if it died (kill -9, out of memory). Cheap when it runs."""
        if not self.is_running():
            self.start()

    def is_running(self) -> bool:
        """Whether the server's main process lives; it may still be starting up or recovering."""
        return self._postmaster() is not None

    def stop(self) -> bool:
        """Leave the server; the last user stops it. Returns whether it is stopped now."""
        if self._users is None:
            return not self.is_running()
        atexit.unregister(self.stop)
        with self._alone():
            os.close(self._users)
            self._users = None
            with self._opened("postgres.users") as users:
                try:
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return False
                if self.is_running():
                    self._control("stop", "-m", "fast")
                if self._socket_dir() != self._data:
                    shutil.rmtree(self._socket_dir(), ignore_errors=True)
                return True

    def url(self, database: str = DATABASE) -> str:
        """A libpq URL of the database, as the superuser, over the Unix socket."""
        return (
            f"postgresql://{SUPERUSER}@/{database}?host={quote(str(self._socket_dir()), safe='')}"
        )

    def _make_root(self) -> None:
        """The data directory itself is opened for passing through; its parents are the user's."""
        self._root.mkdir(mode=0o711, parents=True, exist_ok=True)
        if binaries.owner().uid != os.geteuid():
            self._root.chmod(self._root.stat().st_mode | 0o011)
        binaries.check_reach(self._root)

    def _bring_up(self) -> None:
        if not has_cluster(self._root):
            self._initialise()
        if not self.is_running():
            self._clear_remains()
            options = f"-c unix_socket_directories='{self._socket_dir(make=True)}'"
            log = str(self._data / "log")
            self._control("start", "-l", log, "-o", options, "-t", str(_START_TIMEOUT))
        self._ensure_database()

    def _initialise(self) -> None:
        """initdb beside the final place, then rename: a start that was killed leaves no half."""
        fresh = self._root / "postgres.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        os.chown(fresh, *binaries.owner())
        settings = [part for one in SETTINGS.items() for part in ("-c", "=".join(one))]
        binaries.run(
            "initdb",
            *("-D", str(fresh), "-U", SUPERUSER, "--auth-local=trust", "--auth-host=reject"),
            *("--encoding=UTF8", "--locale=C"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"),
            *settings,
            identity=binaries.owner(),
            cwd=fresh,
        )
        fresh.rename(self._data)

    def _control(self, action: str, *options: str) -> None:
        binaries.run(
            "pg_ctl",
            *(action, "-D", str(self._data), "-w", *options),
            identity=binaries.owner(),
            cwd=self._data,
        )

    def _ensure_database(self) -> None:
        deadline = monotonic() + _START_TIMEOUT
        while True:
            try:
                with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
                    query = "select from pg_database where datname = %s"
                    if connection.execute(query, (DATABASE,)).fetchone() is None:
                        with suppress(errors.DuplicateDatabase, errors.UniqueViolation):
                            connection.execute(f"create database {DATABASE}")
                return
            except psycopg.OperationalError as error:
                # Joined while another program's server is still recovering.
                if monotonic() > deadline or not self.is_running():
                    raise PostgresFailed(
                        f"the embedded PostgreSQL does not answer; see {self._data / 'log'}"
                    ) from error
                sleep(0.1)

    def _postmaster(self) -> psutil.Process | None:
        try:
            first = (self._data / "postmaster.pid").read_text().split("\n", 1)[0]
            process = psutil.Process(int(first))
            return process if self._serves(process) else None
        except (OSError, ValueError, psutil.Error):
            return None

    def _serves(self, process: psutil.Process) -> bool:
        """Whether the process is of this server: all of them work in its directory. A pid alone
        says nothing, for after a restart of a container another program may have it."""
        with suppress(psutil.Error):
            return bool(process.cwd() == str(self._data))
        return False

    def _clear_remains(self) -> None:
        """Wait until what a killed server left behind has ended, then remove its stale pid files.

        PostgreSQL removes them itself unless a stranger has that pid now. Its own guard against
        backends that outlived their postmaster lies in one of them, hence the waiting first.
        """
        deadline = monotonic() + _ORPHANS_TIMEOUT
        while orphans := [one.pid for one in psutil.process_iter() if self._serves(one)]:
            if monotonic() > deadline:
                raise PostgresFailed(
                    f"processes of a PostgreSQL that died are still at work in {self._data}: "
                    f"{', '.join(map(str, orphans))}; end them and start again"
                )
            sleep(0.05)
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        (self._socket_dir() / f"{_SOCKET}.lock").unlink(missing_ok=True)

    def _socket_dir(self, *, make: bool = False) -> Path:
        """The data directory, which only its owner may enter, unless its path is too long."""
        if len(os.fsencode(self._data / _SOCKET)) <= _SOCKET_PATH_LIMIT:
            return self._data
        name = hashlib.sha256(os.fsencode(self._data)).hexdigest()[:16]
        short = Path(tempfile.gettempdir()) / f"order-history-{name}"
        if make:
            short.mkdir(mode=0o700, exist_ok=True)
            if short.is_symlink() or short.stat().st_uid not in {
                os.geteuid(),
                binaries.owner().uid,
            }:
                raise PostgresFailed(f"{short} belongs to someone else; remove it and start again")
            os.chown(short, *binaries.owner())
            short.chmod(0o700)
        return short

    def _open(self, name: str) -> int:
        return os.open(self._root / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @contextmanager
    def _opened(self, name: str) -> Iterator[int]:
        descriptor = self._open(name)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else starts or stops this server meanwhile, in this process or another."""
        with self._opened("postgres.lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
