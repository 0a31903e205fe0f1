"""The database that an installation stands on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from domain.errors import OrderHistoryError
from infrastructure.postgres.connect import wait_for_database
from infrastructure.postgres.embedded import EmbeddedPostgres
from infrastructure.postgres.migrate import current, upgrade

PATIENCE = 30.0
"""Seconds that a start waits for its database."""


class OutOfDate(OrderHistoryError):
    """The database's schema is not that of this version: run `order-history migrate` first."""


@contextmanager
def embedded(data_dir: Path) -> Iterator[EmbeddedPostgres]:
    """The PostgreSQL of a data directory, started or joined."""
    with EmbeddedPostgres(data_dir) as server:
        yield server


def prepare_database(url: str, *, own: bool, say: Callable[[str], None]) -> None:
    """Wait for the database, and see to its schema: our own is migrated, a given one must be.

    Raises Unavailable or OutOfDate, each in one line.
    """
    wait_for_database(url, PATIENCE, say)
    if own:
        upgrade(url)
    elif not current(url):
        raise OutOfDate


def migrate_database(url: str, say: Callable[[str], None]) -> None:
    """Bring a database's schema up to date, as its owner."""
    wait_for_database(url, PATIENCE, say)
    upgrade(url)
