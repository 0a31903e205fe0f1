"""JSON Web Tokens (RFC 7515, 7519, 8725): framing, signature, claims.

The key is always chosen by this service, never by the token: `jwk`, `jku`, `x5c` and `x5u` in a
header are not looked at, and an algorithm that is not in ALGORITHMS (`none`, HMAC) does not exist
here. A token has one spelling and one reading: base64url is canonical, without padding, and no
JSON object in it has a key twice. No message quotes a token.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Protocol

import msgspec
from joserfc.errors import JoseError
from joserfc.jwa import JWS_ALGORITHMS, JWSAlgModel
from joserfc.jwk import Key
from joserfc.util import urlsafe_b64decode
from msgspec import Meta, Struct, ValidationError

from application.access.authenticate import MAX_TOKEN, Claims
from domain.access.caller import SERVICE
from domain.errors import Unauthenticated
from domain.times import SECOND

_RSA = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
_CURVES = {"ES256", "ES384", "ES512", "EdDSA", "Ed25519"}
ALGORITHMS: Mapping[str, JWSAlgModel] = {
    model.name: model for model in JWS_ALGORITHMS if model.name in _RSA | _CURVES
}
"""The signature algorithms that can be configured, by their JOSE name; all asymmetric."""

_LEEWAY_SECONDS = 60
_TYPES = frozenset({"jwt", "at+jwt", "application/jwt", "application/at+jwt"})
_NumericDate = Annotated[float, Meta(ge=0, le=253_402_300_799)]  # to the end of year 9999


class Issuer(Struct, frozen=True):
    """What the tokens of one issuer must be to hold.

    name: their `iss`. audiences: of which `aud` must name one. algorithms: names in ALGORITHMS.
    tenants_claim, roles_claim: where the lists are, as the names that lead there. leeway: seconds
    by which its clock and ours may differ, of `exp`, `nbf` and `iat` alike; None: `exp` is taken
    exactly, `nbf` and `iat` may lie 60 s ahead.
    """

    name: str
    audiences: tuple[str, ...]
    algorithms: tuple[str, ...]
    tenants_claim: tuple[str, ...] = ("tenants",)
    roles_claim: tuple[str, ...] = ("roles",)
    leeway: int | None = None


class _Header(Struct):
    alg: str
    kid: str | None = None
    typ: str = "JWT"


class _Payload(Struct):
    iss: str
    sub: Annotated[str, Meta(min_length=1, max_length=255)]
    aud: str | list[str]
    exp: _NumericDate
    nbf: _NumericDate | None = None
    iat: _NumericDate | None = None


class SignedToken(Struct, frozen=True):
    """A token taken apart. Nothing of it is trustworthy before `check_signature`."""

    alg: str
    kid: str | None
    payload: dict[str, Any]
    signing_input: bytes
    signature: bytes


def read_token(token: str) -> SignedToken:
    """Take a compact JWS apart. Raises Unauthenticated when it is none, or over MAX_TOKEN."""
    if len(token) > MAX_TOKEN:
        raise Unauthenticated(f"The token is longer than {MAX_TOKEN} characters.")
    try:
        head, body, signature = token.encode("ascii").split(b".")
        members = _read_object(head)
        header = msgspec.convert(members, _Header)
        payload, signed = _read_object(body), urlsafe_b64decode(signature)
    except (ValueError, RecursionError):
        raise Unauthenticated("The token is not a signed JSON Web Token.") from None
    # `b64` is refused though `crit` should name it (RFC 7797): readers differ on what is signed.
    if members.keys() & {"crit", "b64"} or header.typ.lower() not in _TYPES:
        raise Unauthenticated("The token is of a kind that is not accepted here.")
    return SignedToken(header.alg, header.kid, payload, head + b"." + body, signed)


def _read_object(part: bytes) -> dict[str, Any]:
    """The JSON object in a part of a token. Raises ValueError when there is none, or a key comes
    twice, at any depth: of the two, some readers take the first and some the last."""
    raw = urlsafe_b64decode(part)
    decoded = msgspec.json.decode(raw, type=dict[str, Any])
    _STRICT.decode(raw.decode())
    return decoded


def _refuse_twice(members: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in members}) != len(members):
        raise ValueError("a key comes twice")


_STRICT = json.JSONDecoder(object_pairs_hook=_refuse_twice)


def issuer_of(token: SignedToken) -> str:
    """The issuer that a token names, unverified: good for choosing a verifier, no more."""
    issuer = token.payload.get("iss")
    if not isinstance(issuer, str):
        raise Unauthenticated("The token names no issuer.")
    return issuer


def check_algorithm(token: SignedToken, issuer: Issuer) -> JWSAlgModel:
    """The token's algorithm, if it is one of the issuer's. Raises Unauthenticated."""
    if token.alg not in issuer.algorithms or token.alg not in ALGORITHMS:
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


def read_claims(payload: dict[str, Any], issuer: Issuer, now_us: int) -> Claims:
    """The claims of a payload whose signature holds, if they are what the issuer's must be.

    Without tenants or roles the token holds none. Raises Unauthenticated.
    """
    try:
        claims = msgspec.convert(payload, _Payload)
    except ValidationError as error:
        raise Unauthenticated(f"The token's claims are not valid: {error}.") from None
    if claims.iss != issuer.name:
        raise Unauthenticated("The token comes from another issuer.")
    audiences = {claims.aud} if isinstance(claims.aud, str) else set(claims.aud)
    if audiences.isdisjoint(issuer.audiences):
        raise Unauthenticated("The token is meant for another audience.")
    if claims.sub == SERVICE:
        raise Unauthenticated("The token's subject is that of the service itself.")
    if not claims.sub.isprintable():
        raise Unauthenticated("The token's subject holds characters that are not accepted.")
    expires_us = int(claims.exp * SECOND) + (issuer.leeway or 0) * SECOND
    if now_us >= expires_us:
        raise Unauthenticated("The token has expired.")
    ahead = _LEEWAY_SECONDS if issuer.leeway is None else issuer.leeway
    if max(claims.nbf or 0, claims.iat or 0) * SECOND > now_us + ahead * SECOND:
        raise Unauthenticated("The token is not valid yet.")
    tenants, roles = _listed(payload, issuer.tenants_claim), _listed(payload, issuer.roles_claim)
    return Claims(claims.sub, tenants, frozenset(roles), expires_us)


def _listed(payload: dict[str, Any], names: tuple[str, ...]) -> tuple[str, ...]:
    """The strings of the list that the names lead to; none if it is not there."""
    found: Any = payload
    try:
        for name in names:
            found = msgspec.convert(found, dict[str, Any])
            if name not in found:
                return ()
            found = found[name]
        return msgspec.convert(found, tuple[str, ...])
    except ValidationError as error:
        where = ".".join(names)
        raise Unauthenticated(f"The token's claims are not valid: {where}: {error}.") from None


class IssuerVerifier(Protocol):
    """Checks tokens as those of one issuer."""

    async def verify_signed(self, signed: SignedToken) -> Claims:
        """As `TokenVerifier.verify`, of a token that was taken apart."""
        ...


class VerifierByIssuer:
    """Gives each token to the verifier of the issuer that it names; the verifier checks that."""

    def __init__(self, verifiers: Mapping[str, IssuerVerifier]) -> None:
        self._verifiers = dict(verifiers)

    async def verify(self, token: str) -> Claims:
        signed = read_token(token)
        verifier = self._verifiers.get(issuer_of(signed))
        if verifier is None:
            raise Unauthenticated("The token comes from an issuer that is not known here.")
        return await verifier.verify_signed(signed)
