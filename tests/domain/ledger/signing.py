"""Throw-away keys from fixed seeds that sign notes, for tests."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from domain.ledger.checkpoints import Checkpoint, cosignature_message, subtree_message
from domain.ledger.notes import (
    COSIGNED_ED25519,
    COSIGNED_MLDSA44,
    ED25519,
    NoteSignature,
    SignedNote,
    VerifierKey,
)

ORIGIN = "history.example/acme"
TIME = 1_756_470_898


@dataclass(frozen=True)
class Signer:
    """A private key under a name. seed: one byte, repeated 32 times."""

    name: str = ORIGIN
    algorithm: int = ED25519
    seed: int = 1

    @property
    def key(self) -> VerifierKey:
        if self.algorithm == COSIGNED_MLDSA44:
            public = self._mldsa.public_key().public_bytes_raw()
        else:
            public = self._ed25519.public_key().public_bytes_raw()
        return VerifierKey.of(self.name, self.algorithm, public)

    @property
    def _ed25519(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(bytes([self.seed]) * 32)

    @property
    def _mldsa(self) -> MLDSA44PrivateKey:
        return MLDSA44PrivateKey.from_seed_bytes(bytes([self.seed]) * 32)

    def sign(self, text: str, time: int = TIME) -> NoteSignature:
        """The signature over a note's text; a checkpoint's, for cosigners."""
        stamp = time.to_bytes(8, "big")
        if self.algorithm == ED25519:
            raw = self._ed25519.sign(text.encode())
        elif self.algorithm == COSIGNED_ED25519:
            raw = stamp + self._ed25519.sign(cosignature_message(time, text))
        else:
            head = Checkpoint.parse(text, extensions=True)
            message = subtree_message(self.name, time, head.origin, 0, head.size, head.root)
            raw = stamp + self._mldsa.sign(message)
        return NoteSignature(self.name, self.key.key_id, raw)


LOG = Signer()
LOG_PQ = Signer(algorithm=COSIGNED_MLDSA44, seed=2)
WITNESS = Signer("witness.example/w1", COSIGNED_ED25519, 3)
WITNESS_PQ = Signer("witness.example/w2", COSIGNED_MLDSA44, 4)


def signed(text: str, *signers: Signer) -> str:
    """The note of a text, signed by these, by LOG and LOG_PQ if none are named."""
    by = signers or (LOG, LOG_PQ)
    return SignedNote(text, tuple(one.sign(text) for one in by)).format()
