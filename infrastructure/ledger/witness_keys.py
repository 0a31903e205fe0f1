"""The keys of our own witness, in a file: made on first use, mode 0600 (`durable.py`).

Each witness has keys of its own. An Ed25519 cosignature does not say whose name it is under, so a
key must never serve two cosigners, or a log and a cosigner.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct

from domain.errors import KeyUnavailable
from domain.ledger.checkpoints import Checkpoint, cosignature_message, subtree_message
from domain.ledger.notes import COSIGNED_ED25519, COSIGNED_MLDSA44, NoteSignature, VerifierKey
from infrastructure.key_store import durable

try:
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
except ImportError:  # a cryptography without ML-DSA: Ed25519 alone
    MLDSA44PrivateKey = None  # type: ignore[assignment,misc]  # a class, or its absence

_SEED = 32


class _Keys(Struct, frozen=True):
    name: str
    ed25519: bytes
    mldsa44: bytes | None


class WitnessKeys:
    """Implements `application.ledger.cosigning.CosignerKeys`."""

    def __init__(self, name: str, ed25519: bytes, mldsa44: bytes | None) -> None:
        """name: of the witness, in every cosignature. The seeds have 32 bytes."""
        self.name = name
        self._ed25519 = Ed25519PrivateKey.from_private_bytes(ed25519)
        self._mldsa44 = None if mldsa44 is None else _mldsa(mldsa44)
        self.verifier_keys = tuple(
            VerifierKey.of(name, algorithm, key.public_key().public_bytes_raw())
            for algorithm, key in (
                (COSIGNED_ED25519, self._ed25519),
                (COSIGNED_MLDSA44, self._mldsa44),
            )
            if key is not None
        )

    def cosign(self, checkpoint: Checkpoint, time_s: int) -> tuple[NoteSignature, ...]:
        stamp = time_s.to_bytes(8, "big")
        message = cosignature_message(time_s, checkpoint.text())
        signatures = [self._ed25519.sign(message)]
        if self._mldsa44 is not None:
            message = subtree_message(
                self.name, time_s, checkpoint.origin, 0, checkpoint.size, checkpoint.root
            )
            signatures.append(self._mldsa44.sign(message))
        return tuple(
            NoteSignature(self.name, key.key_id, stamp + signature)
            for key, signature in zip(self.verifier_keys, signatures, strict=True)
        )


def load(path: Path) -> WitnessKeys | None:
    """The keys in a file; None when there is none. Raises KeyUnavailable."""
    content = durable.read(path)
    if content is None:
        return None
    try:
        keys = msgspec.json.decode(content, type=_Keys)
    except msgspec.DecodeError:
        # `from None`: an error about the content may quote a key.
        raise KeyUnavailable("the keys of the witness cannot be read") from None
    return WitnessKeys(keys.name, keys.ed25519, keys.mldsa44)


def make(path: Path, name: str) -> WitnessKeys:
    """New keys under a name, durable on return; those that another process has just made.

    Raises Malformed for a name that no key may have, KeyUnavailable.
    """
    keys = _Keys(name, os.urandom(_SEED), os.urandom(_SEED) if _mldsa_offered() else None)
    made = WitnessKeys(keys.name, keys.ed25519, keys.mldsa44)
    with durable.locked(path.with_name(f"{path.name}.lock")):
        there = load(path)
        if there is not None:
            return there
        durable.write(path, msgspec.json.encode(keys))
    return made


def _mldsa_offered() -> bool:
    try:
        return _mldsa(bytes(_SEED)) is not None
    except KeyUnavailable:
        return False


def _mldsa(seed: bytes) -> MLDSA44PrivateKey:
    try:
        if MLDSA44PrivateKey is not None:
            return MLDSA44PrivateKey.from_seed_bytes(seed)
    except UnsupportedAlgorithm:
        pass
    raise KeyUnavailable(
        "the witness has an ML-DSA-44 key, which this installation of `cryptography` does not "
        "offer: install the one that the keys were made with"
    )
