"""Memory while many events come in: of the API and the worker over HTTP, of `import`.

What matters is that it is flat: the highest resident size by a quarter, a half and all of the
events is shown, so that more events can be reckoned with.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import Self

import httpx
import msgspec
import psutil  # type: ignore[import-untyped]  # it ships no types
from msgspec import Struct

from bench.figures import Aim, Row
from bench.ground import TENANT, Ground, token
from bench.processes import WORKER, api, program, server
from bench.sample import sample_lines
from bench.scale import Say, Scale
from interfaces.composition.connections import blocking
from interfaces.settings import Settings

QUARTERS = (0.25, 0.5, 1.0)
_LIMIT_MB = 300
_LOOK_EVERY = 0.1
_MB = 1024 * 1024


class _Job(Struct):
    job_id: str
    status: str
    result: dict[str, int] = {}


class Peaks:
    """The highest resident size of programs, the processes that they started included, by name and
    by how much has been recorded."""

    def __init__(self, settings: Settings, pids: dict[str, int], total: int) -> None:
        self.seen = {name: dict.fromkeys(QUARTERS, 0.0) for name in pids}
        self._processes = {name: psutil.Process(pid) for name, pid in pids.items()}
        self._total = total
        self._settings = settings
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        with blocking(self._settings, "bench")() as connection:
            while not self._stopping.wait(_LOOK_EVERY):
                row = connection.execute("select coalesce(max(position), 0) from events").fetchone()
                self.look((row or (0,))[0])

    def look(self, recorded: int) -> None:
        """Note the sizes of now for the quarters that are not over."""
        for name, process in self._processes.items():
            try:
                size = _family_mb(process)
            except psutil.Error:
                continue
            for part, highest in self.seen[name].items():
                if recorded <= part * self._total:
                    self.seen[name][part] = max(highest, size)


def resident_mb(pid: int) -> float:
    """The resident size of a program, the processes that it started included."""
    return _family_mb(psutil.Process(pid))


def _family_mb(process: psutil.Process) -> float:
    family = [process, *process.children(recursive=True)]
    return float(sum(one.memory_info().rss for one in family) / _MB)


def memory(ground: Ground, scale: Scale, say: Say) -> Iterator[Row]:
    """Rows for each process."""
    for run in (_over_http, _import):
        with ground.installation() as settings:
            settings.data_dir.mkdir(exist_ok=True)
            seen = run(settings, scale.memory_events)
        for name, sizes in seen.items():
            shown = ", ".join(f"{size:.0f} MB at {part:.0%}" for part, size in sizes.items())
            say(f"memory of {name}: {shown}")
            for part, size in sizes.items():
                label = f"memory of {name}" if part == QUARTERS[0] else " "
                aim = Aim("<=", _LIMIT_MB, of="figure") if part == QUARTERS[-1] else None
                yield Row(f"{label} at {part:.0%}", "MB", [size], (), aim)


def _over_http(settings: Settings, count: int) -> dict[str, dict[float, float]]:
    headers = {"Authorization": token(settings, "producer")}
    with ExitStack() as stack:
        running = stack.enter_context(server(api(), settings))
        worker = stack.enter_context(program(WORKER, settings))
        client = stack.enter_context(httpx.Client(headers=headers, timeout=600))
        base = f"http://127.0.0.1:{running.port}/v1/order-history"
        pids = {"API": running.pid, "worker": worker}
        with Peaks(settings, pids, count) as peaks:
            content_type = {"Content-Type": "application/x-ndjson"}
            answer = client.post(
                f"{base}/events/bulk", content=_blocks(count), headers=content_type
            )
            _await(lambda: _job(client.get(f"{base}/jobs/{_read(answer).job_id}")))
    return peaks.seen


def _import(settings: Settings, count: int) -> dict[str, dict[float, float]]:
    path = settings.data_dir / "events.ndjson"
    with path.open("wb") as file:
        file.writelines(_blocks(count))
    argv = ("interfaces.cli.main", "import", str(path), "--tenant", TENANT)
    with program(argv, settings) as pid:
        process = psutil.Process(pid)
        with Peaks(settings, {"import": pid}, count) as peaks:
            _await(lambda: process.status() == psutil.STATUS_ZOMBIE)
    return peaks.seen


def _blocks(count: int) -> Iterable[bytes]:
    """The body of a bulk request, some hundred kilobytes at a time."""
    block: list[bytes] = []
    for line in sample_lines(count):
        block.append(line)
        if len(block) == 1000:
            yield b"\n".join(block) + b"\n"
            block = []
    yield b"\n".join(block)


def _read(answer: httpx.Response) -> _Job:
    answer.raise_for_status()
    return msgspec.json.decode(answer.content, type=_Job)


def _job(answer: httpx.Response) -> bool:
    job = _read(answer)
    assert job.status not in ("failed", "cancelled"), answer.text
    return job.status == "succeeded"


def _await(over: Callable[[], bool]) -> None:
    while not over():
        time.sleep(0.2)
