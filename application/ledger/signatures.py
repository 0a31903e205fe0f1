"""Checking the signatures of notes, with `cryptography` and nothing else: offline too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from domain.ledger.checkpoints import Checkpoint, signed_message
from domain.ledger.faults import DoesNotHold, Malformed
from domain.ledger.notes import (
    COSIGNED_MLDSA44,
    ED25519,
    NoteSignature,
    SignedNote,
    VerifierKey,
)
from domain.ledger.policy import Policy

try:
    from cryptography.hazmat.primitives.asymmetric import mldsa
except ImportError:  # an older `cryptography`: everything but type 6 can be checked
    mldsa = None  # type: ignore[assignment]  # a module, or its absence


@dataclass(frozen=True, slots=True)
class Opened:
    """A checkpoint that at least one of the log's keys has signed. by: all given keys that have."""

    checkpoint: Checkpoint
    by: tuple[VerifierKey, ...]
    note: SignedNote


def verify_signature(key: VerifierKey, signature: NoteSignature, text: str) -> bool:
    """Whether this signature over the text of a note is the key's.

    Raises Malformed where it cannot be one, or this Python's `cryptography` cannot check it.
    """
    if not signature.is_by(key):
        return False
    message, raw = signed_message(key, signature, text)
    try:
        if key.algorithm == COSIGNED_MLDSA44:
            _mldsa_key(key).verify(raw, message)
        else:
            Ed25519PublicKey.from_public_bytes(key.public).verify(raw, message)
    except InvalidSignature:
        return False
    return True


def _mldsa_key(key: VerifierKey) -> mldsa.MLDSA44PublicKey:
    try:
        if mldsa is not None:
            return mldsa.MLDSA44PublicKey.from_public_bytes(key.public)
    except UnsupportedAlgorithm:
        pass
    raise Malformed(
        f"cannot check the signature of {key.name!r}: it is of type 6 (ML-DSA-44), which this "
        "installation of `cryptography` does not offer; install a newer one"
    )


def open_checkpoint(
    note: SignedNote | str | bytes, keys: Sequence[VerifierKey], *, extensions: bool = False
) -> Opened:
    """Read a checkpoint and verify what the given keys have signed of it.

    At least one key of the log itself must have: type 1, or 6, with the origin as its name (a
    checkpoint of another log does not become this one's by a line under its name). The others are
    cosigners'. Signatures of keys that are not given are ignored. `extensions`: as in
    Checkpoint.parse.
    Raises Malformed; DoesNotHold where no log key has signed, or a given key's signature fails.
    """
    read = note if isinstance(note, SignedNote) else SignedNote.parse(note)
    checkpoint = Checkpoint.parse(read.text, extensions=extensions)
    by = _verified(read, keys)
    logs = [key for key in keys if is_log_key(key, checkpoint.origin)]
    if not logs:
        raise DoesNotHold(
            f"the checkpoint is of the log {checkpoint.origin!r}, and no key of it is given"
        )
    if not any(key in by for key in logs):
        raise DoesNotHold(f"the checkpoint of {checkpoint.origin!r} is signed by none of its keys")
    return Opened(checkpoint, by, read)


def is_log_key(key: VerifierKey, origin: str) -> bool:
    """Whether a key may sign the checkpoints of this log, as the log."""
    return key.name == origin and key.algorithm in {ED25519, COSIGNED_MLDSA44}


def cosigners(note: SignedNote, policy: Policy) -> frozenset[str]:
    """The names, in the policy, of its witnesses that have cosigned a checkpoint.

    Raises DoesNotHold where the signature of one fails, Malformed where it cannot be one.
    """
    by = _verified(note, [witness.key for witness in policy.witnesses])
    return frozenset(witness.name for witness in policy.witnesses if witness.key in by)


def satisfies(opened: Opened, policy: Policy) -> bool:
    """Whether a policy accepts a checkpoint: cosigned by its quorum and, where it names logs,
    signed by one of them. Raises as `cosigners`."""
    origin = opened.checkpoint.origin
    logs = [log.key for log in policy.logs if is_log_key(log.key, origin)]
    if policy.logs and not _verified(opened.note, logs):
        return False
    return policy.satisfied(cosigners(opened.note, policy))


def _verified(note: SignedNote, keys: Sequence[VerifierKey]) -> tuple[VerifierKey, ...]:
    """The keys that have signed, in the order given. One line that is false rejects it all."""
    by = []
    for key in dict.fromkeys(keys):
        signatures = [one for one in note.signatures if one.is_by(key)]
        if not all(verify_signature(key, one, note.text) for one in signatures):
            raise DoesNotHold(f"the signature of {key.name!r} ({key.key_id.hex()}) does not hold")
        if signatures:
            by.append(key)
    return tuple(by)
