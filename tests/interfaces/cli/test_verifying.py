"""`verify` of files: one line each time, and an exit code that a script can go by."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from domain.ledger.checkpoints import Checkpoint
from domain.ledger.receipts import TlogProof
from interfaces.cli.main import main
from tests.application.ledger.bundling import events, leaves_of, root_of, write_bundle
from tests.domain.ledger.proving import consistency_proof, inclusion_proof
from tests.domain.ledger.signing import LOG, LOG_PQ, WITNESS, signed
from tests.interfaces.cli.program import run

STATES = events(600)
LEAVES = leaves_of(STATES)
KEYS = ("--key", str(LOG.key), "--key", str(LOG_PQ.key))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A bundle; the receipt of sequence 42 and its event; checkpoints of 300 and 600 events and the
    proof between them; apart from these, keys and a policy."""
    checkpoint = write_bundle(tmp_path / "bundle", STATES)
    note = (tmp_path / "bundle/checkpoint").read_text()
    receipt = TlogProof(41, inclusion_proof(LEAVES, 41), note)
    hashes = consistency_proof(LEAVES, 300)
    files = {
        "given/a.tlog-proof": receipt.format(),
        "given/event.json": STATES[41].decode(),
        "given/old": signed(Checkpoint(LOG.name, 300, root_of(LEAVES[:300])).text()),
        "given/new": signed(checkpoint.text()),
        "given/hashes": "".join(base64.b64encode(one).decode() + "\n" for one in hashes),
        "given/keys": f"{LOG.key}\n",
        "mine/keys": f"{LOG.key}\n{LOG_PQ.key}\n",
        "mine/policy": f"witness W {WITNESS.key}\nquorum W\n",
        "mine/none": "quorum none\n",
    }
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def verify(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    data: Path,
    *arguments: str,
) -> tuple[int, str]:
    """Exit code and the one line, which is on stderr where something could not be read."""
    monkeypatch.chdir(data)
    with pytest.raises(SystemExit) as end:
        main(["verify", *arguments])
    out, err = capsys.readouterr()
    code = end.value.code
    assert isinstance(code, int)
    line, nothing = (err, out) if code == 2 else (out, err)
    assert nothing == ""
    assert line.count("\n") == 1, line
    return code, line.rstrip("\n")


PROOF = ("proof", "given/a.tlog-proof", "--event", "given/event.json")
CONSISTENCY = ("consistency", "given/old", "given/new")

HOLDS = {
    "a receipt": ((*PROOF, *KEYS), "sequence 42 of history.example/acme holds, of 600"),
    "keys in a file": ((*PROOF, "--key", "mine/keys"), "sequence 42 "),
    "keys in @a file": ((*PROOF, "--key", "@mine/keys"), "sequence 42 "),
    "a policy": ((*PROOF, *KEYS, "--policy", "mine/none"), "sequence 42 "),
    "a bundle": (("bundle", "bundle", *KEYS), "600 events of history.example/acme hold"),
    "a proof of consistency": (
        (*CONSISTENCY, *KEYS, "--proof", "given/hashes"),
        "history.example/acme: size 600 goes on from size 300",
    ),
    "tiles": ((*CONSISTENCY, *KEYS, "--tiles", "bundle"), "history.example/acme: size 600 "),
}


@pytest.mark.parametrize(("arguments", "said"), HOLDS.values(), ids=HOLDS.keys())
def test_what_holds(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    data: Path,
    arguments: tuple[str, ...],
    said: str,
) -> None:
    code, line = verify(capsys, monkeypatch, data, *arguments)
    assert code == 0
    assert line.startswith(said)


# file -> its new content -> the command -> what is said
FALSE: dict[str, tuple[str, str, tuple[str, ...], str]] = {
    "an event": ("given/event.json", "{}", (*PROOF, *KEYS), "sequence 42: "),
    "events": ("bundle/events.ndjson", "{}\n", ("bundle", "bundle", *KEYS), "sequence 1: "),
    "the policy": ("x", "", (*PROOF, *KEYS, "--policy", "mine/policy"), "the policy "),
    "the anchor": ("x", "", (*PROOF, *KEYS, "--global-key", str(LOG.key)), "the proof has no "),
    "the cosigner": ("x", "", (*PROOF, *KEYS, "--key", str(WITNESS.key)), "'witness.example/w1' "),
    "the key": ("x", "", ("bundle", "bundle", "--key", str(WITNESS.key)), "the checkpoint is of "),
    "the order": ("x", "", ("consistency", "given/new", "given/old", *KEYS, "--tiles", "bundle"),
                  "sequence 301: "),
}  # fmt: skip


