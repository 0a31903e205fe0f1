"""Tokens changed in one place: what the attacks of `attacks.py` are made with."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from joserfc.jwk import ECKey, Key, RSAKey
from joserfc.util import urlsafe_b64decode

from tests.infrastructure.access.conftest import NOW, encode, forged
from tests.infrastructure.access.key_server import EC, ISSUER

SECOND = "https://second.example.com/"
SECOND_EC = ECKey.generate_key("P-256", {"kid": "ec"})
MINE = ECKey.generate_key("P-256", {"kid": "mine"})
MY_RSA = RSAKey.generate_key(2048, {"kid": "mine"})

HEADER: dict[str, Any] = {"alg": "ES256", "kid": "ec"}
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": "history",
    "sub": "anna-maria",
    "tenants": ["acme"],
    "roles": ["support"],
    "iat": NOW,
    "exp": NOW + 3600,
}
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # the order of P-256
_L = 2**252 + 27742317777372353535851937790883648493  # the order of Ed25519's group
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def token(
    header: Mapping[str, Any] | bytes = HEADER,
    payload: object = CLAIMS,
    key: Key | None = EC,
    signed_as: str = "ES256",
) -> str:
    """A token as its issuer would sign it, unless the key is another's."""
    return forged(header, payload, key, signed_as)


def headed(key: Key | None = EC, signed_as: str = "ES256", **changed: Any) -> str:
    return token({**HEADER, **changed}, CLAIMS, key, signed_as)


def claiming(**changed: Any) -> str:
    return token(payload={**CLAIMS, **changed})


def without(claim: str) -> str:
    return token(payload={name: value for name, value in CLAIMS.items() if name != claim})


def inserted(part: Mapping[str, Any], text: str) -> bytes:
    """A part as JSON, with more members written before its own: for keys that come twice."""
    return b"{" + text.encode() + b"," + json.dumps(part).encode()[1:]


def signature(change: Callable[[bytes], bytes], good: str | None = None) -> str:
    """A good token, the bytes of its signature changed."""
    head, body, signed = (good or token()).split(".")
    return f"{head}.{body}.{encode(change(urlsafe_b64decode(signed.encode())))}"


def numbers(r: int, s: int) -> str:
    """The same with an ECDSA signature of these two numbers."""
    return signature(lambda _: r.to_bytes(32, "big") + s.to_bytes(32, "big"))


def spelt(index: int, change: Callable[[str], str]) -> str:
    """A good token, one of its three texts spelt otherwise; signed as it is spelt."""
    parts = token().split(".")
    parts[index] = change(parts[index])
    if index < 2:
        parts[2] = forged(HEADER, CLAIMS, EC, "ES256", f"{parts[0]}.{parts[1]}").split(".")[-1]
    return ".".join(parts)


def spare_bit(text: str) -> str:
    """Other text of the same bytes: the last character has a bit that base64 does not use."""
    assert len(text) % 4 in (2, 3), "there is no spare bit"
    return text[:-1] + _ALPHABET[_ALPHABET.index(text[-1]) + 1]


def hmac_with(secret: bytes, **header: Any) -> str:
    """What holds for whoever takes a public key for a shared secret."""
    signing_input = f"{encode({'alg': 'HS256', 'kid': 'rsa', **header})}.{encode(CLAIMS)}"
    return f"{signing_input}.{encode(hmac.digest(secret, signing_input.encode(), 'sha256'))}"


def larger(raw: bytes) -> bytes:
    """An Ed25519 signature with its number larger by the order of the group: the same point."""
    return raw[:32] + (int.from_bytes(raw[32:], "little") + _L).to_bytes(32, "little")


def as_der(raw: bytes) -> bytes:
    return encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))


def public(key: Key) -> dict[str, Any]:
    return dict(key.as_dict(private=False))
