"""What our own witness remembers, in a SQLite file of its own (ADR 0021).

The write-ahead log with synchronous=FULL: a transaction is flushed before COMMIT returns. (With a
rollback journal FULL is not enough: its removal is not flushed, and a power cut can bring it back
and undo what was committed.) BEGIN IMMEDIATE takes the one write lock before reading, so that
nothing comes between the comparison and the write, whichever thread or process asks.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from application.ledger.cosigning import origin_hash
from domain.errors import Unavailable
from domain.ledger.witnessing import COSIGNED, Decision, Known
from infrastructure.key_store.durable import flush_directory

_BUSY_SECONDS = 5.0
_APPLICATION_ID = 0x6F687769  # "ohwi"
_TABLE = """
create table if not exists checkpoints (
  origin text primary key,
  origin_hash text not null unique,
  size integer not null,
  root blob not null,
  note text not null
)
"""
_KNOWN = "select size, root from checkpoints where origin = ?"
_NOTE = "select note from checkpoints where origin_hash = ?"
_PUT = """
insert into checkpoints (origin, origin_hash, size, root, note) values (?, ?, ?, ?, ?)
on conflict (origin) do update set size = excluded.size, root = excluded.root, note = excluded.note
"""


class SqliteState:
    """Implements `application.ledger.cosigning.WitnessState`."""

    def __init__(self, path: Path) -> None:
        """Open the file; make it, mode 0600, when it is not there.

        Raises Unavailable when it is not a witness's state, or cannot be opened.
        """
        self._lock = Lock()
        with _faults():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._connection = sqlite3.connect(
                path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                self._begin()
                flush_directory(path.absolute().parent)
            except BaseException:
                self._connection.close()
                raise

    def close(self) -> None:
        """Write everything into the one file, and let go of it."""
        with self._lock, _faults():
            self._connection.close()

    def advance(
        self,
        origin: str,
        judge: Callable[[Known], Decision],
        sealed: Callable[[], tuple[Known, str]],
    ) -> tuple[Decision, Known]:
        with self._lock, self._alone():
            row = self._connection.execute(_KNOWN, (origin,)).fetchone()
            known = Known(row[0], row[1]) if row else Known()
            decision = judge(known)
            if decision.status == COSIGNED:
                fresh, note = sealed()
                values = (origin, origin_hash(origin), fresh.size, fresh.root, note)
                self._connection.execute(_PUT, values)
        return decision, known

    def note(self, origin_hash: str) -> str | None:
        with self._lock, _faults():
            row = self._connection.execute(_NOTE, (origin_hash,)).fetchone()
            return None if row is None else str(row[0])

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """A transaction that no other writer comes between; rolled back at an error."""
        with _faults():
            self._connection.execute("begin immediate")
            try:
                yield
                self._connection.execute("commit")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("rollback")
                raise

    def _begin(self) -> None:
        """Mark an empty file, new or left of a start that was killed, as a witness's. Another
        program's database is left as it is."""
        (found,) = self._connection.execute("pragma application_id").fetchone()
        (tables,) = self._connection.execute("select count(*) from sqlite_schema").fetchone()
        if tables and found != _APPLICATION_ID:
            raise sqlite3.DatabaseError("it is a database of something else")
        if found != _APPLICATION_ID:
            self._connection.execute(f"pragma application_id = {_APPLICATION_ID}")
        self._connection.execute("pragma journal_mode = wal")
        self._connection.execute("pragma synchronous = full")
        self._connection.execute(_TABLE)


@contextmanager
def _faults() -> Iterator[None]:
    """The file's faults as the domain's word for them, without the path."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise Unavailable(f"the state of the witness cannot be used: {reason}") from error
