"""Backups for tests: taken, and restored after more was done than they know of."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path

import psycopg
from psycopg import conninfo

from infrastructure.postgres.embedded import EmbeddedPostgres
from interfaces.settings import LedgerSettings, Settings
from tests.infrastructure.ledger.cell import until
from tests.interfaces.cli.program import run
from tests.interfaces.http.journeys.erasing import ANN, OF_ANN, found, told
from tests.interfaces.http.journeys.house import House, Shop, opened

_numbers = itertools.count(1)


@contextmanager
def copied(postgres: EmbeddedPostgres, url: str) -> Iterator[str]:
    """A database as this one is now: what a backup of it would be restored to."""
    source, name = conninfo.conninfo_to_dict(url)["dbname"], f"restored_{next(_numbers)}"
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute(f"create database {name} template {source} strategy wal_log".encode())
        yield postgres.url(name)
        connection.execute(f"drop database {name} with (force)".encode())


async def signed_and_published(house: House) -> None:
    """Wait until the newest event is covered by a published round."""

    def is_so() -> bool:
        with psycopg.connect(house.settings.database_url) as connection:
            ((last,),) = connection.execute(
                "select coalesce(max(position), 0) from cell_0.events"
            ).fetchall()
            found = connection.execute(
                "select round, position from cell_0.ledger_rounds order by round desc limit 1"
            ).fetchone()
        if not found or found[1] < last:
            return False
        published = house.settings.ledger.publish_dir or house.settings.data_dir / "published"
        return (published / "_global" / "1" / "checkpoint" / str(found[0])).exists()

    await until(is_so)


def settings(url: str, data_dir: Path) -> Settings:
    ledger = LedgerSettings(checkpoint_seconds=0.05)
    return Settings(database_url=url, data_dir=data_dir, ledger=ledger)


def put_back(saved: Path, data_dir: Path) -> None:
    """As a restore does: all but what is kept out of backups is as it was."""
    for kept in ("keys", "pseudonyms"):
        shutil.rmtree(data_dir / kept, ignore_errors=True)
        if (saved / kept).exists():
            shutil.copytree(saved / kept, data_dir / kept)


class Installation:
    """One that is backed up, and restored after more was done in it."""

    def __init__(self, postgres: EmbeddedPostgres, url: str, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._postgres = postgres
        self._url = url

    def opened(self) -> AbstractAsyncContextManager[House]:
        return opened(settings(self._url, self.data_dir))

    @asynccontextmanager
    async def restored_after(
        self, act: Callable[[House], Awaitable[object]]
    ) -> AsyncIterator[Settings]:
        """Back it up, act in it, and restore the backup: the settings of what is there then."""
        saved = self.data_dir.with_name("saved")
        shutil.copytree(self.data_dir, saved)
        with copied(self._postgres, self._url) as copy:
            async with self.opened() as house:
                await act(house)
                await signed_and_published(house)
            put_back(saved, self.data_dir)
            yield settings(copy, self.data_dir)


async def reopened(restored: Settings) -> None:
    """At the command line, so that it records again."""
    given = "--database-url", restored.database_url, "--data-dir", restored.data_dir
    ended = await asyncio.to_thread(run, "ledger", "reopen", *given)
    assert ended.returncode == 0, ended.stderr


async def before(house: House) -> Shop:
    """A tenant with what is told of Ann, signed and published."""
    shop = house.shop()
    await told(shop)
    assert len(await found(shop, ANN["email"])) == 3
    assert await told_of_ann(shop) != []
    await signed_and_published(house)
    return shop


async def told_of_ann(shop: Shop) -> list[str]:
    """What an admin reads of her in her orders."""
    orders = [await shop.get(f"/orders/{order}/timeline", "admin") for order in ("ann_1", "ann_2")]
    assert [one.status_code for one in orders] == [200, 200]
    return [value for value in OF_ANN for one in orders if value in one.text]


def told_on_the_ledger(url: str) -> list[bool]:
    """Of each thing that was changed: whether the ledger says so."""
    with psycopg.connect(url) as connection:
        return [told for (told,) in connection.execute("select told from cell_0.erasures")]
