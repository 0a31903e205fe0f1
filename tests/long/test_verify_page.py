"""docs/verify.md works as it stands there: its blocks, pasted into a shell, by a stranger."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from domain.ledger.checkpoints import Checkpoint
from domain.ledger.receipts import TlogProof
from tests.application.ledger.bundling import events, leaves_of, root_of, write_bundle
from tests.domain.ledger.proving import inclusion_proof
from tests.domain.ledger.signing import LOG, LOG_PQ, WITNESS, Signer, signed

pytestmark = pytest.mark.long

PAGE = Path(__file__).parents[2] / "docs" / "verify.md"
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
STATES = events(600, 40)
LEAVES = leaves_of(STATES)
OLD = 300


def paste(
    directory: Path, *, key: Signer = LOG, old: str | None = None, receipt: int | None = None
) -> subprocess.CompletedProcess[str]:
    given = {"PATH": "/usr/bin:/bin", "VKEY": str(key.key)}
    aside = directory.parent
    if old is not None:
        (aside / "old").write_text(old)
        given["OLD"] = str(aside / "old")
    if receipt is not None:
        note = (directory / "checkpoint").read_text()
        proof = TlogProof(receipt, inclusion_proof(LEAVES, receipt), note)
        (aside / "receipt").write_text(proof.format())
        if not (aside / "event").exists():
            (aside / "event").write_bytes(STATES[receipt])
        given |= {"RECEIPT": str(aside / "receipt"), "EVENT": str(aside / "event")}
    return subprocess.run(
        ["bash"], input="".join(BLOCKS), cwd=directory, env=given,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def old_note(root: bytes | None = None) -> str:
    return signed(Checkpoint(LOG.name, OLD, root or root_of(LEAVES[:OLD])).text())


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    write_bundle(tmp_path / "bundle", STATES, LOG, LOG_PQ, WITNESS)
    return tmp_path / "bundle"


def test_there_are_four_blocks() -> None:
    assert len(BLOCKS) == 4


@pytest.mark.parametrize("index", [0, 41, 512, 599])
def test_all_is_well(bundle: Path, index: int) -> None:
    said = paste(bundle, old=old_note(), receipt=index)
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.splitlines() == [
        "ok: history.example/acme has signed 600 events",
        "ok: these are the 600 events, and the tiles are theirs",
        "ok: the first 300 events are those of before",
        "ok: the event is on the log",
    ]


def replace(path: str, old: bytes, new: bytes) -> Callable[[Path], None]:
    def change(bundle: Path) -> None:
        data = (bundle / path).read_bytes()
        assert old in data
        (bundle / path).write_bytes(data.replace(old, new, 1))

    return change


def flip(path: str, at: int) -> Callable[[Path], None]:
    def change(bundle: Path) -> None:
        data = bytearray((bundle / path).read_bytes())
        data[at] ^= 1
        (bundle / path).write_bytes(data)

    return change


CHANGES = {
    "the size": (replace("checkpoint", b"\n600\n", b"\n601\n"), "signature"),
    "the name": (replace("checkpoint", b"acme", b"zeta"), "another log"),
    "the signature": (flip("checkpoint", 150), "signature"),
    "an event": (replace("events.ndjson", b"evt_300", b"evt_30o"), "line 300"),
    "no last event": (replace("events.ndjson", STATES[-1] + b"\n", b""), "not 600 events"),
    "an event too many": (replace("events.ndjson", b"\n", b"\n{}\n"), "not 600 events"),
    "an entry": (flip("tile/entries/001", 34 * 43 + 9), "line 300"),
    "the length of an entry": (flip("tile/entries/001", 34 * 43), "line 300"),
    "a leaf": (flip("tile/0/002.p/88", 0), "line 513"),
    "a tile above": (flip("tile/1/000.p/2", 40), "root"),
}


@pytest.mark.parametrize(("change", "said"), CHANGES.values(), ids=CHANGES.keys())
def test_something_is_wrong(bundle: Path, change: Callable[[Path], None], said: str) -> None:
    change(bundle)
    result = paste(bundle)
    assert result.returncode == 1
    assert said in result.stdout + result.stderr
    assert "WRONG" in result.stderr


def test_another_key(bundle: Path) -> None:
    for key in (Signer(seed=9), LOG_PQ, Signer("history.example/zeta")):
        assert "WRONG" in paste(bundle, key=key).stderr


def test_another_past(bundle: Path) -> None:
    assert "not those of before" in paste(bundle, old=old_note(bytes(32))).stderr


def test_another_event(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "event").write_bytes(STATES[1])
    assert "the event is not the one" in paste(bundle, receipt=2).stderr
