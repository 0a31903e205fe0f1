"""An application over services that answer at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import fields
from typing import Any

import pytest
from litestar.handlers import HTTPRouteHandler
from litestar.testing import AsyncTestClient

from domain.access.caller import Caller
from domain.access.permissions import Permission
from domain.errors import Forbidden, TokenMissing
from interfaces.http.app import API_HANDLERS, OrderHistoryApi, create_app
from interfaces.http.health import Subsystem
from interfaces.http.services import Services

Client = AsyncTestClient[OrderHistoryApi]
Open = Callable[..., AbstractAsyncContextManager[Client]]


class TokenIsRights:
    """The bearer token lists the rights, parted by commas."""

    async def authenticate(
        self, authorization: str | None, tenant: str | None, address: str | None
    ) -> Caller:
        if authorization is None or not authorization.startswith("Bearer "):
            raise TokenMissing
        if tenant not in (None, "acme"):
            raise Forbidden
        rights = [Permission(right) for right in authorization.removeprefix("Bearer ").split(",")]
        return Caller("tester", "acme", frozenset(), frozenset(rights), 2**60)


class Unlimited:
    """Of tenants without quotas."""

    async def admit(self, _tenant_id: str) -> None:
        """Whatever is asked."""


class StatedHealth:
    def __init__(self) -> None:
        self.subsystems: dict[str, Subsystem] = {"store": Subsystem("ok")}

    async def check(self) -> Mapping[str, Subsystem]:
        return self.subsystems


class StatedMetrics:
    async def text(self) -> bytes:
        return b"order_history_things 3.0\n"


@pytest.fixture
def health() -> StatedHealth:
    return StatedHealth()


@pytest.fixture
def services(health: StatedHealth) -> Services:
    others: dict[str, Any] = {field.name: None for field in fields(Services)}
    del others["stopping"], others["times"]
    given = {"authenticator": TokenIsRights(), "health": health, "cursor_key": b"k" * 32}
    given |= {"metrics": StatedMetrics(), "open_metrics": True, "quotas": Unlimited()}
    return Services(**{**others, **given})


@pytest.fixture
def open_client(services: Services) -> Open:
    """Opens a client, with a token for reading, of an application with these handlers."""

    @asynccontextmanager
    async def opened(*handlers: HTTPRouteHandler, **options: Any) -> AsyncIterator[Client]:
        app = create_app(services, handlers or API_HANDLERS)
        headers = {"Authorization": "Bearer events.read,health.read"}
        async with AsyncTestClient(app, raise_server_exceptions=False, **options) as client:
            client.headers.update(headers)
            yield client

    return opened
