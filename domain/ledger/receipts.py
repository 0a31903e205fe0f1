"""The receipt of an event: a proof to be checked offline (C2SP tlog-proof), as text."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from domain.ledger.faults import Malformed
from domain.ledger.notes import decode_base64, decode_decimal, decode_hash, decode_text

HEADER = "c2sp.org/tlog-proof@v1"
MAX_PROOF_BYTES = 4_000_000

_MAX_HASHES = 64


@dataclass(frozen=True, slots=True)
class TlogProof:
    """index: of the leaf, from 0. hashes: the inclusion proof, from the leaf up, 32 bytes each.
    checkpoint: a signed note, verbatim. extra: bytes that nothing authenticates, or None."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: str
    extra: bytes | None = None

    @classmethod
    def parse(cls, data: str | bytes) -> TlogProof:
        """Read a proof; its checkpoint is left unread. Raises Malformed, which names the line."""
        text = decode_text(data, "the proof", MAX_PROOF_BYTES)
        head, empty, checkpoint = text.partition("\n\n")
        if not empty:
            raise Malformed("the proof has no empty line before its checkpoint")
        lines = head.split("\n")
        if lines[0] != HEADER:
            raise Malformed(f"line 1 of the proof is not {HEADER}")
        at, extra = 1, None
        if lines[1:] and lines[1].startswith("extra "):
            extra = decode_base64(lines[1].removeprefix("extra "), "line 2 of the proof, extra,")
            if not extra:
                raise Malformed("line 2 of the proof, extra, is empty; it is left out then")
            at = 2
        if len(lines) <= at or not lines[at].startswith("index "):
            raise Malformed(f"line {at + 1} of the proof does not begin with `index `")
        index = decode_decimal(
            lines[at].removeprefix("index "), f"line {at + 1} of the proof, the index,"
        )
        hashes = lines[at + 1 :]
        if len(hashes) > _MAX_HASHES:
            raise Malformed(f"the proof has over {_MAX_HASHES} hashes")
        decoded = [
            decode_hash(line, f"line {number} of the proof")
            for number, line in enumerate(hashes, start=at + 2)
        ]
        return cls(index, tuple(decoded), checkpoint, extra)

    def format(self) -> str:
        """The text, to be stored as `.tlog-proof`. An empty `extra` is left out."""
        extra = [f"extra {base64.b64encode(self.extra).decode()}"] if self.extra else []
        hashes = [base64.b64encode(one).decode() for one in self.hashes]
        return "\n".join([HEADER, *extra, f"index {self.index}", *hashes, "", self.checkpoint])
