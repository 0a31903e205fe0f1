"""The published vectors (docs/vectors/notes.json) are what this code reads, and never change."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from application.ledger.signatures import cosigners, open_checkpoint, satisfies
from application.ledger.verifying import verify_proof
from domain.ledger.anchors import Anchor, Round, head_leaf
from domain.ledger.checkpoints import Checkpoint, signed_message
from domain.ledger.faults import DoesNotHold, Malformed
from domain.ledger.hashing import entry
from domain.ledger.merkle import tree_root
from domain.ledger.notes import SignedNote, VerifierKey
from domain.ledger.policy import Policy
from domain.ledger.receipts import TlogProof
from tests.domain.ledger.signing import Signer

FILE = Path(__file__).parents[3] / "docs" / "vectors" / "notes.json"
VECTORS: dict[str, Any] = json.loads(FILE.read_bytes())
KEYS = [VerifierKey.parse(one["vkey"]) for one in VECTORS["keys"]]
LOG, LOG_PQ, *WITNESSES, GLOBAL = KEYS
CHECKPOINT = Checkpoint.parse(VECTORS["checkpoint"]["text"])


def test_they_are_frozen() -> None:
    digest = sha256(FILE.read_bytes()).hexdigest()
    assert digest == "753011e6c2f8ef621f8b44cea63df5b61c6bf2abe248362cb83205163cd65c9e"


@pytest.mark.parametrize("vector", VECTORS["keys"])
def test_keys(vector: dict[str, Any]) -> None:
    key = VerifierKey.parse(vector["vkey"])
    assert (key.name, key.algorithm) == (vector["name"], vector["type"])
    assert (key.key_id.hex(), key.public.hex()) == (vector["key_id"], vector["public"])
    seed = bytes.fromhex(vector["seed"])
    assert seed == seed[:1] * 32
    assert Signer(key.name, key.algorithm, seed[0]).key == key


def test_the_checkpoint() -> None:
    said = VECTORS["checkpoint"]
    assert (CHECKPOINT.origin, CHECKPOINT.size) == (said["origin"], said["size"])
    assert CHECKPOINT.root.hex() == said["root"]
    assert CHECKPOINT.text() == said["text"]


@pytest.mark.parametrize("vector", VECTORS["messages"])
def test_what_is_signed(vector: dict[str, Any]) -> None:
    key = next(k for k in KEYS if (k.name, k.algorithm) == (vector["key"], vector["type"]))
    signer = Signer(key.name, key.algorithm)
    signature = signer.sign(CHECKPOINT.text(), time=vector["time"])
    assert signed_message(key, signature, CHECKPOINT.text())[0].hex() == vector["message"]


def test_the_note() -> None:
    opened = open_checkpoint(VECTORS["note"], [LOG, LOG_PQ, *WITNESSES])
    assert opened.by == (LOG, LOG_PQ, *WITNESSES)
    assert opened.checkpoint == CHECKPOINT
    assert opened.note.format() == VECTORS["note"]


def test_ed25519_signatures_can_be_made_again() -> None:
    note = SignedNote.parse(VECTORS["note"])
    assert Signer(LOG.name, LOG.algorithm, 1).sign(note.text) == note.signatures[0]
    witness = Signer(WITNESSES[0].name, WITNESSES[0].algorithm, 3)
    assert witness.sign(note.text, time=1_756_470_898) == note.signatures[2]


@pytest.mark.parametrize("vector", VECTORS["rejected"], ids=lambda one: one["why"])
def test_what_is_rejected(vector: dict[str, str]) -> None:
    with pytest.raises((Malformed, DoesNotHold)):
        open_checkpoint(vector["note"], [LOG])


@pytest.mark.parametrize("form", ["plain", "anchored"])
def test_the_receipts(form: str) -> None:
    said = VECTORS["receipt"]
    proof, event = said[form], said["event"].encode()
    assert TlogProof.parse(proof).format() == proof
    assert verify_proof(proof, event, [LOG]).sequence == said["sequence"]
    with pytest.raises(DoesNotHold):
        verify_proof(proof, event.replace(b"evt", b"ev7"), [LOG])


def test_the_anchor() -> None:
    said = VECTORS["receipt"]
    holds = verify_proof(said["anchored"], said["event"].encode(), [LOG], None, [GLOBAL])
    assert holds.anchor == Round.parse(VECTORS["round"]["text"])
    extra = TlogProof.parse(said["anchored"]).extra
    assert extra is not None
    assert Anchor.parse(extra).format() == extra


def test_the_round() -> None:
    said = VECTORS["round"]
    covering = Round.parse(said["text"])
    assert (covering.number, covering.places) == (said["number"], said["places"])
    assert covering.root == tree_root([head_leaf(text) for text in said["heads"]])
    assert covering.text() == said["text"]
    assert entry(said["text"].encode()).hex() == said["entry"]


def test_the_policy() -> None:
    said = VECTORS["policy"]
    policy = Policy.parse(said["text"].encode())
    opened = open_checkpoint(VECTORS["note"], [LOG])
    assert satisfies(opened, policy)
    assert cosigners(opened.note, policy) == {"one", "two"}
    assert all(policy.satisfied(set(names)) for names in said["witnessed"])
    assert not any(policy.satisfied(set(names)) for names in said["not_witnessed"])
