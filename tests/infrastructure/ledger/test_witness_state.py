"""Compare and persist as one step: through threads, processes, kills and others' files."""

from __future__ import annotations

import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest

from application.ledger.cosigning import origin_hash
from domain.errors import Unavailable
from domain.ledger.witnessing import COSIGNED, Decision, Known, Submission, decide
from infrastructure.ledger.witness_state import SqliteState
from tests.domain.ledger.growing import GrowingLog

ROOT = Path(__file__).parents[3]
ORIGIN = "history.example/acme"
SIZE = 40

RACER = """
import sys
from pathlib import Path
from tests.infrastructure.ledger.test_witness_state import race
sys.stdin.readline()
for size, branch in race(Path(sys.argv[1]), int(sys.argv[2])):
    print(size, branch, flush=True)
"""
KILLED = """
import os, signal, sys
from pathlib import Path
from domain.ledger.witnessing import COSIGNED, Decision, Known
from infrastructure.ledger.witness_state import SqliteState
state = SqliteState(Path(sys.argv[1]))
for size in range(1, 4):
    fresh = Known(size, bytes([size]) * 32)
    state.advance("x", lambda known: Decision(COSIGNED), lambda: (fresh, str(size)))
print("committed", flush=True)
if sys.argv[2] == "between":
    def die():
        os.kill(os.getpid(), signal.SIGKILL)
    state.advance("x", lambda known: Decision(COSIGNED), die)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def state(path: Path) -> Iterator[SqliteState]:
    state = SqliteState(path)
    yield state
    state.close()


def submit(state: SqliteState, log: GrowingLog, old: int, new: int) -> tuple[Decision, Known]:
    submission = Submission.parse(log.submission(old, new))
    head = submission.checkpoint
    return state.advance(
        ORIGIN,
        lambda known: decide(known, submission),
        lambda: (Known(head.size, head.root), submission.note.format()),
    )


def branches() -> dict[str, GrowingLog]:
    """Two histories that part after 5 leaves."""
    log = GrowingLog(SIZE)
    return {"kept": log, "forked": log.fork(5).grow(SIZE - 5, branch="forked")}


def race(path: Path, seed: int) -> list[tuple[int, str]]:
    """Submit checkpoints of both histories, with whatever size was told last; what was cosigned."""
    random, logs, state = Random(seed), branches(), SqliteState(path)
    cosigned, old = [], 0
    for _ in range(60):
        branch = random.choice(list(logs))
        new = random.randint(old, min(SIZE, old + 3))
        decision, known = submit(state, logs[branch], old, new)
        if decision.status == COSIGNED:
            cosigned.append((new, branch))
            old = new
        else:
            assert known.size >= old, "rolled back"
            old = known.size
    state.close()
    return cosigned


def assert_one_history(path: Path, cosigned: list[tuple[int, str]]) -> None:
    parted = {branch for size, branch in cosigned if size > 5}
    assert len(parted) == 1, "two histories were cosigned"
    newest = max(size for size, _ in cosigned)
    head = branches()[parted.pop()].head(newest)
    with sqlite3.connect(path) as connection:
        kept = connection.execute("select size, root from checkpoints").fetchall()
    connection.close()
    assert kept == [(head.size, head.root)]


def test_it_is_remembered(path: Path) -> None:
    log = GrowingLog(9)
    for old, new in ((0, 4), (4, 9)):
        state = SqliteState(path)
        decision, known = submit(state, log, old, new)
        assert (decision.status, known.size) == (COSIGNED, old)
        state.close()
    state = SqliteState(path)
    assert state.note(origin_hash(ORIGIN)) == log.note(9)
    assert state.note(origin_hash("another")) is None
    state.close()
    assert [one.name for one in path.parent.iterdir()] == ["state"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_refusal_changes_nothing(state: SqliteState) -> None:
    log = GrowingLog(9)
    submit(state, log, 0, 9)
    decision, known = submit(state, GrowingLog(12, branch="x"), 9, 12)
    assert (decision.status, known) == (422, Known(9, log.head(9).root))
    assert state.note(origin_hash(ORIGIN)) == log.note(9)


def test_what_fails_before_it_is_stored_is_not(state: SqliteState) -> None:
    def failing() -> tuple[Known, str]:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        state.advance(ORIGIN, lambda _: Decision(COSIGNED), failing)
    decision, known = submit(state, GrowingLog(3), 0, 3)
    assert (decision.status, known.size) == (COSIGNED, 0)


def test_simultaneous_requests_in_threads(path: Path, state: SqliteState) -> None:
    with ThreadPoolExecutor(8) as threads:
        cosigned = list(threads.map(lambda seed: race(path, seed), range(8)))
    assert_one_history(path, [one for some in cosigned for one in some])


def test_simultaneous_requests_in_one_opened_state(path: Path, state: SqliteState) -> None:
    logs = branches()

    def one(at: int) -> tuple[int, str] | None:
        branch = ("kept", "forked")[at % 2]
        new = 6 + at % 30
        return (new, branch) if submit(state, logs[branch], 0, new)[0].status == COSIGNED else None

    with ThreadPoolExecutor(16) as threads:
        cosigned = [found for found in threads.map(one, range(64)) if found]
    assert len(cosigned) == 1, "all started from size 0, which only one can find"
    assert_one_history(path, cosigned)


def test_simultaneous_requests_in_processes(path: Path) -> None:
    SqliteState(path).close()
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(path), str(seed)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for seed in range(3)
    ]
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    lines = [
        line.split() for racer in racers for line in racer.communicate(timeout=120)[0].splitlines()
    ]
    assert [racer.returncode for racer in racers] == [0, 0, 0]
    assert_one_history(path, [(int(size), branch) for size, branch in lines])


@pytest.mark.parametrize("when", ["after", "between"])
def test_what_was_committed_survives_a_kill(path: Path, when: str) -> None:
    argv = [sys.executable, "-c", KILLED, str(path), when]
    killed = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, check=False)
    assert (killed.returncode, killed.stdout) == (-signal.SIGKILL, "committed\n")
    state = SqliteState(path)
    _, known = state.advance("x", lambda _: Decision(422), lambda: (Known(), ""))
    assert known == Known(3, bytes([3]) * 32)
    assert state.note(origin_hash("x")) == "3"
    state.close()


def test_an_empty_file_is_that_of_a_start_that_was_killed(path: Path) -> None:
    path.touch()
    SqliteState(path).close()
    SqliteState(path).close()


def test_other_files_are_left_as_they_are(path: Path) -> None:
    path.write_bytes(b"a letter, not a database" * 100)
    with pytest.raises(Unavailable, match="not a database"):
        SqliteState(path)
    assert path.read_bytes() == b"a letter, not a database" * 100
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("create table mine (x)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(Unavailable, match="something else"):
        SqliteState(path)
    assert path.read_bytes() == before


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="No such file"):
        SqliteState(tmp_path / "nowhere" / "state")


def test_each_commit_is_flushed(state: SqliteState) -> None:
    asked = {
        name: state._connection.execute(f"pragma {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous")
    }
    assert asked == {"journal_mode": "wal", "synchronous": 2}


def test_a_state_that_another_process_holds_is_waited_for_and_then_told(
    path: Path, state: SqliteState, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("begin immediate")
    state._connection.execute("pragma busy_timeout = 10")
    with pytest.raises(Unavailable, match="locked"):
        submit(state, GrowingLog(3), 0, 3)
    holder.execute("rollback")
    holder.close()
    assert submit(state, GrowingLog(3), 0, 3)[0].status == COSIGNED
