"""JSON Web Tokens (RFC 7515, 7519, 8725): framing, signature, claims.

The key is always chosen by this service, never by the token: `jwk`, `jku` and `x5c` in a header
are not looked at, and an algorithm that is not in ALGORITHMS (`none`, HMAC) does not exist here.
No message quotes a token.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated

import msgspec
from joserfc.errors import JoseError
from joserfc.jwa import JWS_ALGORITHMS, JWSAlgModel
from joserfc.jwk import Key
from joserfc.util import urlsafe_b64decode
from msgspec import Meta, Raw, Struct

from application.access.authenticate import MAX_TOKEN, Claims, TokenVerifier
from domain.errors import Unauthenticated
from domain.times import SECOND

_RSA = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
_CURVES = {"ES256", "ES384", "ES512", "EdDSA", "Ed25519"}
ALGORITHMS: Mapping[str, JWSAlgModel] = {
    model.name: model for model in JWS_ALGORITHMS if model.name in _RSA | _CURVES
}
"""The signature algorithms that can be configured, by their JOSE name; all asymmetric."""

_LEEWAY_US = 60 * SECOND
_TYPES = frozenset({"jwt", "at+jwt", "application/jwt", "application/at+jwt"})
_NumericDate = Annotated[float, Meta(ge=0, le=253_402_300_799)]  # to the end of year 9999


class _Header(Struct):
    alg: str
    kid: str | None = None
    typ: str = "JWT"
    crit: Raw = Raw()


class _Issuer(Struct):
    iss: str


class _Payload(Struct):
    iss: str
    sub: Annotated[str, Meta(min_length=1, max_length=255)]
    aud: str | list[str]
    exp: _NumericDate
    tenants: list[str] = []
    roles: list[str] = []
    nbf: _NumericDate | None = None
    iat: _NumericDate | None = None


class SignedToken(Struct, frozen=True):
    """A token taken apart. Nothing of it is trustworthy before `check_signature`."""

    alg: str
    kid: str | None
    payload: bytes
    signing_input: bytes
    signature: bytes


def read_token(token: str) -> SignedToken:
    """Take a compact JWS apart. Raises Unauthenticated when it is none, or over MAX_TOKEN."""
    if len(token) > MAX_TOKEN:
        raise Unauthenticated(f"The token is longer than {MAX_TOKEN} characters.")
    try:
        head, body, signature = token.encode("ascii").split(b".")
        header = msgspec.json.decode(urlsafe_b64decode(head), type=_Header)
        payload, signed = urlsafe_b64decode(body), urlsafe_b64decode(signature)
    except (ValueError, RecursionError):
        raise Unauthenticated("The token is not a signed JSON Web Token.") from None
    if bytes(header.crit) or header.typ.lower() not in _TYPES:
        raise Unauthenticated("The token is of a kind that is not accepted here.")
    return SignedToken(header.alg, header.kid, payload, head + b"." + body, signed)


def issuer_of(token: SignedToken) -> str:
    """The issuer that a token names, unverified: good for choosing a verifier, no more."""
    try:
        return msgspec.json.decode(token.payload, type=_Issuer).iss
    except (ValueError, RecursionError):
        raise Unauthenticated("The token names no issuer.") from None


def check_algorithm(token: SignedToken, allowed: Collection[str]) -> JWSAlgModel:
    """The token's algorithm, if it is one of `allowed` (names in ALGORITHMS)."""
    if token.alg not in allowed or token.alg not in ALGORITHMS:
        raise Unauthenticated("The token is signed with an algorithm that is not accepted.")
    return ALGORITHMS[token.alg]


def fits(key: Key, algorithm: JWSAlgModel) -> bool:
    """Whether a key's type, curve, `use` and `alg` let it be used with this algorithm."""
    try:
        algorithm.check_key(key)
    except JoseError:
        return False
    return True


def check_signature(token: SignedToken, key: Key, algorithm: JWSAlgModel) -> None:
    """Raise Unauthenticated unless `key` signed the token with `algorithm`."""
    try:
        algorithm.check_key(key)
        valid = algorithm.verify(token.signing_input, token.signature, key)
    except JoseError:
        valid = False
    if not valid:
        raise Unauthenticated("The token's signature does not hold.")


def read_claims(payload: bytes, issuer: str, audience: str, now_us: int) -> Claims:
    """The claims of a payload whose signature holds.

    `exp` is taken exactly; `nbf` and `iat` may lie 60 s ahead, for clocks that differ. Without
    `tenants` or `roles` the token holds none. Raises Unauthenticated.
    """
    try:
        claims = msgspec.json.decode(payload, type=_Payload)
    except msgspec.ValidationError as error:
        raise Unauthenticated(f"The token's claims are not valid: {error}.") from None
    except (ValueError, RecursionError):
        raise Unauthenticated("The token's claims are not valid JSON.") from None
    if claims.iss != issuer:
        raise Unauthenticated("The token comes from another issuer.")
    if audience not in ([claims.aud] if isinstance(claims.aud, str) else claims.aud):
        raise Unauthenticated("The token is meant for another audience.")
    if not claims.sub.isprintable():
        raise Unauthenticated("The token's subject holds characters that are not accepted.")
    expires_us = int(claims.exp * SECOND)
    if now_us >= expires_us:
        raise Unauthenticated("The token has expired.")
    if max(claims.nbf or 0, claims.iat or 0) * SECOND > now_us + _LEEWAY_US:
        raise Unauthenticated("The token is not valid yet.")
    return Claims(claims.sub, tuple(claims.tenants), frozenset(claims.roles), expires_us)


class VerifierByIssuer:
    """Gives each token to the verifier of the issuer that it names; the verifier checks that."""

    def __init__(self, verifiers: Mapping[str, TokenVerifier]) -> None:
        self._verifiers = dict(verifiers)

    async def verify(self, token: str) -> Claims:
        verifier = self._verifiers.get(issuer_of(read_token(token)))
        if verifier is None:
            raise Unauthenticated("The token comes from an issuer that is not known here.")
        return await verifier.verify(token)
