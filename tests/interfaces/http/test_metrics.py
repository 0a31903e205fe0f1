from __future__ import annotations

from typing import Any, cast

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from interfaces.http.app import create_app
from interfaces.http.services import Services

pytestmark = pytest.mark.anyio

LOCAL, GUARDED = "/metrics", "/v1/order-history/metrics"


async def ask(
    services: Services, path: str, peer: str | None = "127.0.0.1", **headers: str
) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    transport = httpx.ASGITransport(
        cast(Any, create_app(services)), client=cast(Any, peer and (peer, 50000))
    )
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.get(path, headers=named)


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
async def test_this_machine_needs_no_token(services: Services, peer: str) -> None:
    answer = await ask(services, LOCAL, peer)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    (family,) = text_string_to_metric_families(answer.text)
    assert family.name == "order_history_things"


@pytest.mark.parametrize("peer", ["192.0.2.1", "10.0.0.1", "::ffff:192.0.2.1", "2001:db8::1", None])
async def test_another_machine_finds_nothing_there(services: Services, peer: str | None) -> None:
    answer = await ask(services, LOCAL, peer)
    assert answer.status_code == 404
    assert "order_history" not in answer.text


@pytest.mark.parametrize("header", ["X_Forwarded_For", "Forwarded", "X_Real_IP", "Via"])
async def test_nor_does_who_comes_through_a_proxy(services: Services, header: str) -> None:
    assert (await ask(services, LOCAL, **{header: "127.0.0.1"})).status_code == 404


async def test_a_header_makes_nobody_local(services: Services) -> None:
    answer = await ask(services, LOCAL, "192.0.2.1", Host="localhost", X_Client="127.0.0.1")
    assert answer.status_code == 404


async def test_the_local_path_can_be_switched_off(services: Services) -> None:
    services.open_metrics = False
    assert (await ask(services, LOCAL)).status_code == 404
    allowed = await ask(services, GUARDED, Authorization="Bearer metrics.read")
    assert allowed.status_code == 200


async def test_elsewhere_a_token_with_the_right_is_needed(services: Services) -> None:
    right = {"Authorization": "Bearer metrics.read"}
    wrong = {"Authorization": "Bearer events.read"}
    assert (await ask(services, GUARDED, "192.0.2.1", **right)).status_code == 200
    assert (await ask(services, GUARDED, **wrong)).status_code == 403
    assert (await ask(services, GUARDED)).status_code == 401
