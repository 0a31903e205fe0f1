"""The real program: in a process of its own, or in the test's where it only refuses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from interfaces.cli.main import main

ROOT = Path(__file__).parents[3]
PROGRAM = [sys.executable, "-m", "interfaces.cli.main"]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Exit code and what was said. The long limit only turns a hang into a failure."""
    argv = [*PROGRAM, *map(str, arguments)]
    return subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, check=False, timeout=120)


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line with which a command ends that cannot work."""
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    out, line = capsys.readouterr()
    assert end.value.code
    assert out == ""
    assert line.count("\n") == 1, line
    return line
