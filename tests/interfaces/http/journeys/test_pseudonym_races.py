"""An erasure that comes while pseudonyms are put, or put back, wins; and neither job fails."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from infrastructure.erasure.owned import StoredOwned
from infrastructure.pseudonyms.mappings import FileMappings
from tests.interfaces.http.journeys.erasing import erase, told
from tests.interfaces.http.journeys.house import Json, Shop
from tests.interfaces.http.journeys.pseudonymizing import (
    created,
    files,
    pseudonymize,
    put_back,
)

pytestmark = pytest.mark.anyio

AT: list[tuple[type, str, int]] = [(StoredOwned, "load", nth) for nth in range(1, 8)]
AT += [(FileMappings, "load", nth) for nth in range(1, 12)]
AT += [(StoredOwned, "left", 1), (StoredOwned, "replaced", 1)]


def erasing_at(
    monkeypatch: pytest.MonkeyPatch, shop: Shop, store: type, method: str, nth: int
) -> list[asyncio.Task[Json]]:
    """Have Ann erased when this method has been called for the n-th time, before that goes on, or
    beside it if it is in the way; the erasure, once it was begun."""
    real = getattr(store, method)
    calls, erased = itertools.count(1), []

    async def erased_meanwhile(self: Any, tenant_id: str, *given: Any) -> Any:
        found = await real(self, tenant_id, *given)
        if tenant_id == shop.tenant and next(calls) == nth:
            erased.append(asyncio.create_task(erase(shop, "cust_ann")))
            await asyncio.wait(erased, timeout=2)
        return found

    monkeypatch.setattr(store, method, erased_meanwhile)
    return erased


@pytest.mark.parametrize(("store", "method", "nth"), AT)
async def test_an_erasure_that_comes_while_it_is_replaced_leaves_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, store: type, method: str, nth: int
) -> None:
    """What was planned of a person that is gone by then is kept nowhere."""
    await told(shop)
    erased = erasing_at(monkeypatch, shop, store, method, nth)
    await pseudonymize(shop, "cust_ann")
    assert [(await one)["status"] for one in erased] == ["succeeded"]
    assert files(shop) == []
    assert (await created(shop, "evt_1"))["customer"]["email"] == {"erased": True}


@pytest.mark.parametrize(("store", "method", "nth"), AT)
async def test_an_erasure_that_comes_while_it_is_put_back_wins(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, store: type, method: str, nth: int
) -> None:
    await told(shop)
    await pseudonymize(shop, "cust_ann")
    erased = erasing_at(monkeypatch, shop, store, method, nth)
    await put_back(shop, "cust_ann")
    assert [(await one)["status"] for one in erased] == ["succeeded"]
    assert files(shop) == []
    assert (await created(shop, "evt_1"))["customer"]["email"] == {"erased": True}
