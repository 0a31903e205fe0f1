"""`ledger export`: a line that says what is there, or why there is nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from infrastructure.key_store.files import FileKeyStore
from infrastructure.postgres.connect import connect_one
from interfaces.cli.main import main
from tests.domain.ledger.drafts import draft
from tests.infrastructure.event_store.kit import accepted, committing
from tests.interfaces.cli.program import refused
from tests.projections.ledger.ledgers import Signatures, follow

COUNT = 3


@pytest.fixture(scope="module")
def data_dir(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an installation on a database with three signed events of the tenant acme."""
    data_dir = tmp_path_factory.mktemp("data")

    async def fill() -> None:
        async with committing(database_url, FileKeyStore(data_dir / "keys")) as door:
            for number in range(COUNT):
                accepted(await door.submit([draft(f"e{number}")]))
        async with await connect_one(database_url, "cell_0", name="test hub") as connection:
            await follow(connection)
        await Signatures(database_url, data_dir / "signing").sign()

    asyncio.run(fill())
    return data_dir


def arguments(database_url: str, data_dir: Path, *more: object) -> list[str]:
    options = ("--database-url", database_url, "--data-dir", data_dir)
    return [str(one) for one in ("ledger", "export", *options, *more)]


@pytest.mark.parametrize(("option", "files"), [("--no-events", 3), ("--events", 4)])
def test_what_was_exported_verifies(
    database_url: str,
    data_dir: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    option: str,
    files: int,
) -> None:
    target = tmp_path / "bundle"
    with pytest.raises(SystemExit) as end:
        main(arguments(database_url, data_dir, "--tenant", "acme", option, target))
    assert end.value.code == 0
    assert capsys.readouterr().out == f"{target}: {COUNT} events of acme in {files} files\n"
    keys = printed(capsys, "ledger", "key", "--tenant", "acme", "--data-dir", data_dir).split()
    held = printed(capsys, "verify", "bundle", target, *(f"--key={one}" for one in keys))
    assert str(COUNT) in held


def printed(capsys: pytest.CaptureFixture[str], *command: object) -> str:
    with pytest.raises(SystemExit) as end:
        main([str(one) for one in command])
    assert end.value.code == 0
    return capsys.readouterr().out


def test_what_is_refused(
    database_url: str, data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(*more: object) -> str:
        return refused(capsys, *arguments(database_url, data_dir, *more))

    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    assert "is not empty" in told("--tenant", "acme", tmp_path / "full")
    assert "is no directory" in told("--tenant", "acme", tmp_path / "full" / "mine")
    assert "nothing of tenant nobody is signed" in told("--tenant", "nobody", tmp_path / "new")
    assert "--tenant" in told(tmp_path / "new")
    assert "must match" in told("--tenant", "_global", tmp_path / "new")
    assert not (tmp_path / "new").exists()
    nowhere = ("ledger", "export", "--tenant", "acme", "--data-dir", tmp_path / "none", "x")
    assert "no installation" in refused(capsys, *nowhere)
