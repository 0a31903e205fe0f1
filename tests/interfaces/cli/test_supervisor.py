"""The supervisor over real child processes, each a line or two of Python."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from domain.errors import Unavailable
from interfaces.cli import supervisor
from interfaces.cli.supervisor import Child, Supervisor, watch_parent

ROOT = Path(__file__).parents[3]
STAY = "import time; time.sleep(60)"


def python(name: str, code: str, *arguments: object) -> Child:
    return Child(name, [sys.executable, "-c", code, *map(str, arguments)])


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Waits for what is certain to come; the long limit only turns a hang into a failure."""
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail(f"never came: {what}")


def stop_when(condition: Callable[[], bool]) -> threading.Thread:
    """SIGTERM to this process, where the supervisor runs, as soon as the condition holds."""

    def watch() -> None:
        for _ in range(600):
            if condition():
                break
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


NOTE_START = "import sys, os; open(sys.argv[1], 'a').write(f'{os.getpid()}\\n')"


def test_a_child_that_dies_is_started_again(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    said: list[str] = []
    # The third start stays: one that dies while everything stops would be a failed stop.
    dies_twice = f"{NOTE_START}; len(open(sys.argv[1]).readlines()) < 3 and sys.exit(7); {STAY}"
    child = python("worker", dies_twice, starts)
    thread = stop_when(lambda: len(lines(starts)) >= 3)
    assert Supervisor([child], say=said.append).run() == 0
    thread.join()
    assert said[0] == "worker ended (exit code 7); starting it again in 0.2 s"
    assert said[1] == "worker ended (exit code 7); starting it again in 0.4 s"
    assert len(set(lines(starts))) == len(lines(starts))


def test_a_killed_child_is_started_again_while_the_others_go_on(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    said: list[str] = []
    children = [python("api", f"{NOTE_START}; {STAY}", first)]
    children.append(python("worker", f"{NOTE_START}; {STAY}", second))
    killed: list[int] = []

    def kill_once() -> None:
        if not killed and lines(first) and lines(second):
            killed.append(int(lines(first)[0]))
            os.kill(killed[0], signal.SIGKILL)

    thread = stop_when(lambda: len(lines(first)) == 2)
    assert Supervisor(children, on_tick=kill_once, say=said.append).run() == 0
    thread.join()
    assert said == ["api ended (SIGKILL); starting it again in 0.2 s"]
    assert len(lines(second)) == 1


def test_children_stop_gracefully(tmp_path: Path) -> None:
    note = tmp_path / "note"
    polite = (
        "import signal, sys, time\n"
        "def stop(*_): open(sys.argv[1], 'a').write('stopped\\n'); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, stop)\n"
        "open(sys.argv[1], 'a').write('started\\n')\n"
        "time.sleep(60)\n"
    )
    thread = stop_when(lambda: bool(lines(note)))
    assert Supervisor([python("api", polite, note)]).run() == 0
    thread.join()
    assert lines(note) == ["started", "stopped"]


def test_one_that_will_not_stop_is_killed(tmp_path: Path) -> None:
    note = tmp_path / "note"
    said: list[str] = []
    code = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {NOTE_START}; {STAY}"
    thread = stop_when(lambda: bool(lines(note)))
    assert Supervisor([python("api", code, note)], say=said.append, grace=0.2).run() == 1
    thread.join()
    assert said == ["api did not stop within 0.2 s; killing it"]


@pytest.mark.parametrize("code", [130, 143])
def test_a_child_that_is_stopped_while_it_starts_has_followed(tmp_path: Path, code: int) -> None:
    note = tmp_path / "note"
    starting = (
        f"import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit({code})); "
        f"{NOTE_START}; {STAY}"
    )
    thread = stop_when(lambda: bool(lines(note)))
    assert Supervisor([python("api", starting, note)]).run() == 0
    thread.join()


def test_a_failure_while_stopping_is_told(tmp_path: Path) -> None:
    note = tmp_path / "note"
    code = (
        "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(3)); "
        f"{NOTE_START}; {STAY}"
    )
    thread = stop_when(lambda: bool(lines(note)))
    assert Supervisor([python("api", code, note)]).run() == 1
    thread.join()


def test_a_wrong_option_ends_everything_with_code_two(tmp_path: Path) -> None:
    said: list[str] = []
    children = [python("api", "raise SystemExit(2)"), python("worker", STAY)]
    assert Supervisor(children, say=said.append).run() == 2
    assert said == ["api cannot run as it was started (exit code 2); stopping"]


def test_trouble_in_the_tick_is_said_once_and_tried_again(tmp_path: Path) -> None:
    calls: list[int] = []
    said: list[str] = []

    def tick() -> None:
        calls.append(1)
        if len(calls) <= 3:
            raise Unavailable("the database does not start")

    thread = stop_when(lambda: len(calls) >= 4)
    assert Supervisor([python("api", STAY)], on_tick=tick, say=said.append).run() == 0
    thread.join()
    assert said == ["the database does not start"]


def test_readiness_is_asked_until_it_holds() -> None:
    answers = iter([False, True])
    ready: list[str] = []
    thread = stop_when(lambda: bool(ready))
    run = Supervisor(
        [python("api", STAY)], ready=lambda: next(answers), on_ready=lambda: ready.append("ready")
    )
    assert run.run() == 0
    thread.join()
    assert ready == ["ready"]


def test_the_environment_goes_on_top(tmp_path: Path) -> None:
    note = tmp_path / "note"
    code = (
        "import os, sys, time; open(sys.argv[1], 'w').write(os.environ['COLOUR']); time.sleep(60)"
    )
    child = Child("api", [sys.executable, "-c", code, str(note)], {"COLOUR": "blue"})
    thread = stop_when(lambda: lines(note) == ["blue"])
    assert Supervisor([child]).run() == 0
    thread.join()
    assert lines(note) == ["blue"]


@pytest.fixture
def family(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A supervisor in a process of its own, with two children that note their ids."""
    note = tmp_path / "pids"
    child = (
        "import os, sys, time; from interfaces.cli.supervisor import watch_parent; "
        "watch_parent(0.2); {before}; open(sys.argv[1], 'a').write(f'{{os.getpid()}}\\n'); "
        "time.sleep(60)"
    )
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    script = (
        "import sys; from interfaces.cli.supervisor import Child, Supervisor\n"
        f"polite = [sys.executable, '-c', {child.format(before='pass')!r}, {str(note)!r}]\n"
        f"deaf = [sys.executable, '-c', {child.format(before=deaf)!r}, {str(note)!r}]\n"
        "sys.exit(Supervisor([Child('polite', polite), Child('deaf', deaf)]).run())\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT)
    yield process, note
    process.kill()
    process.wait()
    for pid in map(int, lines(note)):
        if alive(pid):
            os.kill(pid, signal.SIGKILL)


def alive(pid: int) -> bool:
    """Whether the process runs: an ended one that nobody has waited for yet does not."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except ProcessLookupError:
        return False
    except FileNotFoundError:  # it went in between; or a system without /proc, where init waits
        return not Path("/proc").exists()
    return state != "Z"


def test_children_end_when_the_supervisor_is_killed(
    family: tuple[subprocess.Popen[bytes], Path],
) -> None:
    process, note = family
    wait_for(lambda: len(lines(note)) == 2, "two children")
    pids = [int(line) for line in lines(note)]
    assert all(map(alive, pids))
    process.kill()
    wait_for(lambda: not any(map(alive, pids)), "the end of both")


def test_sigint_stops_it_too(family: tuple[subprocess.Popen[bytes], Path]) -> None:
    process, note = family
    wait_for(lambda: len(lines(note)) == 2, "two children")
    process.send_signal(signal.SIGINT)
    pids = [int(line) for line in lines(note)]
    wait_for(lambda: not alive(pids[0]) or not alive(pids[1]), "a child that followed")


def test_without_a_supervisor_stdin_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(supervisor.SUPERVISED, raising=False)
    assert watch_parent() is None
