"""Tokens of the local issuer: what is minted holds, and which attacks are refused."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import OKPKey
from joserfc.util import urlsafe_b64decode, urlsafe_b64encode

from application.access.authenticate import MAX_TOKEN
from domain.errors import Invalid, Unauthenticated
from infrastructure.access.local_issuer import LocalIssuer
from infrastructure.access.tokens import VerifierByIssuer
from tests.infrastructure.access.conftest import NOW, Forge

pytestmark = pytest.mark.anyio


async def test_what_is_minted_is_verified(issuer: LocalIssuer) -> None:
    claims = await issuer.verify(issuer.mint("anna", ["acme", "globex"], ["support"], 60))
    assert claims.subject == "anna"
    assert claims.tenants == ("acme", "globex")
    assert claims.roles == {"support"}
    assert claims.expires_us == (NOW + 60) * 1_000_000


async def test_another_process_knows_the_tokens(
    issuer: LocalIssuer, tmp_path: Path, clock: Callable[[], int]
) -> None:
    token = issuer.mint("anna", ["acme"], ["support"], 60)
    assert (await LocalIssuer(tmp_path, clock).verify(token)).subject == "anna"


async def test_another_directory_does_not(
    issuer: LocalIssuer, tmp_path: Path, clock: Callable[[], int]
) -> None:
    token = LocalIssuer(tmp_path / "other", clock).mint("anna", ["acme"], ["admin"], 60)
    with pytest.raises(Unauthenticated):
        await issuer.verify(token)


async def test_expiry_is_exact(issuer: LocalIssuer, clock: Any) -> None:
    token = issuer.mint("anna", ["acme"], ["support"], 60)
    clock.seconds += 59
    await issuer.verify(token)
    clock.seconds += 1
    with pytest.raises(Unauthenticated, match="expired"):
        await issuer.verify(token)


@pytest.mark.parametrize(
    ("subject", "tenants", "ttl"),
    [
        ("", ["acme"], 60),
        ("a" * 256, ["acme"], 60),
        ("an\nna", ["acme"], 60),
        ("order-history", ["acme"], 60),
        ("anna", [], 60),
        ("anna", ["acme", "*"], 60),
        ("anna", ["acme"], 0),
        ("anna", ["acme"], -1),
        ("anna", ["acme"], 10**12),
    ],
)
def test_no_token_is_minted_that_would_be_refused(
    issuer: LocalIssuer, subject: str, tenants: list[str], ttl: int
) -> None:
    with pytest.raises(Invalid):
        issuer.mint(subject, tenants, ["support"], ttl)


# -- attacks ---------------------------------------------------------------------------------------


async def test_the_forger_of_these_tests_can_make_a_good_token(
    issuer: LocalIssuer, forge: Forge, good: dict[str, Any]
) -> None:
    header = {"alg": "Ed25519", "kid": issuer.key.kid}
    assert (await issuer.verify(forge(header, good, issuer.key, "Ed25519"))).subject == "anna"


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "", "HS256", "ed25519", "EdDSA", "ES256"])
async def test_other_algorithms_are_refused(
    issuer: LocalIssuer, forge: Forge, good: dict[str, Any], alg: str
) -> None:
    header = {"alg": alg, "kid": issuer.key.kid}
    for token in (forge(header, good, issuer.key, "Ed25519"), forge(header, good, None, "none")):
        with pytest.raises(Unauthenticated):
            await issuer.verify(token)


async def test_an_hmac_with_the_public_key_is_refused(
    issuer: LocalIssuer, forge: Forge, good: dict[str, Any]
) -> None:
    public = issuer.key.as_dict(private=False)
    pem, raw = issuer.key.as_pem(private=False), urlsafe_b64decode(str(public["x"]).encode())
    header = {"alg": "HS256", "kid": issuer.key.kid}
    unsigned = forge(header, good, None, "none").removesuffix(".")
    for secret in (json.dumps(public).encode(), str(public["x"]).encode(), pem, raw):
        mac = urlsafe_b64encode(hmac.digest(secret, unsigned.encode(), "sha256")).decode()
        with pytest.raises(Unauthenticated, match="algorithm"):
            await issuer.verify(f"{unsigned}.{mac}")


async def test_a_key_that_the_token_brings_along_is_not_used(
    issuer: LocalIssuer, forge: Forge, good: dict[str, Any]
) -> None:
    mine = OKPKey.generate_key("Ed25519", auto_kid=True)
    for kid in (issuer.key.kid, mine.kid, None):
        header = {"alg": "Ed25519", "kid": kid, "jwk": mine.as_dict(private=False)}
        with pytest.raises(Unauthenticated):
            await issuer.verify(forge(header, good, mine, "Ed25519"))


@pytest.mark.parametrize("kid", [None, "", "another", "../issuer.json"])
async def test_a_token_must_name_the_key(
    issuer: LocalIssuer, forge: Forge, good: dict[str, Any], kid: str | None
) -> None:
    with pytest.raises(Unauthenticated, match="key"):
        await issuer.verify(forge({"alg": "Ed25519", "kid": kid}, good, issuer.key, "Ed25519"))


@pytest.mark.parametrize(
    "more", [{"crit": ["b64"], "b64": False}, {"crit": []}, {"crit": None}, {"typ": "x+jwt"}]
)
async def test_headers_that_change_what_a_token_is_are_refused(
    issuer: LocalIssuer, forge: Forge, good: dict[str, Any], more: dict[str, Any]
) -> None:
    header = {"alg": "Ed25519", "kid": issuer.key.kid, **more}
    with pytest.raises(Unauthenticated, match="kind"):
        await issuer.verify(forge(header, good, issuer.key, "Ed25519"))


async def test_no_byte_of_a_token_can_be_changed(issuer: LocalIssuer) -> None:
    token = issuer.mint("anna", ["acme"], ["support"], 60)
    for index, char in enumerate(token):
        tampered = token[:index] + ("A" if char != "A" else "B") + token[index + 1 :]
        with pytest.raises(Unauthenticated):
            await issuer.verify(tampered)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"iss": "someone"}, "issuer"),
        ({"aud": "another-service"}, "audience"),
        ({"aud": []}, "audience"),
        ({"aud": ["order-history2", "order"]}, "audience"),
        ({"exp": NOW}, "expired"),
        ({"exp": NOW - 1}, "expired"),
        ({"exp": 0}, "expired"),
        ({"nbf": NOW + 61}, "not valid yet"),
        ({"iat": NOW + 61}, "not valid yet"),
        ({"exp": None}, "claims"),
        ({"exp": str(NOW + 60)}, "claims"),
        ({"exp": True}, "claims"),
        ({"exp": 10**15}, "claims"),
        ({"exp": 10**400}, "claims"),
        ({"exp": -1}, "claims"),
        ({"nbf": "soon"}, "claims"),
        ({"sub": ""}, "claims"),
        ({"sub": 7}, "claims"),
        ({"sub": "x" * 256}, "claims"),
        ({"sub": "an\nna"}, "subject"),
        ({"sub": "an\u202ena"}, "subject"),
        ({"sub": "order-history"}, "the service itself"),
        ({"tenants": "acme"}, "claims"),
        ({"tenants": None}, "claims"),
        ({"tenants": {"acme": 1}}, "claims"),
        ({"tenants": [["acme"]]}, "claims"),
        ({"roles": "admin"}, "claims"),
        ({"roles": [1]}, "claims"),
        ({"iss": ["order-history"]}, "claims"),
    ],
)
async def test_claims_that_do_not_hold(
    issuer: LocalIssuer, forge: Forge, good: dict[str, Any], change: dict[str, Any], said: str
) -> None:
    header = {"alg": "Ed25519", "kid": issuer.key.kid}
    with pytest.raises(Unauthenticated, match=said):
        await issuer.verify(forge(header, good | change, issuer.key, "Ed25519"))


@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "exp"])
async def test_claims_that_must_be_there(
    issuer: LocalIssuer, forge: Forge, good: dict[str, Any], claim: str
) -> None:
    del good[claim]
    token = forge({"alg": "Ed25519", "kid": issuer.key.kid}, good, issuer.key, "Ed25519")
    with pytest.raises(Unauthenticated, match=claim):
        await issuer.verify(token)


async def test_clocks_may_differ_by_a_minute(
    issuer: LocalIssuer, forge: Forge, good: dict[str, Any]
) -> None:
    header = {"alg": "Ed25519", "kid": issuer.key.kid, "typ": "at+JWT"}
    early = good | {"nbf": NOW + 60, "iat": NOW + 60.0, "aud": ["x", "order-history"]}
    assert (await issuer.verify(forge(header, early, issuer.key, "Ed25519"))).subject == "anna"


async def test_without_tenants_and_roles_a_token_holds_none(
    issuer: LocalIssuer, forge: Forge, good: dict[str, Any]
) -> None:
    del good["tenants"], good["roles"]
    header = {"alg": "Ed25519", "kid": issuer.key.kid}
    claims = await issuer.verify(forge(header, good, issuer.key, "Ed25519"))
    assert (claims.tenants, claims.roles) == ((), frozenset())


@pytest.mark.parametrize(
    "payload",
    [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b'{"x":' + b"[" * 9_000, b'{"sub":"\\ud800"}'],
)
async def test_signed_rubbish(issuer: LocalIssuer, forge: Forge, payload: bytes) -> None:
    token = forge({"alg": "Ed25519", "kid": issuer.key.kid}, payload, issuer.key, "Ed25519")
    for verifier in (issuer, VerifierByIssuer({"order-history": issuer})):
        with pytest.raises(Unauthenticated):
            await verifier.verify(token)


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "\ud800.\ud800.\ud800",
        "\uff45\uff59\uff2a.\uff45\uff59\uff2a.",
        "\x00.\x00.\x00",
        "null.null.null",
        "e30.e30.e30",
        "W10.e30.",
        "eyJhbGciOjF9.e30.",
        "eyJhbGciOiJFZDI1NTE5In0=.e30=.",
        "W1tb" * 4_000 + ".e30.",
    ],
)
async def test_rubbish(issuer: LocalIssuer, token: str) -> None:
    for verifier in (issuer, VerifierByIssuer({"order-history": issuer})):
        with pytest.raises(Unauthenticated):
            await verifier.verify(token)


async def test_a_huge_token_is_refused_before_it_is_parsed(
    issuer: LocalIssuer, forge: Forge, good: dict[str, Any]
) -> None:
    header = {"alg": "Ed25519", "kid": issuer.key.kid}
    token = forge(header, good | {"padding": "x" * MAX_TOKEN}, issuer.key, "Ed25519")
    with pytest.raises(Unauthenticated, match="longer"):
        await issuer.verify(token)


async def test_no_refusal_quotes_the_token(
    issuer: LocalIssuer, forge: Forge, good: dict[str, Any]
) -> None:
    header = {"alg": "Ed25519", "kid": issuer.key.kid}
    for change in ({"exp": 1}, {"roles": "s3cret"}, {"aud": "s3cret"}, {"iss": "s3cret"}):
        token = forge(header, {**good, **change}, issuer.key, "Ed25519")
        for bad in (token, token[:-4] + "AAAA", token.replace(".", "!")):
            with pytest.raises(Unauthenticated) as refused:
                await issuer.verify(bad)
            text = f"{refused.value} {refused.value.__cause__}"
            assert "s3cret" not in text
            assert not any(part in text for part in bad.split("."))
