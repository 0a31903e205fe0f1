"""Keeps child processes running, and stops them together: `serve` is one API and one worker.

    serve ──▶ Supervisor ─┬─▶ api      stdin of each: a pipe that only the supervisor holds open,
                          └─▶ worker   so that even a SIGKILL to it is the end of them all

The children write their own lines; the supervisor adds one when a child ends or will not stop.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from asyncio.subprocess import Process
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from domain.errors import OrderHistoryError

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
STEADY = 10.0
"""Seconds after which a child counts as having started well: its next pause is the first again."""
TICK = 0.5
GRACE = 10.0
USAGE = 2
"""The exit code for a wrong option or setting. Starting again would not put it right."""
_STOPPED = {0, *(sign for one in (signal.SIGTERM, signal.SIGINT) for sign in (-one, 128 + one))}
"""Exit codes of a child that followed; the last two when it was still starting."""

SUPERVISED = "ORDER_HISTORY_SUPERVISED"


@dataclass(frozen=True)
class Child:
    """One process to keep running. `env` goes on top of the supervisor's own environment."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


class Supervisor:
    """`run()` returns when SIGTERM or SIGINT came, or a child gave up, and all children are gone.

    on_tick: called in a thread every half second, never twice at once; OrderHistoryError and
    OSError from it are said and it is called again, anything else ends the supervisor.
    ready, on_ready: `ready` is asked every half second until it is true, then `on_ready` called.
    """

    def __init__(
        self,
        children: Sequence[Child],
        *,
        on_tick: Callable[[], None] | None = None,
        ready: Callable[[], bool] | None = None,
        on_ready: Callable[[], None] | None = None,
        say: Callable[[str], None] = _say,
        grace: float = GRACE,
    ) -> None:
        self._children = tuple(children)
        self._on_tick = on_tick
        self._ready = ready
        self._on_ready = on_ready
        self._say = say
        self._grace = grace
        self._trouble = ""

    def run(self) -> int:
        """The exit code: 0 after a stop that every child followed, 1 when one had to be killed or
        failed while stopping, 2 when a child ended for a wrong option or setting."""
        return asyncio.run(self._run())

    async def _run(self) -> int:
        self._stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        reader, writer = os.pipe()
        try:
            async with asyncio.TaskGroup() as group:
                kept = [group.create_task(self._keep(child, reader)) for child in self._children]
                group.create_task(self._tick())
        finally:
            # Should this end by an error, the closed pipe stops the children.
            os.close(writer)
            os.close(reader)
        return max((task.result() for task in kept), default=0)

    async def _keep(self, child: Child, stdin: int) -> int:
        pause = FIRST_PAUSE
        while True:
            started = time.monotonic()
            process = await _start(child, stdin)
            code, forced = await self._until_exit(child, process)
            if self._stopping.is_set():
                return int(forced or code not in _STOPPED)
            if code == USAGE:
                self._say(f"{child.name} cannot run as it was started (exit code 2); stopping")
                self._stopping.set()
                return USAGE
            if time.monotonic() - started >= STEADY:
                pause = FIRST_PAUSE
            self._say(f"{child.name} ended ({_how(code)}); starting it again in {pause:.1f} s")
            if await self._stopped_within(pause):
                return 0
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _until_exit(self, child: Child, process: Process) -> tuple[int, bool]:
        """The exit code, and whether the child had to be killed."""
        exited = asyncio.create_task(process.wait())
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({exited, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if exited.done():
            return exited.result(), False
        with suppress(ProcessLookupError):  # it may end by itself at this moment
            process.terminate()
        done, _ = await asyncio.wait({exited}, timeout=self._grace)
        if not done:
            self._say(f"{child.name} did not stop within {self._grace:g} s; killing it")
            with suppress(ProcessLookupError):
                process.kill()
        return await exited, not done

    async def _tick(self) -> None:
        waiting = self._ready is not None
        while not await self._stopped_within(TICK):
            if self._on_tick is not None:
                await self._call_tick(self._on_tick)
            if waiting and self._ready is not None and await asyncio.to_thread(self._ready):
                waiting = False
                if self._on_ready is not None:
                    self._on_ready()

    async def _call_tick(self, on_tick: Callable[[], None]) -> None:
        try:
            await asyncio.to_thread(on_tick)
        except (OrderHistoryError, OSError) as error:
            if str(error) != self._trouble:  # once, not twice a second
                self._say(str(error))
            self._trouble = str(error)
        else:
            self._trouble = ""

    async def _stopped_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        return self._stopping.is_set()


async def _start(child: Child, stdin: int) -> Process:
    # A group of its own: Ctrl-C in a terminal reaches the supervisor alone, which then stops them.
    return await asyncio.create_subprocess_exec(
        *child.argv,
        stdin=stdin,
        env={**os.environ, **child.env, SUPERVISED: "1"},
        process_group=0,
    )


def _how(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def watch_parent(grace: float = GRACE) -> threading.Thread | None:
    """In a child: stop when the supervisor is gone, however it went.

    Sends this process a SIGTERM, so that it stops as it always does, and ends it if it still runs
    `grace` seconds later. Does nothing (and returns None) in a process without a supervisor, whose
    stdin may be a terminal or closed.
    """
    if os.environ.pop(SUPERVISED, None) is None:
        return None
    thread = threading.Thread(target=_watch, args=(grace,), name="watch-parent", daemon=True)
    thread.start()
    return thread


def _watch(grace: float) -> None:
    while os.read(0, 1):  # nothing is ever written: this waits for the end of the pipe
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(grace)
    os._exit(1)
