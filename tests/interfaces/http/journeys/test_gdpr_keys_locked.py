"""Others are answered while a request about a person waits for the key store."""

from __future__ import annotations

import asyncio
from threading import Event

import pytest

from infrastructure.key_store import durable
from infrastructure.key_store.files import LOCK
from interfaces.composition.installations import key_directory
from tests.interfaces.http.journeys.house import BASE, House, Shop
from tests.interfaces.http.journeys.retaining import ended

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("path", ["erase-request", "pseudonymize", "depseudonymize"])
async def test_a_backup_that_copies_keys_keeps_nobody_else_up(
    house: House, shop: Shop, path: str
) -> None:
    await shop.record()
    held, answered = Event(), Event()

    def copy() -> bool:
        """Whether another one was answered while the lock was held."""
        with durable.locked(key_directory(house.settings.data_dir) / LOCK):
            held.set()
            return answered.wait(timeout=5)

    copying = asyncio.ensure_future(asyncio.to_thread(copy))
    await asyncio.to_thread(held.wait)
    body = {"subject_id": "cust_1", "reason": "asked"}
    asking = asyncio.ensure_future(shop.as_role("admin").post(f"{BASE}/gdpr/{path}", json=body))
    await asyncio.sleep(0.5)  # it has come to its key by now
    await shop.read("/orders/ord_1/timeline")
    answered.set()
    assert await copying
    assert (await asking).status_code == 202
    await ended(shop, (await asking).json())  # the worker, on this loop here, destroys keys on it
