"""Runs the HTTP application: uvicorn on uvloop and httptools, until SIGTERM or Ctrl-C.

At the signal `services.stopping` is set, so that open streams end; requests in progress have 5 s to
finish; then the composition closes.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import FrameType
from typing import Literal

import structlog
import uvicorn
import uvloop
from litestar import Litestar
from litestar.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from domain.errors import OrderHistoryError
from interfaces.collector import spare_the_collector
from interfaces.http.app import create_app
from interfaces.http.problems import describe_error
from interfaces.http.services import Services

GRACE_SECONDS = 5
KEEP_ALIVE_SECONDS = 75
"""Longer than load balancers keep an idle connection, so that they close it and never meet a
closed one."""
HEAD_LIMIT = 64 * 1024
"""Bytes of a request line and its headers; what arrives in one piece may be a little longer."""
Composition = Callable[[], AbstractAsyncContextManager[Services]]
Build = Callable[[Services], Litestar]

_log = structlog.get_logger(__name__)


def run(composition: Composition, host: str, port: int, build: Build = create_app) -> int:
    """Serve what `build` makes of the services, until a signal.

    Returns the program's exit code: 0, or 1 when the port cannot be had.

    `composition` is entered in the server's event loop, before the first request, and left after
    the last one. What it raises on entering is raised here.
    """
    try:
        listener = listen(host, port)
    except CannotListen as error:
        sys.stderr.write(f"{error}\n")
        return 1
    with listener:
        uvloop.run(_serve(composition, listener, build))
    return 0


async def _serve(composition: Composition, listener: socket.socket, build: Build) -> None:
    async with composition() as services:
        app: ASGIApp = build(services)
        if services.around is not None:
            app = services.around(app)
        await serve_app(app, listener, services.stopping)


async def serve_app(
    app: ASGIApp,
    listener: socket.socket,
    stopping: asyncio.Event,
    *,
    lifespan: Literal["on", "off"] = "on",
) -> None:
    """Serve an application until a signal, which sets `stopping`. lifespan: whether it has one."""
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=BoundedHttp,
        ws="none",
        lifespan=lifespan,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        headers=[("X-Content-Type-Options", "nosniff")],
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    _keep_values_out_of_the_log()
    spare_the_collector()
    _log.info("listening", address="{}:{}".format(*listener.getsockname()[:2]))
    await Server(config, stopping).serve(sockets=[listener])


class BoundedHttp(HttpToolsProtocol):
    """httptools collects a request's head without limit; this one gives up."""

    _head_bytes = 0
    _in_head = False

    def on_message_begin(self) -> None:
        self._in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_LIMIT and not self.transport.is_closing():
                self.send_400_response("The head of the request is too large.")


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


class CannotListen(OrderHistoryError):
    """The port cannot be had."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises CannotListen, in one line."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise CannotListen(f"cannot listen on {host}:{port}: {_reason(error)}") from error


def _reason(error: OSError) -> str:
    if error.errno is None or error.errno < 0:  # of a name that cannot be resolved
        return str(error.strerror)
    return os.strerror(error.errno)


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
