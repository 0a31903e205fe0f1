"""Which notes are a log's checkpoints, to somebody who has its keys."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.ledger.signatures import cosigners, open_checkpoint, verify_signature
from domain.ledger.checkpoints import Checkpoint
from domain.ledger.faults import DoesNotHold, Malformed
from domain.ledger.notes import ED25519, NoteSignature, SignedNote, VerifierKey
from domain.ledger.policy import Policy
from tests.domain.ledger.signing import LOG, LOG_PQ, WITNESS, WITNESS_PQ, Signer, signed
from tests.domain.ledger.test_notes import EXAMPLE, EXAMPLE_KEY

HEAD = Checkpoint(LOG.name, 600, bytes(range(32)))
TEXT = HEAD.text()
OTHER = Checkpoint("history.example/zeta", 600, bytes(32))
BOTH = (LOG.key, LOG_PQ.key)


def test_the_example_of_the_specification() -> None:
    note = SignedNote.parse(EXAMPLE)
    key = VerifierKey.parse(EXAMPLE_KEY)
    assert verify_signature(key, note.signatures[0], note.text)
    assert not verify_signature(key, note.signatures[0], note.text.replace("an", "no"))


@pytest.mark.parametrize("signer", [LOG, LOG_PQ, WITNESS, WITNESS_PQ])
def test_each_kind_of_signature(signer: Signer) -> None:
    signature = signer.sign(TEXT)
    assert verify_signature(signer.key, signature, TEXT)
    assert not verify_signature(signer.key, signature, TEXT.replace("600", "601"))
    stranger = Signer(signer.name, signer.algorithm, 99)
    assert not verify_signature(stranger.key, signature, TEXT)
    renamed = NoteSignature(signer.name, stranger.key.key_id, signature.signature)
    assert not verify_signature(stranger.key, renamed, TEXT)


@pytest.mark.parametrize("signer", [LOG, LOG_PQ, WITNESS, WITNESS_PQ])
def test_each_byte_of_a_signature_counts(signer: Signer) -> None:
    whole = signer.sign(TEXT).signature
    for at in {*range(0, len(whole), 61), *range(8), len(whole) - 1}:
        false = bytearray(whole)
        false[at] ^= 1
        signature = NoteSignature(signer.name, signer.key.key_id, bytes(false))
        assert not verify_signature(signer.key, signature, TEXT)


@pytest.mark.parametrize("keys", [(LOG.key,), (LOG_PQ.key,), BOTH, (LOG.key, WITNESS.key)])
def test_a_checkpoint_by_the_logs_own_keys(keys: tuple[VerifierKey, ...]) -> None:
    opened = open_checkpoint(signed(TEXT), keys)
    assert opened.checkpoint == HEAD
    assert opened.by == tuple(key for key in keys if key in BOTH)


def test_a_checkpoint_after_a_change_of_keys() -> None:
    """Whoever has the new key only, the old one only, or both, can read it."""
    new = Signer(seed=7)
    note = signed(TEXT, LOG, new)
    assert open_checkpoint(note, [LOG.key]).by == (LOG.key,)
    assert open_checkpoint(note, [new.key]).by == (new.key,)
    assert open_checkpoint(note, [LOG.key, new.key]).by == (LOG.key, new.key)
    assert open_checkpoint(signed(TEXT, new), [LOG.key, new.key]).by == (new.key,)


def test_cosigners_are_told_too() -> None:
    note = signed(TEXT, LOG, WITNESS, WITNESS_PQ)
    keys = (WITNESS_PQ.key, LOG.key, WITNESS.key)
    assert open_checkpoint(note, keys).by == keys


def test_cosigners_do_not_make_a_checkpoint() -> None:
    with pytest.raises(DoesNotHold, match="no key of it"):
        open_checkpoint(signed(TEXT, LOG, WITNESS), [WITNESS.key, WITNESS_PQ.key])
    with pytest.raises(DoesNotHold, match="none of its keys"):
        open_checkpoint(signed(TEXT, WITNESS), [LOG.key, WITNESS.key])


def test_a_cosigner_with_the_logs_name_is_not_the_log() -> None:
    cosigner = Signer(LOG.name, WITNESS.algorithm, 1)
    with pytest.raises(DoesNotHold, match="no key of it"):
        open_checkpoint(signed(TEXT, cosigner), [cosigner.key])


def test_no_key_no_checkpoint() -> None:
    with pytest.raises(DoesNotHold):
        open_checkpoint(signed(TEXT), [])


def test_signatures_of_unknown_keys_are_passed_over() -> None:
    unknown = NoteSignature(LOG.name, b"abcd", b"?")
    other_name = NoteSignature("else.example", LOG.key.key_id, b"?")
    note = SignedNote(TEXT, (unknown, LOG.sign(TEXT), other_name))
    assert open_checkpoint(note, [LOG.key]).by == (LOG.key,)


@pytest.mark.parametrize("false", [LOG, LOG_PQ, WITNESS])
def test_one_false_signature_of_a_known_key_is_enough(false: Signer) -> None:
    good = {one: one.sign(TEXT) for one in (LOG, LOG_PQ, WITNESS)}
    bad = false.sign(TEXT.replace("600", "601"))
    keys = [one.key for one in good]
    for signatures in (
        (*good.values(), bad),
        tuple(bad if one is false else good[one] for one in good),
    ):
        with pytest.raises(DoesNotHold, match=false.key.key_id.hex()):
            open_checkpoint(SignedNote(TEXT, signatures), keys)


def test_another_logs_checkpoint_under_this_ones_name() -> None:
    """One installation signs for all its tenants with one key: the signature itself is good."""
    signature = LOG.sign(OTHER.text())
    note = SignedNote(OTHER.text(), (signature,))
    assert verify_signature(LOG.key, signature, OTHER.text())
    with pytest.raises(DoesNotHold, match="zeta"):
        open_checkpoint(note, BOTH)


def test_extension_lines_of_others() -> None:
    text = f"{TEXT}more\n"
    with pytest.raises(Malformed, match="extension"):
        open_checkpoint(signed(text, LOG), [LOG.key])
    opened = open_checkpoint(signed(text, LOG, WITNESS), [LOG.key, WITNESS.key], extensions=True)
    assert opened.checkpoint.extensions == ("more",)


def test_a_signed_note_that_is_no_checkpoint() -> None:
    with pytest.raises(Malformed, match="checkpoint"):
        open_checkpoint(signed("any text\n", LOG), [LOG.key])


POLICY = Policy.parse(
    f"witness one {WITNESS.key}\nwitness two {WITNESS_PQ.key}\ngroup G all one two\nquorum G\n"
    .encode()
)  # fmt: skip


@pytest.mark.parametrize(
    ("by", "names"),
    [((LOG,), set()), ((LOG, WITNESS), {"one"}), ((WITNESS_PQ, LOG, WITNESS), {"one", "two"})],
)
def test_the_witnesses_of_a_policy(by: tuple[Signer, ...], names: set[str]) -> None:
    assert cosigners(SignedNote.parse(signed(TEXT, *by)), POLICY) == names


def test_a_false_cosignature() -> None:
    note = SignedNote(TEXT, (LOG.sign(TEXT), WITNESS.sign(TEXT.replace("6", "5"))))
    with pytest.raises(DoesNotHold, match=WITNESS.name):
        cosigners(note, POLICY)


NOTE = signed(TEXT, LOG, LOG_PQ, WITNESS).encode()
ALL = (LOG.key, LOG_PQ.key, WITNESS.key)


@given(
    st.one_of(st.integers(0, 400), st.integers(0, len(NOTE) - 1)),
    st.integers(0, 3),
    st.binary(max_size=3),
)
def test_no_other_note_is_accepted(at: int, cut: int, put: bytes) -> None:
    """Signed by all three, that is: a line whose key is unknown now is passed over."""
    changed = NOTE[:at] + put + NOTE[at + cut :]
    try:
        opened = open_checkpoint(changed, ALL)
    except (Malformed, DoesNotHold):
        return
    assert changed == NOTE or len(opened.by) < len(ALL)


@given(st.integers(0, len(EXAMPLE.encode()) - 1), st.integers(1, 255))
def test_the_specifications_example_with_a_byte_changed(at: int, flip: int) -> None:
    data = bytearray(EXAMPLE.encode())
    data[at] ^= flip
    key = VerifierKey.parse(EXAMPLE_KEY)
    try:
        note = SignedNote.parse(bytes(data))
        assert not any(verify_signature(key, one, note.text) for one in note.signatures)
    except Malformed:
        return


WITHOUT_MLDSA = """
import sys
sys.modules["cryptography.hazmat.primitives.asymmetric.mldsa"] = None
from application.ledger.signatures import open_checkpoint
from domain.ledger.faults import Malformed
from domain.ledger.notes import VerifierKey
note, *keys = sys.stdin.read().split("\\0")
first, second = map(VerifierKey.parse, keys)
assert open_checkpoint(note, [first]).by == (first,)
try:
    open_checkpoint(note, [first, second])
except Malformed as fault:
    print(fault)
"""


def test_a_cryptography_without_ml_dsa() -> None:
    """Ed25519 works; type 6 is not passed over where its key was given."""
    said = subprocess.run(
        [sys.executable, "-c", WITHOUT_MLDSA],
        input="\0".join([signed(TEXT), str(LOG.key), str(LOG_PQ.key)]),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "ML-DSA-44" in said.stdout
    assert said.stdout.count("\n") == 1


def test_keys_are_told_apart_by_type() -> None:
    """The same public key may log and cosign: its ids differ."""
    logging, cosigning = Signer(LOG.name, ED25519, 5), Signer(LOG.name, WITNESS.algorithm, 5)
    assert logging.key.public == cosigning.key.public
    note = signed(TEXT, logging, cosigning)
    assert open_checkpoint(note, [logging.key]).by == (logging.key,)
    assert open_checkpoint(note, [cosigning.key, logging.key]).by == (cosigning.key, logging.key)
