"""`serve` says where it is once it answers, and refuses what it cannot have before it starts."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.interfaces.cli.program import PROGRAM, ROOT, refused


def test_a_taken_port_is_told_before_anything_is_started(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = refused(capsys, "serve", "--port", port, "--data-dir", tmp_path / "new")
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in line
    assert not (tmp_path / "new").exists()


def test_the_address_is_said_when_the_service_answers(database_url: str, tmp_path: Path) -> None:
    given = ("--database-url", database_url, "--data-dir", str(tmp_path), "--port", "0")
    argv = [*PROGRAM, "serve", *given]
    with subprocess.Popen(argv, cwd=ROOT, stderr=subprocess.PIPE, text=True) as serve:
        try:
            assert serve.stderr is not None
            said = (re.match(r"API at (http://\S+)/docs; data in ", line) for line in serve.stderr)
            address = next(found[1] for found in said if found)
            assert httpx.get(f"{address}/healthz").is_success
            serve.send_signal(signal.SIGTERM)
            serve.communicate(timeout=60)
        finally:
            serve.kill()
    assert serve.returncode == 0


def test_issuers_that_cannot_be_used_are_told_before_anything_is_started(
    tmp_path: Path,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    issuers = tmp_path / "issuers.json"
    monkeypatch.setenv("ORDER_HISTORY_ISSUERS", str(issuers))
    given = ("--database-url", database_url, "--data-dir", tmp_path / "new", "--port", 0)
    issuers.write_text('[{"issuer": "a", "jwks_url": "https://a.example.com", "audience": "x"}]')
    assert "unknown field `audience`" in refused(capsys, "serve", *given)
    local = {"issuer": "order-history", "jwks_url": "https://a.example.com", "audiences": ["x"]}
    issuers.write_text(json.dumps([local]))
    assert "two issuers are named order-history" in refused(capsys, "serve", *given)
