"""Preparing lines in a process of its own, so that it and the committer have a processor each."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from threading import Thread

import msgspec

from application.intake.preparing import PreparedLines, PrepareHere, prepare_line
from application.intake.scrubbing import Line
from application.orders.record import Preparer
from domain.access.scope import ANYTHING, Reach
from domain.errors import Unavailable
from domain.orders.events import Incoming

FEW = 2000
"""Lines that are prepared before a process of its own would be ready."""

_COLLECT_EVERY = 50_000
_encode = msgspec.msgpack.Encoder().encode
_decode_lines = msgspec.msgpack.Decoder(list[Line]).decode
_decode_reach = msgspec.msgpack.Decoder(Reach).decode
_decode_prepared = msgspec.msgpack.Decoder(PreparedLines).decode
_child: Preparer


class PrepareElsewhere:
    """Implements `application.intake.preparing.Preparing`. The process starts once there were as
    many lines as `few`, and ends with `close`, or with this process, however that ends.

    `make` is called in there; it must be importable by name, and its preparer needs no keys: `warm`
    sees to them here, once a tenant.
    """

    def __init__(
        self, make: Callable[[], Preparer], warm: Callable[[str], None], few: int = FEW
    ) -> None:
        self._make = make
        self._here = PrepareHere(make())
        self._few = few
        self._seen = 0
        self._warm = warm
        self._warmed: set[str] = set()
        self._executor: ProcessPoolExecutor | None = None

    async def prepare(
        self, tenant_id: str, lines: Sequence[Line], reach: Reach = ANYTHING
    ) -> PreparedLines:
        if tenant_id not in self._warmed:
            self._warm(tenant_id)
            self._warmed.add(tenant_id)
        if self._seen < self._few:
            self._seen += len(lines)
            return await self._here.prepare(tenant_id, lines, reach)
        if self._executor is None:
            self._executor = ProcessPoolExecutor(
                1, multiprocessing.get_context("spawn"), _begin, (self._make,)
            )
        loop = asyncio.get_running_loop()
        try:
            prepared = await loop.run_in_executor(
                self._executor, _prepare, tenant_id, _encode(lines), _encode(reach)
            )
        except BrokenProcessPool as error:  # it was killed: the next attempt starts another
            self.close()
            raise Unavailable("the process that prepares events has died") from error
        return _decode_prepared(prepared)

    def read(self, line: Line) -> Incoming:
        return self._here.read(line)

    def close(self) -> None:
        """End the process; what it is at is lost."""
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=False, cancel_futures=True)


def _begin(make: Callable[[], Preparer]) -> None:
    global _child  # noqa: PLW0603  # what a process of a pool has for its own
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    parent = multiprocessing.parent_process()
    assert parent is not None
    Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    _child = make()
    gc.freeze()  # what is here now stays; and no event makes a cycle that cannot wait
    gc.set_threshold(_COLLECT_EVERY)


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


def _prepare(tenant_id: str, lines: bytes, reach: bytes) -> bytes:
    prepared, within = PreparedLines(), _decode_reach(reach)
    for index, line in enumerate(_decode_lines(lines)):
        prepare_line(_child, tenant_id, index, line, prepared, within)
    return _encode(prepared)
