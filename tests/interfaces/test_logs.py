"""Every line of the log is one event, whoever wrote it, and repeats nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.typing import EventDict

from interfaces import logs
from interfaces.logs import Seldom

ROOT = Path(__file__).parents[2]
SAID = """
import logging, structlog
from interfaces.logs import configure_logs
configure_logs()
structlog.get_logger("ours").info("working", number=1)
try:
    raise ValueError("jane@example.com")
except ValueError:
    logging.getLogger("some.library").exception("it failed for %s\\nand more", "jane@example.com")
logging.getLogger("some.library").info("all is well")
logging.getLogger("psycopg.pool").warning("error connecting in %r: %s", "pool-1", "away")
logging.getLogger("psycopg.pool").error("it is broken")
"""


def test_what_libraries_log_is_structured_and_without_values() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SAID], cwd=ROOT, capture_output=True, text=True, check=True
    )
    events: list[dict[str, Any]] = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(one["level"], one.get("logger"), one["event"]) for one in events] == [
        ("info", None, "working"),
        ("error", "some.library", "it failed for %s"),
        ("error", "psycopg.pool", "it is broken"),
    ]
    assert events[1]["error"] == "builtins.ValueError"
    assert "jane" not in done.stderr


def warning(error: str, **more: object) -> EventDict:
    return {"level": "warning", "event": "hub.away", "error": error, **more}


def test_a_warning_that_repeats_is_said_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(logs, "monotonic", lambda: now)
    seldom = Seldom()
    assert seldom(None, "warning", warning("Away", retry_s=1)) == warning("Away", retry_s=1)
    with pytest.raises(structlog.DropEvent):
        seldom(None, "warning", warning("Away", retry_s=2))
    assert seldom(None, "warning", warning("Away", job=2)) == warning("Away", job=2)
    assert seldom(None, "warning", warning("Full")) == warning("Full")
    now += logs.QUIET_SECONDS
    assert seldom(None, "warning", warning("Away")) == warning("Away")


def test_errors_and_news_are_said_each_time() -> None:
    seldom = Seldom()
    for level in ("error", "info"):
        for _ in range(2):
            assert seldom(None, level, {"level": level, "event": "x"})["event"] == "x"
