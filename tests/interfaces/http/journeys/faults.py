"""What may come in the way of a job that changes personal values, for tests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest

from application.erasure.ports import Owned
from domain.errors import Unavailable
from infrastructure.erasure.owned import StoredOwned
from tests.interfaces.http.journeys.house import Shop

Done = TypeVar("Done")


def failing_once(monkeypatch: pytest.MonkeyPatch, store: type, method: str) -> list[Any]:
    """Have a method raise at its first call; what was given to it."""
    real = getattr(store, method)
    failed: list[Any] = []

    async def fails_once(self: Any, *given: Any, **named: Any) -> Any:
        if not failed:
            failed.append(given)
            raise Unavailable
        return await real(self, *given, **named)

    monkeypatch.setattr(store, method, fails_once)
    return failed


def while_planned(
    monkeypatch: pytest.MonkeyPatch,
    shop: Shop,
    owner: tuple[str, str],
    act: Callable[[], Awaitable[Done]],
) -> list[Done]:
    """Act once, when an owner's values have been read and nothing is changed yet; what came of it,
    as soon as it is done."""
    real = StoredOwned.load
    begun = False
    done: list[Done] = []

    async def acting_meanwhile(self: StoredOwned, tenant_id: str, owners: Any) -> list[Owned]:
        nonlocal begun
        loaded = await real(self, tenant_id, owners)
        if owner in owners and tenant_id == shop.tenant and not begun:
            begun = True
            done.append(await act())
        return loaded

    monkeypatch.setattr(StoredOwned, "load", acting_meanwhile)
    return done
