"""Signed notes and verifier keys as text (C2SP signed-note).

Reading is strict: whatever is accepted is written again as the very same text, so that a changed
byte is either refused here or seen by a signature.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from hashlib import sha256

from domain.ledger.faults import Malformed

ED25519 = 1
"""A log's signature: Ed25519 over the note's text."""
COSIGNED_ED25519 = 4
"""A timestamped cosignature (C2SP tlog-cosignature) with Ed25519."""
COSIGNED_MLDSA44 = 6
"""A timestamped cosignature with ML-DSA-44; a log's own too, where its name is the origin."""

PUBLIC_BYTES = {ED25519: 32, COSIGNED_ED25519: 32, COSIGNED_MLDSA44: 1312}
"""Algorithm -> bytes of its public key."""

MAX_NOTE_BYTES = 1_000_000
MAX_SIGNATURES = 100

_KEY_ID = re.compile(r"[0-9a-f]{8}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
_DASH = "\N{EM DASH} "


def key_id(name: str, algorithm: int, public: bytes) -> bytes:
    """The 4 bytes that, with its name, tell a key from others."""
    return sha256(name.encode() + b"\n" + bytes([algorithm]) + public).digest()[:4]


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key and the name it signs under. key_id: 4 bytes; public: raw, as PUBLIC_BYTES."""

    name: str
    key_id: bytes
    algorithm: int
    public: bytes

    @classmethod
    def of(cls, name: str, algorithm: int, public: bytes) -> VerifierKey:
        """The key with its id computed. Raises Malformed for a bad name, algorithm or length."""
        check_name(name, "the key")
        if algorithm not in PUBLIC_BYTES:
            raise Malformed(
                f"the key is of type {algorithm}; known are 1 and 4 (Ed25519) and 6 (ML-DSA-44)"
            )
        if len(public) != PUBLIC_BYTES[algorithm]:
            raise Malformed(
                f"the public key has {len(public)} bytes; one of type {algorithm} has "
                f"{PUBLIC_BYTES[algorithm]}"
            )
        return cls(name, key_id(name, algorithm, public), algorithm, public)

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Read `name+hex(key id)+base64(type || public key)`. Raises Malformed."""
        parts = text.split("+", 2)  # base64 may hold a plus, a name may not
        if len(parts) != 3:
            raise Malformed("not a verifier key, which reads name+key id+base64")
        name, said, encoded = parts
        if not _KEY_ID.fullmatch(said):
            raise Malformed("the key id of a verifier key is 8 lowercase hex digits")
        material = decode_base64(encoded, "the key")
        if not material:
            raise Malformed("the key is empty")
        key = cls.of(name, material[0], material[1:])
        if key.key_id.hex() != said:
            raise Malformed(f"the key id is {said}, but this name and key give {key.key_id.hex()}")
        return key

    def __str__(self) -> str:
        material = base64.b64encode(bytes([self.algorithm]) + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{material}"


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line. signature: what follows the key id; first the time, in a cosignature."""

    name: str
    key_id: bytes
    signature: bytes

    def line(self) -> str:
        """The line, with its line feed."""
        encoded = base64.b64encode(self.key_id + self.signature).decode()
        return f"{_DASH}{self.name} {encoded}\n"

    @classmethod
    def parse(cls, line: str) -> NoteSignature:
        """Read a line, given without its line feed. Raises Malformed."""
        parts = line.removeprefix(_DASH).split(" ")
        if not line.startswith(_DASH) or len(parts) != 2:
            raise Malformed("not a signature, which reads \N{EM DASH} name base64")
        name, encoded = parts
        check_name(name, "the signer")
        data = decode_base64(encoded, "the signature")
        if len(data) <= 4:
            raise Malformed("the signature is empty")
        return cls(name, data[:4], data[4:])

    def is_by(self, key: VerifierKey) -> bool:
        """Whether it says so; not whether it holds."""
        return (self.name, self.key_id) == (key.name, key.key_id)


@dataclass(frozen=True, slots=True)
class SignedNote:
    """A text, which ends in a line feed, and signatures; none of them verified by being here."""

    text: str
    signatures: tuple[NoteSignature, ...]

    @classmethod
    def parse(cls, data: str | bytes) -> SignedNote:
        """Read a note of at most MAX_NOTE_BYTES and MAX_SIGNATURES. Raises Malformed."""
        note = decode_text(data, "the note", MAX_NOTE_BYTES)
        end = note.rfind("\n\n")
        if end < 0:
            raise Malformed("the note has no empty line between text and signatures")
        text, signed = note[: end + 1], note[end + 2 :]
        if not signed.endswith("\n"):
            raise Malformed("the note does not end in a signature and a line feed")
        lines = signed[:-1].split("\n")
        if len(lines) > MAX_SIGNATURES:
            raise Malformed(f"the note has over {MAX_SIGNATURES} signatures")
        first = text.count("\n") + 2
        return cls(text, tuple(_signature(line, first + at) for at, line in enumerate(lines)))

    def format(self) -> str:
        """The note as it is stored and served."""
        return self.text + "\n" + "".join(one.line() for one in self.signatures)


def _signature(line: str, number: int) -> NoteSignature:
    try:
        return NoteSignature.parse(line)
    except Malformed as fault:
        raise Malformed(f"line {number} of the note: {fault}") from None


def check_name(name: str, what: str) -> None:
    """Raises Malformed unless it may name a key: not empty, without spaces and plus."""
    if not name or "+" in name or any(one.isspace() or one < " " for one in name):
        raise Malformed(f"{what} has no name, or one with a space or a plus")
    if any("\ud800" <= one <= "\udfff" for one in name):
        raise Malformed(f"the name of {what} is not UTF-8")


def decode_text(data: str | bytes, what: str, limit: int) -> str:
    """Valid UTF-8 of at most `limit` bytes, no control characters but line feeds.
    Raises Malformed."""
    try:
        raw = data.encode() if isinstance(data, str) else data
        text = raw.decode()
    except UnicodeError:
        raise Malformed(f"{what} is not UTF-8") from None
    if len(raw) > limit:
        raise Malformed(f"{what} has over {limit} bytes")
    if control := _CONTROL.search(text):
        number = text.count("\n", 0, control.start()) + 1
        raise Malformed(f"line {number} of {what} holds a control character")
    return text


def decode_base64(text: str, what: str) -> bytes:
    """Standard base64 with padding, in the one spelling of these bytes. Raises Malformed."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeError):
        data = None
    if data is None or base64.b64encode(data).decode() != text:
        raise Malformed(f"{what} is not in standard base64")
    return data


def decode_hash(text: str, what: str) -> bytes:
    """32 bytes in base64. Raises Malformed."""
    data = decode_base64(text, what)
    if len(data) != 32:
        raise Malformed(f"{what} has {len(data)} bytes, not 32")
    return data


def decode_decimal(text: str, what: str) -> int:
    """A number below 2**63, without leading zeros. Raises Malformed."""
    if not _DECIMAL.fullmatch(text) or int(text) >= 1 << 63:
        raise Malformed(f"{what} is not a number from 0 to 2^63 - 1 without leading zeros")
    return int(text)
