from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from interfaces.cli.serving import _supervise
from interfaces.composition.tracing import OFF, TracingNotInstalled, tracing
from interfaces.settings import Settings, TracesSettings
from tests.interfaces.cli.program import ROOT

URL = "http://127.0.0.1:1/v1/traces"

BUILD = """
import sys
from interfaces.cli import main
from interfaces.composition import serving, working
from interfaces.http.app import create_app
from tests.interfaces.http.stub_server import composition
import asyncio

async def build():
    async with composition() as services:
        create_app(services)

asyncio.run(build())
print([name for name in sys.modules if name.startswith("opentelemetry.")])
"""


def test_nothing_of_it_is_imported_unless_it_is_asked_for() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BUILD], cwd=ROOT, capture_output=True, text=True, check=True
    )
    found = ast.literal_eval(done.stdout.splitlines()[-1])
    # Where the extra is installed, litestar itself looks up the names of attributes.
    assert [name for name in found if not name.startswith("opentelemetry.semconv")] == []


@pytest.mark.anyio
async def test_it_is_off_unless_it_is_asked_for(tmp_path: Path) -> None:
    async with tracing(Settings(database_url="", data_dir=tmp_path), "api") as made:
        assert made is OFF
        assert made.app is None
        assert made.projections is None
        door: Any = object()
        assert made.door(door) is door


@pytest.fixture
def without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "opentelemetry"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)


@pytest.mark.anyio
async def test_that_the_extra_is_missing_is_one_clear_line(
    without_the_extra: None, tmp_path: Path
) -> None:
    asked = Settings(database_url="", data_dir=tmp_path, traces=TracesSettings(URL))
    with pytest.raises(TracingNotInstalled, match=r"requirements/tracing\.txt"):
        async with tracing(asked, "api"):
            pass


def test_serve_refuses_before_it_starts_anything(
    without_the_extra: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDER_HISTORY_TRACES_URL", URL)
    with pytest.raises(TracingNotInstalled):
        _supervise(tmp_path, "postgresql://127.0.0.1:1/none", "127.0.0.1", 1, None)
