"""Issuers that differ in their claims and clocks, and one that is slow beside others."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey
from msgspec.structs import replace

from application.access.authenticate import Authenticator
from domain.errors import Unauthenticated, Unavailable
from infrastructure.access import jwks
from infrastructure.access.jwks import JwksVerifier
from tests.application.access.stored import HeldKeys, Served, StoredRoles
from tests.infrastructure.access.conftest import NOW
from tests.infrastructure.access.forging import (
    CLAIMS,
    SECOND,
    SECOND_EC,
    claiming,
    headed,
    token,
)
from tests.infrastructure.access.key_server import ISSUING, KeyServer
from tests.infrastructure.access.three_issuers import ThreeIssuers, three_issuers

pytestmark = pytest.mark.anyio


@pytest.fixture
async def knowing(
    server: KeyServer, clock: Callable[[], int]
) -> AsyncIterator[Callable[..., JwksVerifier]]:
    """Makes verifiers of the issuer that `server` is, changed as said."""
    made: list[JwksVerifier] = []

    def make(**changed: Any) -> JwksVerifier:
        made.append(JwksVerifier(replace(ISSUING, **changed), server.url, clock))
        return made[-1]

    yield make
    for verifier in made:
        await verifier.aclose()


# -- claims ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "more"),
    [
        (("https://example.com/roles",), {"https://example.com/roles": ["auditor"]}),
        (("realm_access", "roles"), {"realm_access": {"roles": ["auditor"], "x": 1}}),
        (("a", "b.c", ""), {"a": {"b.c": {"": ["auditor"]}}}),
    ],
)
async def test_claims_may_have_other_names(
    knowing: Callable[..., JwksVerifier], names: tuple[str, ...], more: dict[str, Any]
) -> None:
    renamed = claiming(**more)
    roles = await knowing(roles_claim=names).verify(renamed)
    tenants = await knowing(tenants_claim=names).verify(renamed)
    assert (set(roles.roles), roles.tenants) == ({"auditor"}, ("acme",))
    assert (set(tenants.roles), tenants.tenants) == ({"support"}, ("auditor",))


@pytest.mark.parametrize("more", [{}, {"realm_access": {}}, {"realm_access.roles": ["admin"]}])
async def test_a_claim_that_is_not_there_gives_nothing(
    knowing: Callable[..., JwksVerifier], more: dict[str, Any]
) -> None:
    verifier = knowing(roles_claim=("realm_access", "roles"))
    assert (await verifier.verify(claiming(**more))).roles == frozenset()


@pytest.mark.parametrize(
    "found", [None, 7, "roles", ["roles"], {"roles": None}, {"roles": "admin"}, {"roles": [["x"]]}]
)
async def test_a_claim_of_another_shape_is_refused_and_named(
    knowing: Callable[..., JwksVerifier], found: Any
) -> None:
    verifier = knowing(roles_claim=("realm_access", "roles"))
    with pytest.raises(Unauthenticated, match=r"realm_access\.roles"):
        await verifier.verify(claiming(realm_access=found))


@pytest.mark.parametrize("aud", ["history", "order-history", ["x", "order-history"]])
async def test_one_of_several_audiences_is_enough(
    knowing: Callable[..., JwksVerifier], aud: Any
) -> None:
    verifier = knowing(audiences=("history", "order-history"))
    assert (await verifier.verify(claiming(aud=aud))).subject == CLAIMS["sub"]
    with pytest.raises(Unauthenticated, match="audience"):
        await verifier.verify(claiming(aud="history order-history"))


# -- clocks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("leeway", "late", "early"), [(None, 0, 60), (0, 0, 0), (60, 60, 60), (300, 300, 300)]
)
async def test_clocks_may_differ_as_far_as_is_said(
    knowing: Callable[..., JwksVerifier], leeway: int | None, late: int, early: int
) -> None:
    verifier = knowing(leeway=leeway)
    last = await verifier.verify(claiming(exp=NOW - late + 1))
    assert last.expires_us == (NOW + 1) * 1_000_000
    with pytest.raises(Unauthenticated, match="expired"):
        await verifier.verify(claiming(exp=NOW - late))
    for claim in ("nbf", "iat"):
        await verifier.verify(claiming(**{claim: NOW + early}))
        with pytest.raises(Unauthenticated, match="not valid yet"):
            await verifier.verify(claiming(**{claim: NOW + early + 1}))


# -- keys ------------------------------------------------------------------------------------------


async def test_what_is_known_of_a_token_is_known_as_long_as_its_key_may_serve(
    knowing: Callable[..., JwksVerifier], server: KeyServer, clock: Any
) -> None:
    verifier, good = knowing(), claiming(exp=NOW + 9_000)
    await verifier.verify(good)
    clock.seconds += 599
    assert (await verifier.verify(good)).known_until_us == (NOW + 600) * 1_000_000
    server.status = 500
    clock.seconds += 1
    assert (await verifier.verify(good)).known_until_us == (NOW + 3600) * 1_000_000
    server.status = 200
    clock.seconds += 5
    assert (await verifier.verify(good)).known_until_us == (NOW + 605 + 600) * 1_000_000


async def test_a_remembered_token_ends_with_its_key(
    knowing: Callable[..., JwksVerifier], server: KeyServer, clock: Any
) -> None:
    door = Authenticator(knowing(), StoredRoles(), HeldKeys(), Served(), clock)
    await door.authenticate(f"Bearer {token()}", None)
    server.publish()
    clock.seconds += 599
    header = f"Bearer {token()}"
    for _ in range(2):
        await door.authenticate(header, None)
    clock.seconds += 1
    with pytest.raises(Unauthenticated, match="publish"):
        await door.authenticate(header, None)


async def test_a_key_id_that_changes_hands_is_the_new_key_after_ten_minutes(
    knowing: Callable[..., JwksVerifier], server: KeyServer, clock: Any
) -> None:
    verifier, new = knowing(), ECKey.generate_key("P-256", {"kid": "ec"})
    await verifier.verify(token())
    server.publish(new)
    clock.seconds += 600
    assert (await verifier.verify(token(key=new))).subject == CLAIMS["sub"]
    with pytest.raises(Unauthenticated, match="signature"):
        await verifier.verify(token())


@pytest.fixture
async def issuers(
    tmp_path: Path, clock: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ThreeIssuers]:
    monkeypatch.setattr(jwks, "_TIMEOUT_SECONDS", 60.0)  # whoever waits here waits until let go
    async with three_issuers(tmp_path, clock) as issuers:
        yield issuers


def _tokens_of_others(issuers: ThreeIssuers) -> list[str]:
    second = token(payload={**CLAIMS, "iss": SECOND, "aud": "second"}, key=SECOND_EC)
    return [second, issuers.local.mint("anna", ["acme"], [], 60)]


async def test_who_waits_for_a_slow_issuer_keeps_nobody_else_waiting(
    issuers: ThreeIssuers, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await issuers.verifier.verify(token())
    let_go, write = threading.Event(), issuers.first.write

    def write_late(handler: BaseHTTPRequestHandler) -> None:
        let_go.wait(60)
        write(handler)

    monkeypatch.setattr(issuers.first, "write", write_late)
    clock.seconds += 30  # a key that nobody knows is asked for again
    waiting = [asyncio.ensure_future(issuers.verifier.verify(headed(kid="new"))) for _ in range(3)]
    try:
        while issuers.first.asked < 2:  # noqa: ASYNC110  # the server is a thread
            await asyncio.sleep(0.005)
        for good in (token(), claiming(sub="ben"), *_tokens_of_others(issuers)):
            await issuers.verifier.verify(good)
        assert not any(task.done() for task in waiting)
    finally:
        let_go.set()
        ends = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(end) for end in ends] == [Unauthenticated] * 3
    assert issuers.first.asked == 2


async def test_an_issuer_that_is_away_is_away_alone(issuers: ThreeIssuers) -> None:
    issuers.first.status = 500
    with pytest.raises(Unavailable):
        await issuers.verifier.verify(token())
    for good in _tokens_of_others(issuers):
        await issuers.verifier.verify(good)