@pytest.mark.parametrize(("path", "content", "arguments", "said"), FALSE.values(), ids=FALSE.keys())
def test_what_does_not_hold(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    data: Path,
    path: str,
    content: str,
    arguments: tuple[str, ...],
    said: str,
) -> None:
    (data / path).write_text(content)
    code, line = verify(capsys, monkeypatch, data, *arguments)
    assert code == 1
    assert line.startswith(said)


def test_the_first_sequence_of_a_tile(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    tile = data / "bundle/tile/0/001"
    tile.write_bytes(tile.read_bytes()[:-1] + b"?")
    code, line = verify(capsys, monkeypatch, data, "bundle", "bundle", *KEYS)
    assert (code, line.partition(":")[0]) == (1, "sequence 512")


MALFORMED: dict[str, tuple[str, str, tuple[str, ...], str]] = {
    "a proof": ("given/a.tlog-proof", "x\n\ny", (*PROOF, *KEYS), "line 1 of the proof"),
    "an event": ("given/event.json", "?", (*PROOF, *KEYS), "event file"),
    "a note": ("bundle/checkpoint", "x\n", ("bundle", "bundle", *KEYS), "note"),
    "a tile": ("bundle/tile/0/000", "x", ("bundle", "bundle", *KEYS), "tile/0/000"),
    "a stranger": ("bundle/x\ny\x1b[1m\u202e", "", ("bundle", "bundle", *KEYS), "take it away"),
    "a policy": ("mine/policy", "x\n", (*PROOF, *KEYS, "--policy", "mine/policy"), "line 1 of the"),
    "a key": ("x", "", (*PROOF, "--key", "a+b+c"), "verifier key"),
    "a global key": ("x", "", (*PROOF, *KEYS, "--global-key", "a+b+c"), "verifier key"),
    "a key file": ("mine/keys", "x", (*PROOF, "--key", "mine/keys"), "line 1 of mine/keys"),
    "no proof": ("x", "", ("proof", "x y", "--event", "given/event.json", *KEYS), "x y"),
    "no event": ("x", "", ("proof", "given/a.tlog-proof", "--event", "no", *KEYS), "no"),
    "no bundle": ("x", "", ("bundle", "nowhere", *KEYS), "nowhere"),
    "no checkpoint": ("x", "", ("bundle", "given", *KEYS), "checkpoint"),
    "hashes": ("given/hashes", "x\n", (*CONSISTENCY, *KEYS, "--proof", "given/hashes"), "line 1 "),
    "an old checkpoint": ("given/old", "x", (*CONSISTENCY, *KEYS, "--tiles", "bundle"), "older"),
    "a new checkpoint": ("given/new", "x", (*CONSISTENCY, *KEYS, "--tiles", "bundle"), "newer"),
    "no tiles": ("x", "", (*CONSISTENCY, *KEYS, "--tiles", "given"), "checkpoint"),
    "no proof of consistency": ("x", "", (*CONSISTENCY, *KEYS), "--proof"),
    "no keys": ("x", "", PROOF, "--key"),
    "a key beside the proof": ("x", "", (*PROOF, "--key", "given/keys"), "elsewhere"),
    "a key in the bundle": ("bundle/tile/k", str(LOG.key), ("bundle", "bundle", "--key",
                            "bundle/tile/k"), "elsewhere"),
    "a policy in the bundle": ("bundle/policy", "quorum none\n", ("bundle", "bundle", *KEYS,
                               "--policy", "bundle/policy"), "elsewhere"),
    "a key beside a checkpoint": ("x", "", (*CONSISTENCY, "--tiles", "bundle", "--key",
                                  "given/keys"), "elsewhere"),
    "a global key beside the proof": ("x", "", (*PROOF, *KEYS, "--global-key", "@given/keys"),
                                      "elsewhere"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("path", "content", "arguments", "said"), MALFORMED.values(), ids=MALFORMED.keys()
)
def test_what_cannot_be_read(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    data: Path,
    path: str,
    content: str,
    arguments: tuple[str, ...],
    said: str,
) -> None:
    (data / path).write_text(content)
    code, line = verify(capsys, monkeypatch, data, *arguments)
    assert code == 2
    assert line.startswith("order-history: ")
    assert said in line
    assert line.isprintable()


def test_as_a_program(data: Path) -> None:
    """It leaves with these codes, and a bundle without events says so."""
    (data / "bundle/events.ndjson").unlink()
    good = run("verify", "bundle", data / "bundle", *KEYS)
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout == "600 entries, without their events, of history.example/acme hold\n"
    (data / "bundle/tile/entries/001").unlink()
    assert run("verify", "bundle", data / "bundle", *KEYS).returncode == 1
    assert run("verify", "bundle", data / "nowhere", *KEYS).returncode == 2
