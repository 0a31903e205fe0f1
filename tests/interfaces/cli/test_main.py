"""What cannot work is one line and an exit code, never a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def said(*arguments: str) -> tuple[int, str]:
    """Exit code and standard error of the real program."""
    argv = [sys.executable, "-m", "interfaces.cli.main", *arguments]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, check=False, timeout=60)
    return done.returncode, done.stderr


def test_a_url_that_is_none_is_a_wrong_option() -> None:
    code, line = said("migrate", "--database-url", "nonsense s3cret")
    assert code == 2
    assert line.count("\n") == 1
    assert "not a PostgreSQL URL" in line
    assert "s3cret" not in line


def test_a_data_dir_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    where = str(tmp_path / "file" / "below")
    code, line = said("serve", "--port", "0", "--data-dir", where)
    assert code == 1
    assert line.count("\n") == 1
    assert "Not a directory" in line


def test_a_wrong_option_names_the_help() -> None:
    code, line = said("serve", "--bogus")
    assert code == 2
    assert line.count("\n") == 1
    assert "serve --help" in line
