"""Whether a tenant is served, as the ledger says, or else what lies apart from the database."""

from __future__ import annotations

import pytest

from application.audit.newest import Newest
from application.tenancy.ports import Leaving
from application.tenancy.standing import Standing
from domain.errors import Unavailable
from domain.tenancy.closing import Closed, Closing

pytestmark = pytest.mark.anyio
CLOSED = Closed(3, 1, "ops")
LEAVING = Leaving("gone", CLOSED, "origin", 3, "root", "manifest")


class Ledgers:
    """Acts that know of each tenant whether it was closed."""

    def __init__(self, *closed: str) -> None:
        self.closed = set(closed)
        self.away = False

    async def version(self, tenant_id: str, _stream: str) -> int:
        if self.away:
            raise Unavailable
        return int(tenant_id in self.closed)

    async def load(self, tenant_id: str, closing: Closing) -> Closing:
        if tenant_id in self.closed:
            closing.closed, closing.version = CLOSED, 1
        return closing


class Apart:
    """What is known apart from the database."""

    def tenants(self) -> frozenset[str]:
        return frozenset({"gone"})

    def certified(self) -> frozenset[str]:
        return frozenset()

    def of(self, tenant_id: str) -> Leaving | None:
        return LEAVING if tenant_id == "gone" else None

    def keep(self, leaving: Leaving) -> None:
        raise AssertionError("nothing is to be kept")


class Seconds:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def standing(ledgers: Ledgers, seconds: Seconds, *left: str) -> Standing:
    newest = Newest(ledgers, Closing, seconds)  # type: ignore[arg-type]  # as far as it is asked
    return Standing(newest, Apart(), frozenset(left))


async def test_a_closing_is_heard_of_within_a_second() -> None:
    ledgers, seconds = Ledgers(), Seconds()
    one = standing(ledgers, seconds)
    assert not one.known_to_be_here("acme")
    assert await one.is_here("acme")
    assert one.known_to_be_here("acme")
    ledgers.closed.add("acme")
    seconds.now = 1.1
    assert not one.known_to_be_here("acme")
    assert not await one.is_here("acme")
    assert not one.known_to_be_here("acme")
    ledgers.away = True
    seconds.now = 2.2
    assert not await one.is_here("acme")


async def test_who_had_left_at_the_start_has_whatever_the_ledger_says() -> None:
    one = standing(Ledgers(), Seconds(), "gone")
    assert not await one.is_here("gone")
    assert not one.known_to_be_here("gone")
    assert await one.is_here("acme")


async def test_while_the_store_does_not_tell_what_lies_apart_does() -> None:
    ledgers = Ledgers()
    ledgers.away = True
    one = standing(ledgers, Seconds())
    assert not await one.is_here("gone")
    assert await one.is_here("acme")
