"""Only a whole backup is restored, and only a whole one is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from interfaces.cli import backups
from interfaces.settings import Settings
from tests.interfaces.cli.program import refused


def test_what_an_interruption_left_is_not_restored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    half = tmp_path / "backup.x1y2.incomplete"
    half.mkdir()
    (half / "database.dump").write_bytes(b"half a dump")
    line = refused(capsys, "restore", half, "--data-dir", tmp_path / "new")
    assert f"{half} holds no whole backup: manifest.json is missing" in line
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("there", [[], ["erased"], ["published"], ["erased", "published"]])
def test_what_no_backup_holds_is_asked_for_where_it_is_not_there(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    there: list[str],
) -> None:
    monkeypatch.setattr(backups, "bring_back", lambda *_: None)
    monkeypatch.setattr(backups, "audit_ledgers", lambda *_: (7, []))
    for name in there:
        (tmp_path / name).mkdir()
    assert backups._restore(tmp_path, Settings("postgresql://nowhere/none", tmp_path)) == 0
    told = capsys.readouterr()
    assert "restored and verified: 7 events hold" in told.out
    for name in ("erased", "published"):
        assert (f"copy the old data directory's {name}/" in told.out + told.err) != (name in there)
