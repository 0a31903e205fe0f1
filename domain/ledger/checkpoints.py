"""Checkpoints: what is signed over a log, and the messages that signers and cosigners sign.

C2SP tlog-checkpoint and tlog-cosignature.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from domain.ledger.faults import Malformed
from domain.ledger.notes import (
    COSIGNED_ED25519,
    COSIGNED_MLDSA44,
    ED25519,
    NoteSignature,
    VerifierKey,
    decode_decimal,
    decode_hash,
)

SIGNATURE_BYTES = {ED25519: 64, COSIGNED_ED25519: 64, COSIGNED_MLDSA44: 2420}
"""Algorithm -> bytes of a signature, without the time that a cosignature begins with."""

_TIME_BYTES = 8
_SUBTREE_LABEL = b"subtree/v1\n\x00"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log. size: number of leaves; root: 32 bytes; extensions: lines of other logs
    that no meaning is known of."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str, *, extensions: bool = False) -> Checkpoint:
        """Read the text of a note. Our own have no extension lines: they are refused unless
        `extensions`. Raises Malformed."""
        lines = text.split("\n")
        if len(lines) < 4 or lines.pop():
            raise Malformed("not a checkpoint, which reads origin, size and root, a line each")
        if not all(lines):
            raise Malformed(f"line {lines.index('') + 1} of the checkpoint is empty")
        if len(lines) > 3 and not extensions:
            raise Malformed("line 4 of the checkpoint is an extension, which this log does not use")
        size = decode_decimal(lines[1], "line 2 of the checkpoint, the size,")
        root = decode_hash(lines[2], "line 3 of the checkpoint, the root,")
        return cls(lines[0], size, root, tuple(lines[3:]))

    def text(self) -> str:
        """The text that is signed, with its last line feed."""
        lines = (self.origin, str(self.size), base64.b64encode(self.root).decode())
        return "".join(f"{line}\n" for line in lines + self.extensions)


def cosignature_message(time: int, text: str) -> bytes:
    """What an Ed25519 cosigner signs. time: seconds since 1970; text: the checkpoint's."""
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def subtree_message(
    cosigner: str, time: int, origin: str, start: int, end: int, root: bytes
) -> bytes:
    """What an ML-DSA-44 cosigner signs, of the leaves [start, end); a checkpoint is (0, size).

    time: seconds since 1970, or 0 to say nothing of when. Raises Malformed where a name is longer
    than 255 bytes, or a time is given for leaves that do not begin with the first.
    """
    if start and time:
        raise Malformed("a subtree that does not begin with the first leaf has no time")
    return b"".join(
        (
            _SUBTREE_LABEL,
            _prefixed(cosigner, "the cosigner's name"),
            time.to_bytes(8, "big"),
            _prefixed(origin, "the origin"),
            start.to_bytes(8, "big"),
            end.to_bytes(8, "big"),
            root,
        )
    )


def _prefixed(text: str, what: str) -> bytes:
    data = text.encode()
    if not 0 < len(data) < 256:
        raise Malformed(f"{what} has {len(data)} bytes; ML-DSA-44 cosignatures allow 1 to 255")
    return bytes([len(data)]) + data


def signature_time(algorithm: int, signature: bytes) -> int:
    """When a cosignature of this algorithm says that it was made, seconds since 1970."""
    if algorithm not in {COSIGNED_ED25519, COSIGNED_MLDSA44}:
        raise Malformed(f"a signature of type {algorithm} says no time")
    return int.from_bytes(signature[:_TIME_BYTES], "big")


def signed_message(key: VerifierKey, signature: NoteSignature, text: str) -> tuple[bytes, bytes]:
    """(what the key has signed if the signature holds, the raw signature), over a note's text.

    Raises Malformed where the signature has not the length of its algorithm, or the text is not a
    checkpoint but the algorithm is for nothing else.
    """
    raw = signature.signature
    timed = 0 if key.algorithm == ED25519 else _TIME_BYTES
    if len(raw) != SIGNATURE_BYTES[key.algorithm] + timed:
        raise Malformed(
            f"the signature of {key.name!r} has {len(raw)} bytes; one of type {key.algorithm} has "
            f"{SIGNATURE_BYTES[key.algorithm] + timed}"
        )
    if key.algorithm == ED25519:
        return text.encode(), raw
    head = Checkpoint.parse(text, extensions=True)
    time = signature_time(key.algorithm, raw)
    if time >= 1 << 63:
        raise Malformed(f"the time of the signature of {key.name!r} is beyond 2^63 - 1")
    if key.algorithm == COSIGNED_ED25519:
        return cosignature_message(time, text), raw[_TIME_BYTES:]
    message = subtree_message(key.name, time, head.origin, 0, head.size, head.root)
    return message, raw[_TIME_BYTES:]
