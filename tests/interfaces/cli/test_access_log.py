"""`verify access-log`: one line, and an exit code that a script can go by."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psycopg
import pytest

from infrastructure.access_log.store import PostgresAccessLog
from interfaces.cli.main import main
from interfaces.composition.access_log import tending_access
from interfaces.composition.writing import writing
from interfaces.settings import Settings
from tests.domain.ledger.drafts import draft
from tests.infrastructure.access_log.entries import kept


@pytest.fixture
def data_dir(database_url: str, tmp_path: Path) -> Path:
    """Of an installation with three entries, two of which are on the ledger of the tenant acme."""

    async def fill() -> None:
        async with writing(Settings(database_url, tmp_path), "test") as side:
            log = PostgresAccessLog(side.pool, side.keyring)
            await side.door.submit([draft("e1")])
            await log.add([kept(1), kept(2)])
            await tending_access(side)()
            await log.add([kept(3)])

    asyncio.run(fill())
    return tmp_path


def test_it_says_what_holds_and_what_does_not(
    database_url: str, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["verify", "access-log", "--tenant", "acme", "--data-dir", str(data_dir)]
    arguments += ["--database-url", database_url]
    expected = {
        0: "2 entries in 1 batches hold; 1 wait for the next batch\n",
        1: "batch from 1 to 2: an entry is not what it was\n",
    }
    for code, line in expected.items():
        with pytest.raises(SystemExit) as end:
            main(arguments)
        assert (end.value.code or 0, capsys.readouterr().out) == (code, line)
        with psycopg.connect(database_url) as connection:
            connection.execute("alter table cell_0.access_log disable trigger all")
            connection.execute("update cell_0.access_log set events = 9 where number = 1")
