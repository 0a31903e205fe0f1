"""Tokens over HTTP, with the real verifiers: the attacks are 401, and many of them 429."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar.types import ASGIApp

from application.access.authenticate import Authenticator
from domain.access.permissions import Permission
from interfaces.http.answers import json_answer
from interfaces.http.app import create_app
from interfaces.http.caller import ApiRequest
from interfaces.http.endpoint import endpoint
from interfaces.http.services import Services
from tests.application.access.stored import HeldKeys, Served, StoredRoles
from tests.infrastructure.access.attacks import ATTACKS
from tests.infrastructure.access.conftest import NOW
from tests.infrastructure.access.forging import claiming, token
from tests.infrastructure.access.three_issuers import ThreeIssuers, three_issuers

pytestmark = pytest.mark.anyio

PATH = "/v1/order-history/who"


@endpoint("GET", "/who", permission=Permission.ORDERS_READ, summary="x", tag="x", replies={})
async def who(request: ApiRequest) -> ASGIApp:
    return json_answer(request.caller.tenant_id.encode())


def now_us() -> int:
    return NOW * 1_000_000


@pytest.fixture
async def issuers(tmp_path: Path) -> AsyncIterator[ThreeIssuers]:
    async with three_issuers(tmp_path, now_us) as issuers:
        yield issuers


class Asker:
    """Asks as a caller of one address."""

    def __init__(self, app: Any, host: str) -> None:
        transport = httpx.ASGITransport(app, client=(host, 1024), raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://test")

    async def ask(self, bearer: str, tenant: str | None = None) -> httpx.Response:
        headers = [(b"Authorization", b"Bearer " + bearer.encode())]
        if tenant is not None:
            headers.append((b"X-Tenant-ID", tenant.encode()))
        return await self._client.get(PATH, headers=headers)


def app_with(services: Services, issuers: ThreeIssuers, failures: int) -> Any:
    services.authenticator = Authenticator(
        issuers.verifier, StoredRoles(), HeldKeys(), Served(), now_us, failures=failures
    )
    return create_app(services, (who,))


async def test_every_attack_is_401_and_says_nothing_of_the_token(
    services: Services, issuers: ThreeIssuers
) -> None:
    asker = Asker(app_with(services, issuers, failures=0), "203.0.113.7")
    assert (await asker.ask(token())).text == "acme"
    for attack, make in ATTACKS.items():
        bad = make()
        answer = await asker.ask(bad)
        assert answer.status_code == 401, attack
        assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
        assert answer.json()["type"] == "/problems/unauthenticated"
        assert not any(part in answer.json()["detail"] for part in bad.split(".") if part), attack
    assert (await asker.ask(token())).text == "acme"


async def test_a_foreign_tenant_is_403(services: Services, issuers: ThreeIssuers) -> None:
    asker = Asker(app_with(services, issuers, failures=1), "203.0.113.7")
    for bearer, tenant in (
        (token(), "globex"),
        (token(), "ACME"),
        (claiming(tenants=[]), None),
        (claiming(tenants=["*"]), "*"),
        (claiming(roles=["Support", "superuser"]), None),
    ):
        answer = await asker.ask(bearer, tenant)
        assert (answer.status_code, "www-authenticate" in answer.headers) == (403, False)
    assert (await asker.ask(token())).text == "acme"


async def test_who_sends_many_is_429_and_keeps_no_neighbour_out(
    services: Services, issuers: ThreeIssuers
) -> None:
    app = app_with(services, issuers, failures=20)
    attacker, other = Asker(app, "2001:db8::bad"), Asker(app, "2001:db8:0:1::1")
    neighbour, met = Asker(app, "2001:db8::1"), token()
    assert (await neighbour.ask(met)).status_code == 200
    answers = [(await attacker.ask(f"bad{number}")).status_code for number in range(22)]
    assert answers == [401] * 20 + [429] * 2
    late = await neighbour.ask(claiming(sub="ben"))
    assert late.status_code == 429
    assert late.headers["retry-after"] == "60"
    assert late.headers["content-type"] == "application/problem+json"
    assert late.json()["type"] == "/problems/too-many-failures"
    assert (await neighbour.ask(met)).status_code == 200
    assert (await other.ask(claiming(sub="ben"))).status_code == 200
