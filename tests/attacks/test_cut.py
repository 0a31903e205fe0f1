"""The tail cut off a ledger: found by whoever verifies it, and at the next start."""

from __future__ import annotations

import re

import pytest

from interfaces.composition.serving import api
from tests.attacks.victim import Victim
from tests.interfaces.http.journeys.house import BASE, House

pytestmark = pytest.mark.anyio


async def test_the_tail_cut(victim: Victim) -> None:
    victim.cut(above=290)
    assert any(one.sequence == 291 for one in victim.audited())
    async with api(victim.house.settings) as services:
        restarted = House(victim.house.settings, services)
        client = restarted.client("admin", victim.tenant)
        answer = await client.post(f"{BASE}/events", json=victim.shop.event("ord_new"))
        assert answer.status_code == 503
        # One more where the service that was running noticed first: its alarm is an event too.
        cut = r"300 events of a tenant are signed and 29[01] are there"
        assert re.search(cut, answer.json()["detail"])
        assert "order-history ledger reopen" in answer.json()["detail"]
        assert (await client.get(f"{BASE}/orders/ord_7/timeline")).status_code == 200
