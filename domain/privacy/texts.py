"""The text of a row of disclosures: one for each value, with a full stop between two.

    <base64url>                      a disclosure: base64url(JSON [salt, name, value]); the digest
                                     of its text is what the event's bytes carry
    ~<digest>~<base64url>            a replacement: base64url(JSON [name, what stands there]), for
                                     the value whose disclosure has that digest

No base64url has a `~`: neither can be taken for the other. Base64url is without padding.
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Collection, Iterator, Mapping
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec

_to_url_safe = bytes.maketrans(b"+/", b"-_")
_to_standard = bytes.maketrans(b"-_", b"+/")
_encode = msgspec.json.Encoder(order="deterministic").encode
_decode_disclosure = msgspec.json.Decoder(tuple[str, str, Any]).decode
_decode_replacement = msgspec.json.Decoder(tuple[str, Any]).decode
_REPLACED = "~"
_PADDING = (b"", b"===", b"==", b"=")
"""By the length of base64url, modulo 4."""
_DIGEST = 43
"""Characters of a SHA-256 in base64url."""


class Part(NamedTuple):
    """What a part of a text says. is_replaced: the value is not the one of the digest."""

    digest: str
    name: str
    value: Any
    is_replaced: bool


def base64url(raw: bytes) -> str:
    return b2a_base64(raw, newline=False).translate(_to_url_safe).rstrip(b"=").decode()


def disclosure(salt: str, name: str, value: Any) -> bytes:
    """The disclosure of a value that stands under this name."""
    return base64url(_encode((salt, name, value))).encode()


def digest_of(one: bytes) -> str:
    """Of a disclosure. This is done for each value of each answer."""
    encoded = b2a_base64(sha256(one).digest(), newline=False)
    return encoded[:_DIGEST].translate(_to_url_safe).decode("ascii")


def parts(text: str) -> Iterator[Part]:
    """Raises ValueError for a damaged text."""
    for raw in text.split("."):
        if raw.startswith(_REPLACED):
            digest, said = _replacement(raw)
            name, value = _decode_replacement(_plain(said.encode("ascii")))
            yield Part(digest, name, value, is_replaced=True)
        else:
            encoded = raw.encode("ascii")
            _salt, name, value = _decode_disclosure(_plain(encoded))
            yield Part(digest_of(encoded), name, value, is_replaced=False)


def without(text: str, digests: Collection[str]) -> str:
    """The text without what stands for these digests; "" if nothing is left."""
    return ".".join(raw for raw in text.split(".") if _digest(raw) not in digests)


def replaced(text: str, digests: Collection[str], stand_in: Callable[[str, Any], Any]) -> str:
    """The text with the disclosures of these digests replaced by what `stand_in`, given a name and
    a value, makes of them. Raises ValueError for a damaged text."""
    made = []
    for raw, part in zip(text.split("."), parts(text), strict=True):
        if part.is_replaced or part.digest not in digests:
            made.append(raw)
        else:
            value = stand_in(part.name, part.value)
            said = base64url(_encode((part.name, value)))
            made.append(f"{_REPLACED}{part.digest}{_REPLACED}{said}")
    return ".".join(made)


def put_back(text: str, originals: Mapping[str, str]) -> str:
    """The text with these disclosures, by their digests, in the place of what had replaced them."""
    return ".".join(
        originals.get(_digest(raw), raw) if raw.startswith(_REPLACED) else raw
        for raw in text.split(".")
    )


def disclosures(text: str) -> dict[str, str]:
    """digest -> disclosure, of those that are not replaced; nothing of ""."""
    raws = [raw for raw in text.split(".") if raw and not raw.startswith(_REPLACED)]
    return {_digest(raw): raw for raw in raws}


def _digest(raw: str) -> str:
    return _replacement(raw)[0] if raw.startswith(_REPLACED) else digest_of(raw.encode("ascii"))


def _replacement(raw: str) -> tuple[str, str]:
    _nothing, digest, said = raw.split(_REPLACED)
    return digest, said


def _plain(encoded: bytes) -> bytes:
    return a2b_base64(encoded.translate(_to_standard) + _PADDING[len(encoded) & 3])
