from __future__ import annotations

import pytest

from interfaces.http.health import State, Subsystem
from interfaces.http.services import Services
from tests.interfaces.http.conftest import Open, StatedHealth

pytestmark = pytest.mark.anyio

HEALTH = "/v1/order-history/health"


async def test_the_process_answers_without_a_token(open_client: Open, services: Services) -> None:
    async with open_client() as client:
        del client.headers["Authorization"]
        well = await client.get("/healthz")
        services.stopping.set()
        stopping = await client.get("/healthz")
    assert (well.status_code, well.json()) == (200, {"status": "ok"})
    assert (stopping.status_code, stopping.json()) == (503, {"status": "stopping"})


@pytest.mark.parametrize(
    ("store", "projections", "status", "overall"),
    [
        ("ok", "ok", 200, "ok"),
        ("ok", "degraded", 200, "degraded"),
        ("degraded", "ok", 200, "degraded"),
        ("ok", "down", 200, "down"),
        ("down", "ok", 503, "down"),
    ],
)
async def test_only_a_store_that_is_down_is_503(
    open_client: Open,
    health: StatedHealth,
    store: State,
    projections: State,
    status: int,
    overall: str,
) -> None:
    health.subsystems = {
        "store": Subsystem(store),
        "projections": Subsystem(projections, "orders is 1200 events behind"),
    }
    async with open_client() as client:
        answer = await client.get(HEALTH)
    assert answer.status_code == status
    assert answer.json()["status"] == overall
    assert answer.json()["subsystems"]["projections"] == {
        "status": projections,
        "reason": "orders is 1200 events behind",
    }


async def test_a_check_that_says_nothing_of_the_store_is_503(
    open_client: Open, health: StatedHealth
) -> None:
    health.subsystems = {"jobs": Subsystem("ok")}
    async with open_client() as client:
        assert (await client.get(HEALTH)).status_code == 503


async def test_the_subsystems_need_a_right(open_client: Open) -> None:
    async with open_client() as client:
        none = await client.get(HEALTH, headers={"Authorization": "Bearer events.read"})
        del client.headers["Authorization"]
        nobody = await client.get(HEALTH)
    assert (none.status_code, nobody.status_code) == (403, 401)
