"""What a witness is asked, and what it answers (C2SP tlog-witness, add-checkpoint).

A witness remembers the newest checkpoint of each log that it has cosigned, and cosigns another only
where that is proved to go on from it: so nobody can be shown two histories of one log under its
name. Checking who signed comes before; what is here decides over a checkpoint of a known log.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from domain.ledger.checkpoints import Checkpoint
from domain.ledger.faults import DoesNotHold, Malformed
from domain.ledger.hashing import EMPTY_ROOT
from domain.ledger.merkle import check_consistency
from domain.ledger.notes import SignedNote, decode_decimal, decode_hash

MAX_PROOF = 63
"""Hashes of a consistency proof that may be sent."""
MAX_BODY = 256 * 1024
"""Bytes of a request: room for the proof and some seventy signatures of ML-DSA-44."""

COSIGNED = 200
BAD_REQUEST = 400
UNTRUSTED = 403
UNKNOWN_LOG = 404
OTHER_SIZE = 409
INCONSISTENT = 422


@dataclass(frozen=True, slots=True)
class Submission:
    """The body of add-checkpoint. old_size: of the checkpoint that the proof starts from; proof:
    hashes as RFC 6962, section 2.1.2, orders them."""

    old_size: int
    proof: tuple[bytes, ...]
    note: SignedNote
    checkpoint: Checkpoint

    @classmethod
    def parse(cls, body: bytes) -> Submission:
        """Read a body. Raises Malformed."""
        if len(body) > MAX_BODY:
            raise Malformed(f"the request has over {MAX_BODY} bytes")
        head, empty, note = body.partition(b"\n\n")
        if not empty:
            raise Malformed("the request has no empty line before the checkpoint")
        try:
            first, *lines = head.decode("ascii").split("\n")
        except UnicodeError:
            raise Malformed("what is before the checkpoint is not ASCII") from None
        if not first.startswith("old "):
            raise Malformed("line 1 of the request does not read: old, a space, the size")
        if len(lines) > MAX_PROOF:
            raise Malformed(f"the consistency proof has over {MAX_PROOF} hashes")
        old_size = decode_decimal(first.removeprefix("old "), "the old size")
        proof = tuple(
            decode_hash(line, f"hash {at} of the proof") for at, line in enumerate(lines, start=1)
        )
        signed = SignedNote.parse(note)
        return cls(old_size, proof, signed, Checkpoint.parse(signed.text, extensions=True))


def format_submission(old_size: int, proof: Sequence[bytes], note: str) -> bytes:
    """The body that asks for cosignatures of a checkpoint, given as a signed note."""
    hashes = "".join(f"{base64.b64encode(one).decode()}\n" for one in proof)
    return f"old {old_size}\n{hashes}\n{note}".encode()


@dataclass(frozen=True, slots=True)
class Known:
    """The newest checkpoint of a log that the witness has cosigned."""

    size: int = 0
    root: bytes = EMPTY_ROOT


@dataclass(frozen=True, slots=True)
class Decision:
    """status: of the answer, COSIGNED or why not; reason: one line."""

    status: int
    reason: str = ""


def decide(known: Known, submission: Submission) -> Decision:
    """Whether the checkpoint may be cosigned and take the place of the known one.

    known: Known() for a log that was never cosigned. Checks come in the order of the specification.
    """
    old_size, head = submission.old_size, submission.checkpoint
    if old_size > head.size:
        return Decision(BAD_REQUEST, "the old size is larger than the checkpoint's")
    if old_size != known.size:
        return Decision(OTHER_SIZE, "the old size is not that of the newest cosigned checkpoint")
    if head.size == 0 and head.root != EMPTY_ROOT:
        return Decision(INCONSISTENT, "the root is not that of an empty log")
    try:
        check_consistency(known.size, known.root, head.size, head.root, submission.proof)
    except (DoesNotHold, Malformed) as fault:
        return Decision(INCONSISTENT, str(fault))
    return Decision(COSIGNED)
