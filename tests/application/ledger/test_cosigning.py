"""A witness's answers, over its real keys and state."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from application.ledger.cosigning import TrustedLogs, Witness, origin_hash
from application.ledger.signatures import open_checkpoint
from domain.ledger.faults import Malformed
from domain.ledger.notes import (
    COSIGNED_ED25519,
    COSIGNED_MLDSA44,
    NoteSignature,
    SignedNote,
    VerifierKey,
)
from domain.ledger.witnessing import format_submission
from infrastructure.ledger import witness_keys
from infrastructure.ledger.witness_keys import WitnessKeys
from infrastructure.ledger.witness_state import SqliteState
from tests.domain.ledger.growing import GrowingLog
from tests.domain.ledger.signing import LOG, LOG_PQ, ORIGIN, TIME, WITNESS, Signer, signed

GLOBAL = Signer("history.example/_global")
STRANGER = Signer(seed=9)


@pytest.fixture
def keys(tmp_path: Path) -> WitnessKeys:
    return witness_keys.make(tmp_path / "w.keys", "witness.example/w1")


@pytest.fixture
def state(tmp_path: Path) -> Iterator[SqliteState]:
    state = SqliteState(tmp_path / "w")
    yield state
    state.close()


@pytest.fixture
def witness(keys: WitnessKeys, state: SqliteState) -> Witness:
    return Witness(TrustedLogs([LOG.key]), keys, state, lambda: TIME)


def cosigners(note: str, lines: str, keys: WitnessKeys) -> list[int]:
    """The algorithms of the witness's keys whose cosignatures in an answer hold."""
    opened = open_checkpoint(note + lines, [LOG.key, *keys.verifier_keys], extensions=True)
    return [key.algorithm for key in opened.by if key in keys.verifier_keys]


def resigned(note: str, *signatures: NoteSignature) -> str:
    return SignedNote(SignedNote.parse(note).text, signatures).format()


def test_a_log_is_followed(witness: Witness, keys: WitnessKeys) -> None:
    log = GrowingLog(3)
    for old, new in [(0, 3), (3, 3), (3, 20), (20, 21)]:
        log.grow(new - log.size)
        answer = witness.add_checkpoint(log.submission(old))
        assert answer.status == 200
        assert answer.body.count("\n") == 2
        assert cosigners(log.note(), answer.body, keys) == [COSIGNED_ED25519, COSIGNED_MLDSA44]


def test_the_cosignature_says_when(witness: Witness) -> None:
    lines = witness.add_checkpoint(GrowingLog(3).submission(0)).body.splitlines()
    times = [int.from_bytes(NoteSignature.parse(line).signature[:8], "big") for line in lines]
    assert times == [TIME, TIME]


def test_another_size_is_told(witness: Witness) -> None:
    log = GrowingLog(7)
    witness.add_checkpoint(log.submission(0))
    log.grow(5)
    for old in (0, 6, 8):
        answer = witness.add_checkpoint(log.submission(old))
        assert (answer.status, answer.content_type) == (409, "text/x.tlog.size")
        assert answer.body == "7\n"


def test_a_log_that_was_never_cosigned_has_size_0(witness: Witness) -> None:
    answer = witness.add_checkpoint(GrowingLog(7).submission(3))
    assert (answer.status, answer.body) == (409, "0\n")


@pytest.mark.parametrize(
    "submission",
    [
        GrowingLog(9, branch="x").submission(9),
        GrowingLog(12, branch="x").submission(9),
        format_submission(9, [], GrowingLog(12).note()),
        format_submission(9, [bytes(32)], GrowingLog(9).note()),
    ],
)
def test_two_histories_are_refused_and_nothing_changes(witness: Witness, submission: bytes) -> None:
    log = GrowingLog(9)
    first = witness.add_checkpoint(log.submission(0))
    newest = witness.newest(origin_hash(ORIGIN))
    answer = witness.add_checkpoint(submission)
    assert answer.status == 422
    assert "\N{EM DASH}" not in answer.body
    assert witness.newest(origin_hash(ORIGIN)) == newest
    assert witness.add_checkpoint(log.submission(9)).body != ""
    assert first.status == 200


def test_what_is_served_carries_the_log_and_the_witness(
    witness: Witness, keys: WitnessKeys
) -> None:
    assert witness.newest(origin_hash(ORIGIN)).status == 404
    log = GrowingLog(9)
    stranger = STRANGER.sign(log.head().text())
    mine = LOG.sign(log.head().text())
    cosigned = WITNESS.sign(log.head().text())
    note = resigned(log.note(), stranger, mine, cosigned)
    lines = witness.add_checkpoint(format_submission(0, [], note)).body
    served = witness.newest(origin_hash(ORIGIN))
    assert served.status == 200
    assert served.body == resigned(log.note(), mine) + lines
    assert open_checkpoint(served.body, [LOG.key, *keys.verifier_keys]).checkpoint == log.head()
    assert len(SignedNote.parse(served.body).signatures) == 3


