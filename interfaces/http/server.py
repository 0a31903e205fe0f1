"""Runs the HTTP application: uvicorn on uvloop and httptools, until SIGTERM or Ctrl-C.

At the signal `services.stopping` is set, so that open streams end; requests in progress have 5 s to
finish; then the composition closes.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import FrameType

import structlog
import uvicorn
import uvloop

from interfaces.http.app import create_app
from interfaces.http.problems import describe_error
from interfaces.http.services import Services

GRACE_SECONDS = 5
Composition = Callable[[], AbstractAsyncContextManager[Services]]

_log = structlog.get_logger(__name__)


def run(composition: Composition, host: str, port: int) -> int:
    """Serve until a signal; the program's exit code: 0, or 1 when the port cannot be had.

    `composition` is entered in the server's event loop, before the first request, and left after
    the last one. What it raises on entering is raised here.
    """
    try:
        listener = _listen(host, port)
    except OSError as error:
        print(f"cannot listen on {host}:{port}: {error.strerror or error}", file=sys.stderr)
        return 1
    with listener:
        uvloop.run(_serve(composition, listener))
    return 0


async def _serve(composition: Composition, listener: socket.socket) -> None:
    async with composition() as services:
        config = uvicorn.Config(
            create_app(services),
            loop="uvloop",
            http="httptools",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            headers=[("X-Content-Type-Options", "nosniff")],
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        _keep_values_out_of_the_log()
        _log.info("listening", address="{}:{}".format(*listener.getsockname()[:2]))
        await Server(config, services.stopping).serve(sockets=[listener])


class Server(uvicorn.Server):
    """uvicorn, which tells the streams when to stop and leaves the exit code to `run`."""

    def __init__(self, config: uvicorn.Config, stopping: asyncio.Event) -> None:
        super().__init__(config)
        self._stopping = stopping
        self._loop = asyncio.get_running_loop()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A second Ctrl-C does not wait. The signal is not raised again at the end: it was obeyed,
        and the composition is still to be closed."""
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True
        self._loop.call_soon_threadsafe(self._stopping.set)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048)


class _WithoutValues(logging.Filter):
    """Replaces a traceback, whose messages may carry values, by what may be logged of it."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and record.exc_info[1] is not None:
            _log.error("server_error", **describe_error(record.exc_info[1]))
            record.exc_info, record.exc_text = None, None
        return True


def _keep_values_out_of_the_log() -> None:
    logger = logging.getLogger("uvicorn.error")
    if not any(isinstance(known, _WithoutValues) for known in logger.filters):
        logger.addFilter(_WithoutValues())
