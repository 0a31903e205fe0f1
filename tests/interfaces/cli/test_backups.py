"""Only a whole backup is restored, and only a whole one is there."""

from __future__ import annotations

from pathlib import Path

import pytest

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
