"""The files of a spool: sealed entries behind each other, and a tail that a killed write may tear.

    <directory>/.lock              held while a spool is begun or looked at
    <directory>/<id>.lock          flocked by the process that owns the spool, as long as it lives
    <directory>/<id>.<8 digits>    a segment: frames, in the order in which they were appended;
                                   read-only (0400) once its owner has ended it

A frame is length (u32be) || nonce (12) || ciphertext || tag (16): JSON of a Noted under
AES-256-GCM. The nonce is the segment's number, the frame's place in it (from 0 on) and the number
of the spool's try to write one, u32be each. So no frame can be damaged, moved, repeated or left out
in the middle unnoticed, and no nonce comes twice under the spool's key, whatever of a failed write
has reached the disk. The key is a job's key of the key store, of the purpose "access"; it goes with
the spool.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from struct import Struct as Layout

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from domain.access.log import Kept, Noted, kept_of

PURPOSE = "access"
LOCK = ".lock"
DAMAGED = ".damaged"
WRITABLE, ENDED = 0o600, 0o400
"""Modes of segments."""

_LENGTH = Layout(">I")
_NONCE = Layout(">III")
_HEAD = Layout(">IIII")
"""The length, and the nonce."""

_TAG = 16
_SEGMENT = re.compile(r"([0-9a-f]{32})\.([0-9]{8})", re.ASCII)
_OWNER = re.compile(r"([0-9a-f]{32})\.lock", re.ASCII)
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Noted).decode


class Contents(Struct, frozen=True):
    """What a segment holds. torn: bytes of a frame that was not written whole; damaged: a whole
    frame does not open, and what is behind it was not looked at."""

    kept: list[Kept]
    torn: int = 0
    damaged: bool = False


def segment_path(directory: Path, spool_id: str, number: int) -> Path:
    return directory / f"{spool_id}.{number:08}"


def owner_path(directory: Path, spool_id: str) -> Path:
    return directory / f"{spool_id}{LOCK}"


def segments(directory: Path) -> Iterator[tuple[str, Path]]:
    """(spool id, path) of each segment that is there, in the order in which they were begun."""
    for path in sorted(directory.iterdir()):
        if found := _SEGMENT.fullmatch(path.name):
            yield found[1], path


def is_ended(path: Path) -> bool:
    """Whether the segment is there, and nothing is appended to it any more."""
    try:
        return path.stat().st_mode & 0o777 == ENDED
    except FileNotFoundError:
        return False


def spool_ids(directory: Path) -> set[str]:
    """The spools of which anything is there."""
    owned = {found[1] for path in directory.iterdir() if (found := _OWNER.fullmatch(path.name))}
    return owned | {spool_id for spool_id, _ in segments(directory)}


def damaged(directory: Path) -> list[Path]:
    """Segments that were set aside because they do not open."""
    return sorted(directory.glob(f"*{DAMAGED}"))


def frame(cipher: AESGCM, segment: int, place: int, try_: int, noted: Noted) -> bytes:
    """The bytes to append to the segment of this number, as its frame number `place`, when its
    spool tries to write one for the `try_`th time."""
    plain = _encode(noted)
    head = _HEAD.pack(_NONCE.size + len(plain) + _TAG, segment, place, try_)
    return head + cipher.encrypt(head[_LENGTH.size :], plain, None)


def read(path: Path, key: bytes) -> Contents:
    """What the segment at a path holds. Raises FileNotFoundError."""
    cipher, raw, at = AESGCM(key), path.read_bytes(), 0
    number = int(path.suffix[1:])
    kept: list[Kept] = []
    while len(raw) - at >= _LENGTH.size:
        (length,) = _LENGTH.unpack_from(raw, at)
        at_nonce, end = at + _LENGTH.size, at + _LENGTH.size + length
        if length == 0 or end > len(raw):
            break
        nonce, sealed = raw[at_nonce : at_nonce + _NONCE.size], raw[at_nonce + _NONCE.size : end]
        try:
            plain = cipher.decrypt(nonce, sealed, None)
            if _NONCE.unpack(nonce)[:2] != (number, len(kept)):
                return Contents(kept, damaged=True)
            kept.append(kept_of(_decode(plain)))
        except (InvalidTag, ValueError, msgspec.MsgspecError):
            return Contents(kept, damaged=True)
        at = end
    return Contents(kept, torn=len(raw) - at)
