"""Receipts and consistency proofs, to somebody who has the log's keys and nothing else of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.ledger.verifying import read_hashes, verify_consistency, verify_proof
from domain.ledger.anchors import Anchor, head_leaf, round_text
from domain.ledger.checkpoints import Checkpoint
from domain.ledger.faults import DoesNotHold, Malformed
from domain.ledger.merkle import tree_root
from domain.ledger.policy import Policy
from domain.ledger.receipts import TlogProof
from tests.application.ledger.bundling import events, leaves_of, root_of
from tests.domain.ledger.proving import consistency_proof, inclusion_proof
from tests.domain.ledger.signing import LOG, LOG_PQ, WITNESS, Signer, signed

KEYS = [LOG.key, LOG_PQ.key]
GLOBAL = Signer("history.example/_global")
STATES = events(100)
LEAVES = leaves_of(STATES)
HEAD = Checkpoint(LOG.name, len(STATES), root_of(LEAVES))


def receipt(index: int = 41, *signers: Signer, extra: bytes | None = None) -> TlogProof:
    return TlogProof(index, inclusion_proof(LEAVES, index), signed(HEAD.text(), *signers), extra)


def anchored(*signers: Signer) -> TlogProof:
    """HEAD in the third round of the global log, which these have signed."""
    heads = [head_leaf(Checkpoint("x", 1, bytes(32)).text()), head_leaf(HEAD.text())]
    texts = [round_text(n, 2, tree_root(heads)) for n in range(1, 6)]
    rounds = leaves_of([one.encode() for one in texts])
    note = signed(Checkpoint(GLOBAL.name, 5, tree_root(rounds)).text(), *(signers or (GLOBAL,)))
    anchor = Anchor(
        1, 2, inclusion_proof(heads, 1), texts[2], 2, inclusion_proof(rounds, 2), note
    )  # fmt: skip
    return receipt(extra=anchor.format())


def test_a_receipt_that_holds() -> None:
    for index in (0, 41, 99):
        holds = verify_proof(receipt(index).format(), STATES[index], KEYS)
        assert (holds.checkpoint, holds.sequence, holds.anchor) == (HEAD, index + 1, None)


def test_the_only_event_of_a_log() -> None:
    head = Checkpoint(LOG.name, 1, LEAVES[0])
    only = TlogProof(0, (), signed(head.text()))
    assert verify_proof(only.format(), STATES[0], KEYS).sequence == 1
    with pytest.raises(DoesNotHold):
        verify_proof(only.format(), STATES[1], KEYS)


FALSE: dict[str, tuple[TlogProof, bytes, str]] = {
    "another event": (receipt(), STATES[40], "not the one"),
    "a line feed more": (receipt(), STATES[41] + b"\n", "line feed"),
    "another place": (replace(receipt(), index=40), STATES[41], "not the one"),
    "another hash": (
        replace(receipt(), hashes=(bytes(32), *receipt().hashes[1:])), STATES[41], "not the one"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("proof", "event", "message"), FALSE.values(), ids=FALSE.keys())
def test_a_receipt_that_does_not_hold(proof: TlogProof, event: bytes, message: str) -> None:
    with pytest.raises(DoesNotHold, match=message) as caught:
        verify_proof(proof.format(), event, KEYS)
    assert caught.value.sequence == proof.index + 1


def test_a_checkpoint_that_nobody_signed() -> None:
    stranger = Signer(seed=9)
    with pytest.raises(DoesNotHold, match="signed by none"):
        verify_proof(receipt(41, stranger).format(), STATES[41], KEYS)
    with pytest.raises(DoesNotHold, match="has not signed"):
        verify_proof(receipt(41, LOG).format(), STATES[41], KEYS)


@pytest.mark.parametrize(
    "event", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b"1" * 5000], ids=lambda one: one[:3]
)
def test_an_event_file_that_holds_no_event(event: bytes) -> None:
    with pytest.raises(Malformed, match="event file"):
        verify_proof(receipt().format(), event, KEYS)


UNREADABLE: dict[str, Callable[[TlogProof], TlogProof]] = {
    "a hash too few": lambda p: replace(p, hashes=p.hashes[1:]),
    "a hash too many": lambda p: replace(p, hashes=(*p.hashes, bytes(32))),
    "behind the end": lambda p: replace(p, index=100),
    "no note": lambda p: replace(p, checkpoint="x"),
    "no checkpoint": lambda p: replace(p, checkpoint=signed("x\n", LOG)),
}


@pytest.mark.parametrize("change", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_receipt_that_cannot_be_read(change: Callable[[TlogProof], TlogProof]) -> None:
    with pytest.raises(Malformed):
        verify_proof(change(receipt()).format(), STATES[41], [LOG.key])


def test_extra_is_nobodys_business_without_a_key_for_it() -> None:
    proof = receipt(41, extra=b"anything").format()
    assert verify_proof(proof, STATES[41], KEYS).anchor is None
    with pytest.raises(Malformed, match="anchor"):
        verify_proof(proof, STATES[41], KEYS, None, [GLOBAL.key])


def test_a_receipt_that_is_anchored() -> None:
    holds = verify_proof(anchored().format(), STATES[41], KEYS, None, [GLOBAL.key])
    assert holds.anchor is not None
    assert holds.anchor.number == 3


def test_an_anchor_that_is_not_there() -> None:
    with pytest.raises(DoesNotHold, match="no anchor"):
        verify_proof(receipt().format(), STATES[41], KEYS, None, [GLOBAL.key])


@pytest.mark.parametrize("signer", [Signer(GLOBAL.name, seed=8), LOG])
def test_an_anchor_of_another_global_log(signer: Signer) -> None:
    with pytest.raises(DoesNotHold, match="anchor"):
        verify_proof(anchored(signer).format(), STATES[41], KEYS, None, [GLOBAL.key])


def test_an_anchor_of_another_checkpoint() -> None:
    proof = replace(
        anchored(),
        checkpoint=signed(Checkpoint(LOG.name, 99, root_of(LEAVES[:99])).text()),
        hashes=inclusion_proof(LEAVES[:99], 41),
    )
    with pytest.raises(DoesNotHold, match="this checkpoint"):
        verify_proof(proof.format(), STATES[41], KEYS, None, [GLOBAL.key])


ASKS = Policy.parse(f"witness W {WITNESS.key}\nquorum W\n".encode())


def test_a_witness_of_the_log_itself() -> None:
    proof = receipt(41, LOG, WITNESS).format()
    assert verify_proof(proof, STATES[41], [LOG.key], ASKS).sequence == 42
    with pytest.raises(DoesNotHold, match="policy"):
        verify_proof(receipt().format(), STATES[41], KEYS, ASKS)


def test_a_witness_of_the_global_log() -> None:
    """One that has cosigned the round covers each checkpoint in it, for who checks the anchor."""
    proof = anchored(GLOBAL, WITNESS).format()
    assert verify_proof(proof, STATES[41], KEYS, ASKS, [GLOBAL.key]).sequence == 42
    with pytest.raises(DoesNotHold, match="policy"):
        verify_proof(proof, STATES[41], KEYS, ASKS)
    with pytest.raises(DoesNotHold, match="policy"):
        verify_proof(anchored().format(), STATES[41], KEYS, ASKS, [GLOBAL.key])


TEXT = receipt(41, LOG).format().encode()


@given(st.integers(0, len(TEXT) - 1), st.integers(0, 3), st.binary(max_size=3))
def test_no_other_receipt_holds(at: int, cut: int, put: bytes) -> None:
    changed = TEXT[:at] + put + TEXT[at + cut :]
    try:
        verify_proof(changed, STATES[41], [LOG.key])
    except (Malformed, DoesNotHold):
        return
    assert changed == TEXT or b"\nextra " in changed


# Consistency


def note(size: int, *signers: Signer) -> str:
    return signed(Checkpoint(LOG.name, size, root_of(LEAVES[:size])).text(), *signers)


@pytest.mark.parametrize(("old", "new"), [(0, 0), (0, 5), (1, 2), (41, 100), (64, 100), (9, 9)])
def test_a_log_that_only_grew(old: int, new: int) -> None:
    proof = consistency_proof(LEAVES[:new], old) if old else ()
    holds = verify_consistency(note(old), note(new).encode(), KEYS, proof)
    assert (holds.old.size, holds.new.size) == (old, new)


def test_a_log_that_said_something_else_before() -> None:
    other = signed(Checkpoint(LOG.name, 41, bytes(32)).text())
    with pytest.raises(DoesNotHold):
        verify_consistency(other, note(100), KEYS, consistency_proof(LEAVES, 41))


def test_two_checkpoints_of_one_size() -> None:
    other = signed(Checkpoint(LOG.name, 41, bytes(32)).text())
    with pytest.raises(DoesNotHold):
        verify_consistency(other, note(41), KEYS, ())


def test_a_log_that_went_back() -> None:
    with pytest.raises(DoesNotHold) as caught:
        verify_consistency(note(100), note(41), KEYS, ())
    assert caught.value.sequence == 42


def test_two_logs() -> None:
    zeta = Signer("history.example/zeta")
    other = signed(Checkpoint(zeta.name, 41, root_of(LEAVES[:41])).text(), zeta)
    proof = consistency_proof(LEAVES, 41)
    with pytest.raises(DoesNotHold, match="older"):
        verify_consistency(other, note(100), [LOG.key], proof)
    with pytest.raises(DoesNotHold):
        verify_consistency(other, note(100, LOG, zeta), [LOG.key, zeta.key], proof)


def test_who_must_have_signed() -> None:
    """The newer one all whose keys are given; the older one may be from before some were there."""
    proof = consistency_proof(LEAVES, 41)
    by_witness = note(100, LOG, WITNESS)
    assert verify_consistency(note(41), by_witness, [LOG.key, WITNESS.key], proof).new == HEAD
    with pytest.raises(DoesNotHold, match=r"newer .*witness"):
        verify_consistency(note(41, LOG, WITNESS), note(100), [LOG.key, WITNESS.key], proof)
    with pytest.raises(DoesNotHold, match="older"):
        verify_consistency(note(41, Signer(seed=9)), note(100), KEYS, proof)


def test_which_checkpoint_cannot_be_read() -> None:
    with pytest.raises(Malformed, match="older checkpoint"):
        verify_consistency("", note(100), KEYS, ())
    with pytest.raises(Malformed, match="newer checkpoint"):
        verify_consistency(note(41), b"\xff", KEYS, ())


def test_a_proof_of_another_length() -> None:
    with pytest.raises(Malformed, match="hashes"):
        verify_consistency(note(41), note(100), KEYS, consistency_proof(LEAVES, 41)[1:])


LINE = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"


def test_hashes_as_lines() -> None:
    assert read_hashes(b"") == []
    assert read_hashes(LINE.encode() * 2) == [bytes(range(32))] * 2


@pytest.mark.parametrize(
    "text", [LINE[:-1], "\n", f"{LINE}\n", f"{LINE} {LINE}", "AAEC\n", LINE * 1000, "\0"]
)
def test_hashes_that_are_none(text: str) -> None:
    with pytest.raises(Malformed, match="the proof"):
        read_hashes(text.encode())
