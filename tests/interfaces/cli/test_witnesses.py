"""`witness` as the program: its options, its signals, and kills at the worst moment."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from application.ledger.signatures import open_checkpoint
from domain.ledger.notes import VerifierKey
from tests.domain.ledger.growing import GrowingLog
from tests.domain.ledger.signing import LOG, LOG_PQ
from tests.interfaces.cli.program import PROGRAM, ROOT, refused, run

NAME = "witness.example/w1"
DIES = """
import os, signal
from infrastructure.ledger.witness_state import SqliteState
from interfaces.cli.main import main
commit = SqliteState.advance
def die(*arguments):
    decision = commit(*arguments)
    if decision[0].status == 200:
        os.kill(os.getpid(), signal.SIGKILL)
    return decision
SqliteState.advance = die
main()
"""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "w"


@contextmanager
def serving(
    state: Path, *options: str, program: tuple[str, ...] = tuple(PROGRAM)
) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    argv = [*program, "witness", "serve", "--state", str(state), "--port", "0", "--name", NAME]
    with subprocess.Popen(
        [*argv, *(options or ("--log", str(LOG.key)))],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            found = re.fullmatch(r"witness at (http://127\.0\.0\.1:\d+); state in .*\n", line)
            assert found, line
            with httpx.Client(base_url=found[1], timeout=20) as client:
                yield process, client
        finally:
            process.kill()


def post(client: httpx.Client, log: GrowingLog, old: int) -> httpx.Response:
    return client.post("/add-checkpoint", content=log.submission(old))


def printed_keys(state: Path) -> list[VerifierKey]:
    shown = run("witness", "key", "--state", state)
    assert shown.returncode == 0, shown.stderr
    return [VerifierKey.parse(line) for line in shown.stdout.splitlines()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_cosigns_and_ends_at_a_signal(state: Path, number: int) -> None:
    log = GrowingLog(7)
    with serving(state) as (process, client):
        answer = post(client, log, 0)
        process.send_signal(number)
        process.communicate(timeout=30)
    assert process.returncode == 0
    keys = printed_keys(state)
    assert open_checkpoint(log.note() + answer.text, [LOG.key, *keys]).by == (LOG.key, *keys)
    assert sorted(one.name for one in state.parent.iterdir()) == ["w", "w.keys", "w.keys.lock"]
    with serving(state) as (_, client):
        assert post(client, log.grow(2), 7).status_code == 200


def test_a_kill_between_storing_and_answering_loses_nothing(state: Path) -> None:
    log = GrowingLog(7)
    with serving(state) as (_, client):
        assert post(client, log, 0).status_code == 200
    log.grow(5)
    with serving(state, program=(sys.executable, "-c", DIES)) as (process, client):
        with pytest.raises(httpx.TransportError):
            post(client, log, 7)
        assert process.wait(30) == -signal.SIGKILL
    with serving(state) as (_, client):
        told = post(client, log, 7)
        assert (told.status_code, told.text) == (409, "12\n")
        other = GrowingLog(12, branch="other")
        assert post(client, other, 12).status_code == 422
        answer = post(client, log, 12)
    assert answer.status_code == 200
    keys = printed_keys(state)
    assert open_checkpoint(log.note() + answer.text, [LOG.key, *keys]).by == (LOG.key, *keys)


def test_kills_while_it_works_lose_nothing(state: Path) -> None:
    """What was answered is never taken back, wherever the kill falls."""
    log = GrowingLog(40)
    known = 0
    for _ in range(3):
        with serving(state) as (process, client):
            for size in range(known + 1, known + 9):
                body = log.submission(known, size)
                assert client.post("/add-checkpoint", content=body).status_code == 200
                known = size
            process.kill()
            process.wait(30)
    with serving(state) as (_, client):
        assert post(client, log, 0).text == f"{known}\n"


def test_keys_may_come_from_a_file(state: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(f"# of the log\n{LOG.key}\n{LOG_PQ.key}\n")
    log = GrowingLog(3, signer=LOG_PQ)
    with serving(state, "--log", f"@{keys}") as (_, client):
        assert post(client, log, 0).status_code == 200


# -- what is refused, in one line ------------------------------------------------------------------


def test_keys_of_no_witness(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "give --name" in refused(capsys, "witness", "key", "--state", state)
    assert not state.exists()


def test_another_name(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("witness", "key", "--state", state, "--name", NAME).returncode == 0
    assert NAME in refused(capsys, "witness", "key", "--state", state, "--name", "another")


def test_a_state_that_is_gone(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("witness", "key", "--state", state, "--name", NAME).returncode == 0
    state.unlink()
    assert "is gone" in refused(
        capsys, "witness", "serve", "--state", state, "--log", LOG.key, "--port", 0
    )


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "--log or --service"),
        (("--log", "x"), "not a verifier key"),
        (("--log", "@/nowhere"), "/nowhere is not there"),
        (("--service", LOG.key), "_global"),
        (("--log", LOG.key, "--name", "a b"), "space"),
        (("--log", LOG.key), "give --name"),
    ],
)
def test_options_that_do_not_go(
    state: Path, capsys: pytest.CaptureFixture[str], options: tuple[object, ...], says: str
) -> None:
    line = refused(capsys, "witness", "serve", "--state", state, "--port", 0, *options)
    assert says in line
