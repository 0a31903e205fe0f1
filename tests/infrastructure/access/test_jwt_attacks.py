"""Every attack of `attacks.py` is refused, and what looks like one but is none holds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from joserfc.util import urlsafe_b64decode

from domain.errors import Unauthenticated
from tests.infrastructure.access.attacks import ATTACKS
from tests.infrastructure.access.conftest import NOW
from tests.infrastructure.access.forging import (
    CLAIMS,
    MINE,
    ORDER,
    SECOND,
    SECOND_EC,
    claiming,
    headed,
    numbers,
    public,
    token,
)
from tests.infrastructure.access.three_issuers import ThreeIssuers, three_issuers

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def issuers(
    anyio_backend: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ThreeIssuers]:
    data_dir: Path = tmp_path_factory.mktemp("issuers")
    async with three_issuers(data_dir, lambda: NOW * 1_000_000) as issuers:
        yield issuers


@pytest.mark.parametrize("attack", ATTACKS)
async def test_an_attack_is_refused_and_not_repeated(issuers: ThreeIssuers, attack: str) -> None:
    bad = ATTACKS[attack]()
    with pytest.raises(Unauthenticated) as refused:
        await issuers.verifier.verify(bad)
    told = f"{refused.value} {refused.value.__cause__}"
    assert not any(part in told for part in bad.split(".") if part)
    assert "example.com" not in told
    # No time passes: all attacks together may have the keys of each issuer fetched once.
    assert max(issuers.first.asked, issuers.second.asked) <= 1


def _other_half(good: str) -> str:
    """The second signature that anybody can make of an ECDSA signature: it holds as well."""
    head, body, signed = good.split(".")
    raw = urlsafe_b64decode(signed.encode())
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    return f"{head}.{body}.{numbers(r, ORDER - s).rpartition('.')[2]}"


@pytest.mark.parametrize(
    "make",
    [
        token,
        lambda: _other_half(token()),
        lambda: headed(jku="https://evil.example.com/jwks", x5u="https://evil.example.com/"),
        lambda: headed(jwk=public(MINE), x5c=["MIIB"], x5t="AAAA"),
        lambda: headed(typ="at+jwt", cty="json"),
        lambda: token({"alg": "ES256"}),
        lambda: claiming(aud=["billing", "history"], nbf=CLAIMS["iat"] + 60, uid=2**63),
    ],
    ids=["plain", "malleated", "urls", "foreign key", "kind", "no id", "claims"],
)
async def test_what_its_issuer_signed_holds(issuers: ThreeIssuers, make: Callable[[], str]) -> None:
    known = await issuers.verifier.verify(make())
    assert (known.subject, known.tenants) == ("anna-maria", ("acme",))
    assert known.roles == {"support"}
    assert known.expires_us == CLAIMS["exp"] * 1_000_000


async def test_each_issuer_holds_by_its_own_key(issuers: ThreeIssuers) -> None:
    second = token(payload={**CLAIMS, "iss": SECOND, "aud": "second"}, key=SECOND_EC)
    for good in (token(), second, issuers.local.mint("anna-maria", ["acme"], [], 60)):
        assert (await issuers.verifier.verify(good)).subject == "anna-maria"
    assert (issuers.first.asked, issuers.second.asked) == (1, 1)
