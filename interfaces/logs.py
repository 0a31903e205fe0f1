"""Logging: one JSON line an event on standard error; readable lines on a terminal.

What libraries log is put into the same form, without the values: those may come from the database.
A warning that repeats while something is away is said once in a while.
"""

from __future__ import annotations

import logging
import sys
from time import monotonic
from typing import Any

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from interfaces.http.problems import describe_error

QUIET_SECONDS = 30.0
"""How long the same warning is not said again."""

_log = structlog.get_logger(__name__)


def configure_logs() -> None:
    """For the long-running processes. Values of events are named, never formatted into a text."""
    render: Processor = (
        structlog.dev.ConsoleRenderer()
        if sys.stderr.isatty()
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            Seldom(),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # Libraries speak up when something is wrong, and only then.
    logging.basicConfig(level=logging.WARNING, handlers=[LibraryLog()], force=True)
    # It warns of each attempt to connect; who wanted the connection says what that meant.
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)


class Seldom:
    """A processor that drops a warning said within the last QUIET_SECONDS, of the same error, job
    and so on; how long until the next try is no difference."""

    def __init__(self) -> None:
        self._said: dict[str, float] = {}

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        if event.get("level") != "warning":
            return event
        now = monotonic()
        self._said = {key: at for key, at in self._said.items() if now - at < QUIET_SECONDS}
        key = repr(sorted(item for item in event.items() if item[0] != "retry_s"))
        if key in self._said:
            raise structlog.DropEvent
        self._said[key] = now
        return event


class LibraryLog(logging.Handler):
    """Says a library's record as an event of ours: its text before values are put in, and of an
    exception the class and the place."""

    def emit(self, record: logging.LogRecord) -> None:
        text = str(record.msg).strip().split("\n", 1)[0]
        error = record.exc_info[1] if record.exc_info else None
        described: dict[str, Any] = {} if error is None else describe_error(error)
        _log.log(record.levelno, text, logger=record.name, **described)
