"""The demo around the service: its port, its sample's moment, a service that does not start."""

from __future__ import annotations

import socket
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from interfaces.demo import demo
from interfaces.demo.demo import HOST, free_port, sample_time

NOW = datetime(2026, 11, 21, 7, 30, 1, 5, tzinfo=UTC)


def test_a_taken_port_is_passed_over() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port(port) > port


def test_the_sample_is_told_from_the_same_moment_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "sample-time"
    assert sample_time(path, NOW) == NOW
    assert sample_time(path, NOW + timedelta(days=3)) == NOW


def test_a_service_that_does_not_start_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "order-history"
    program.write_text(f"#!{sys.executable}\nraise SystemExit('no database')\n")
    program.chmod(0o755)
    monkeypatch.setattr(demo, "PROGRAM", str(program))
    monkeypatch.setattr(demo, "DATA", tmp_path / "data")
    monkeypatch.setattr(demo, "LOG", tmp_path / "data" / "serve.log")
    assert demo.main() == 1
    assert capsys.readouterr().err.startswith("demo: the service did not start; ")
    assert "no database" in (tmp_path / "data" / "serve.log").read_text()