def test_extension_lines_of_other_logs_are_cosigned_too(
    witness: Witness, keys: WitnessKeys
) -> None:
    note = signed(GrowingLog(9).head().text() + "an extension\n", LOG)
    answer = witness.add_checkpoint(format_submission(0, [], note))
    assert cosigners(note, answer.body, keys) == [COSIGNED_ED25519, COSIGNED_MLDSA44]


# -- who may sign ----------------------------------------------------------------------------------


def test_an_unknown_log(witness: Witness) -> None:
    log = GrowingLog(3, signer=Signer("elsewhere.example/log"))
    assert witness.add_checkpoint(log.submission(0)).status == 404


def test_a_strangers_signature(witness: Witness) -> None:
    assert witness.add_checkpoint(GrowingLog(3, signer=STRANGER).submission(0)).status == 403


def test_a_strangers_signature_beside_the_logs(witness: Witness) -> None:
    log = GrowingLog(3)
    log.signers = (STRANGER, LOG)
    assert witness.add_checkpoint(log.submission(0)).status == 200


@pytest.mark.parametrize("change", ["flipped", "short", "beside a good one"])
def test_a_signature_that_does_not_hold(witness: Witness, change: str) -> None:
    log = GrowingLog(3)
    good = LOG.sign(log.head().text())
    raw = good.signature[:-1] + (b"" if change == "short" else bytes([good.signature[-1] ^ 1]))
    bad = NoteSignature(good.name, good.key_id, raw)
    lines = (good, bad) if change == "beside a good one" else (bad,)
    note = resigned(log.note(), *lines)
    assert witness.add_checkpoint(format_submission(0, [], note)).status == 403


def test_a_signature_over_another_checkpoint(witness: Witness) -> None:
    note = resigned(GrowingLog(3).note(), LOG.sign(GrowingLog(4).head().text()))
    assert witness.add_checkpoint(format_submission(0, [], note)).status == 403


def test_a_log_that_signs_with_mldsa_alone(keys: WitnessKeys, state: SqliteState) -> None:
    witness = Witness(TrustedLogs([LOG_PQ.key]), keys, state, lambda: TIME)
    assert witness.add_checkpoint(GrowingLog(3, signer=LOG_PQ).submission(0)).status == 200
    assert witness.add_checkpoint(GrowingLog(4, signer=LOG).submission(3)).status == 403


@pytest.mark.parametrize("epoch", ["", "/2", "/13"])
def test_a_whole_service_is_known_by_the_key_of_its_global_log(
    keys: WitnessKeys, state: SqliteState, epoch: str
) -> None:
    key = Signer(f"history.example/_global{epoch}").key
    witness = Witness(TrustedLogs([], [key]), keys, state, lambda: TIME)

    def status(name: str, seed: int = 1) -> int:
        return witness.add_checkpoint(
            GrowingLog(3, signer=Signer(name, seed=seed)).submission(0)
        ).status

    for one in ("_global", "_global/2", "acme", "acme/2", "nova"):
        assert status(f"history.example/{one}") == 200
    assert status("history.example/zeta", seed=9) == 403
    for other in ("history.example", "history.example/", "history.examples/acme", "acme"):
        assert status(other) == 404
    assert status("history.example/" + "x" * 239) == 200
    assert status("history.example/" + "x" * 240) == 404


def test_logs_of_one_service_are_apart(keys: WitnessKeys, state: SqliteState) -> None:
    witness = Witness(TrustedLogs([], [GLOBAL.key]), keys, state, lambda: TIME)
    acme = GrowingLog(3, signer=Signer("history.example/acme"))
    nova = GrowingLog(5, signer=Signer("history.example/nova"), branch="nova")
    assert witness.add_checkpoint(acme.submission(0)).status == 200
    assert witness.add_checkpoint(nova.submission(0)).status == 200
    assert witness.add_checkpoint(acme.grow(1).submission(3)).status == 200


@pytest.mark.parametrize(
    ("logs", "services"),
    [
        ([WITNESS.key], []),
        ([], [LOG.key]),
        ([], [Signer("history.example/_global/x").key]),
        ([], [Signer("/_global").key]),
        ([], [Signer("history.example/_global", COSIGNED_ED25519).key]),
        ([Signer("x" * 256).key], []),
    ],
)
def test_keys_that_cannot_be_a_logs(logs: list[VerifierKey], services: list[VerifierKey]) -> None:
    with pytest.raises(Malformed):
        TrustedLogs(logs, services)
