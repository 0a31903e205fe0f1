"""Tokens of an issuer that publishes its keys: which hold, and which attacks are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey
from joserfc.util import urlsafe_b64encode
from msgspec.structs import replace

from domain.errors import Unauthenticated
from infrastructure.access.jwks import JwksVerifier
from infrastructure.access.local_issuer import LocalIssuer
from infrastructure.access.tokens import VerifierByIssuer
from tests.infrastructure.access.conftest import Forge
from tests.infrastructure.access.key_server import EC, ED, ISSUER, ISSUING, RSA, KeyServer

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("alg", "key"), [("RS256", RSA), ("ES256", EC), ("EdDSA", ED), ("Ed25519", ED)]
)
async def test_tokens_of_the_issuer_hold(
    verifier: JwksVerifier, forge: Forge, claims: dict[str, Any], alg: str, key: Key
) -> None:
    verified = await verifier.verify(forge({"alg": alg, "kid": key.kid}, claims, key, alg))
    assert (verified.subject, verified.tenants) == ("anna", ("acme",))


# -- attacks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("alg", ["none", "HS256", "HS512", "RS512", "PS256", "ES256K", "Ed448"])
async def test_algorithms_that_are_not_configured(
    verifier: JwksVerifier, server: KeyServer, forge: Forge, claims: dict[str, Any], alg: str
) -> None:
    token = forge({"alg": alg, "kid": "rsa"}, claims, RSA, "RS256")
    with pytest.raises(Unauthenticated, match="algorithm"):
        await verifier.verify(token)
    assert server.asked == 0


@pytest.mark.parametrize("algorithms", [(), ("none",), ("HS256",), ("RS256", "HS256"), ("rs256",)])
def test_algorithms_that_cannot_be_configured(
    clock: Callable[[], int], algorithms: tuple[str, ...]
) -> None:
    with pytest.raises(ValueError, match="algorithms"):
        JwksVerifier(replace(ISSUING, algorithms=algorithms), "https://login.example.com/k", clock)


async def test_a_published_secret_is_no_key(
    verifier: JwksVerifier, server: KeyServer, forge: Forge, claims: dict[str, Any]
) -> None:
    secret = OctKey.import_key(b"x" * 32, {"kid": "oct"})
    published = {"kty": "oct", "kid": "oct", "k": urlsafe_b64encode(b"x" * 32).decode()}
    server.body = json.dumps({"keys": [published]}).encode()
    for alg in ("HS256", "RS256", "EdDSA"):
        with pytest.raises(Unauthenticated):
            await verifier.verify(forge({"alg": alg, "kid": "oct"}, claims, secret, "HS256"))


@pytest.mark.parametrize(
    ("header", "key", "signed_as"),
    [
        ({"alg": "RS256", "kid": "ec"}, RSA, "RS256"),  # the key's type must match
        ({"alg": "ES256", "kid": "rsa"}, EC, "ES256"),
        ({"alg": "RS256", "kid": "rsa"}, RSAKey.generate_key(2048), "RS256"),  # another's key
        ({"alg": "ES256", "kid": "ec"}, EC, "none"),
        ({"alg": "ES256", "kid": "foreign"}, EC, "ES256"),
        ({"alg": "ES256", "kid": "../ec"}, EC, "ES256"),
    ],
)
async def test_keys_that_do_not_match(
    verifier: JwksVerifier,
    forge: Forge,
    claims: dict[str, Any],
    header: dict[str, Any],
    key: Key,
    signed_as: str,
) -> None:
    with pytest.raises(Unauthenticated):
        await verifier.verify(forge(header, claims, key, signed_as))


@pytest.mark.parametrize(
    "published",
    [
        RSAKey.generate_key(2048, {"kid": "k", "use": "enc"}).as_dict(private=False),
        RSAKey.generate_key(2048, {"kid": "k", "alg": "RS512"}).as_dict(private=False),
        RSAKey.generate_key(2048, {"kid": "k"}).as_dict(private=True),
        {"kty": "RSA", "kid": "k", "n": "!", "e": "AQAB"},
        {"kty": "RSA", "kid": "k", "n": 7, "e": []},
        {"kty": "EC", "kid": "k", "crv": "P-256", "x": "AAAA", "y": "AAAA"},
        {"kty": "EC", "kid": "k", "crv": "P-1", "x": "AAAA", "y": "AAAA"},
        {"kty": "OKP", "kid": "k", "crv": "Ed25519", "x": "AAAA"},
        {"kty": "RSA", "kid": "k", "n": "AQAB", "e": "AQAB", "use": "x", "key_ops": ["verify"]},
        {"kty": "AKP", "kid": "k"},
        {"kid": "k"},
        {"kty": ["RSA"], "kid": "k"},
    ],
)
async def test_a_key_that_cannot_be_used_is_left_out_and_the_others_serve(
    verifier: JwksVerifier,
    server: KeyServer,
    forge: Forge,
    claims: dict[str, Any],
    published: dict[str, Any],
) -> None:
    server.body = json.dumps({"keys": [published, ED.as_dict(private=False)]}).encode()
    token = forge({"alg": "EdDSA", "kid": "ed"}, claims, ED, "EdDSA")
    assert (await verifier.verify(token)).subject == "anna"
    with pytest.raises(Unauthenticated, match="publish"):
        await verifier.verify(forge({"alg": "RS256", "kid": "k"}, claims, RSA, "RS256"))


async def test_a_short_rsa_key_is_left_out(
    verifier: JwksVerifier, server: KeyServer, forge: Forge, claims: dict[str, Any]
) -> None:
    with pytest.warns(UserWarning, match="2048"):
        short = RSAKey.generate_key(1024, {"kid": "short"})
    server.publish(short)
    with pytest.raises(Unauthenticated, match="publish"):
        await verifier.verify(forge({"alg": "RS256", "kid": "short"}, claims, short, "RS256"))


async def test_an_exchange_key_signs_nothing(
    verifier: JwksVerifier, server: KeyServer, forge: Forge, claims: dict[str, Any]
) -> None:
    server.publish(OKPKey.generate_key("X25519", {"kid": "ed"}))
    with pytest.raises(Unauthenticated):
        await verifier.verify(forge({"alg": "EdDSA", "kid": "ed"}, claims, ED, "EdDSA"))


async def test_without_a_kid_the_only_key_that_fits_is_taken(
    verifier: JwksVerifier, server: KeyServer, forge: Forge, claims: dict[str, Any]
) -> None:
    token = forge({"alg": "ES256"}, claims, EC, "ES256")
    assert (await verifier.verify(token)).subject == "anna"


async def test_without_a_kid_and_with_two_that_fit_none_is_taken(
    verifier: JwksVerifier, server: KeyServer, forge: Forge, claims: dict[str, Any]
) -> None:
    server.publish(EC, ECKey.generate_key("P-256", {"kid": "ec2"}))
    with pytest.raises(Unauthenticated):
        await verifier.verify(forge({"alg": "ES256"}, claims, EC, "ES256"))


@pytest.mark.parametrize(
    "change", [{"iss": "order-history"}, {"aud": "order-history"}, {"exp": 1}, {"nbf": 2e9}]
)
async def test_claims_are_checked_too(
    verifier: JwksVerifier, forge: Forge, claims: dict[str, Any], change: dict[str, Any]
) -> None:
    with pytest.raises(Unauthenticated):
        await verifier.verify(forge({"alg": "ES256", "kid": "ec"}, claims | change, EC, "ES256"))


# -- both at once ----------------------------------------------------------------------------------


async def test_each_token_goes_to_its_issuers_verifier(
    verifier: JwksVerifier,
    server: KeyServer,
    forge: Forge,
    claims: dict[str, Any],
    tmp_path: Any,
    clock: Any,
) -> None:
    local = LocalIssuer(tmp_path, clock)
    both = VerifierByIssuer({"order-history": local, ISSUER: verifier})
    assert (await both.verify(local.mint("ben", ["acme"], [], 60))).subject == "ben"
    assert server.asked == 0
    header = {"alg": "Ed25519", "kid": "ed"}
    assert (await both.verify(forge(header, claims, ED, "Ed25519"))).subject == "anna"
    # A key of one issuer is worth nothing under the name of the other.
    swapped = forge(
        header, claims | {"iss": "order-history", "aud": "order-history"}, ED, "Ed25519"
    )
    with pytest.raises(Unauthenticated):
        await both.verify(swapped)
    as_local = {"alg": "Ed25519", "kid": local.key.kid}
    with pytest.raises(Unauthenticated):
        await both.verify(forge(as_local, claims, local.key, "Ed25519"))
    with pytest.raises(Unauthenticated, match="not known"):
        await both.verify(forge(header, claims | {"iss": "nobody"}, ED, "Ed25519"))
