"""Who sends many tokens that do not hold has to wait; who was met before has not."""

from __future__ import annotations

import pytest

from application.access.authenticate import Authenticator, Claims
from application.access.failures import FailedTokens
from domain.errors import Forbidden, TokenMissing, TooManyFailures, Unauthenticated, Unavailable
from domain.times import SECOND
from tests.application.access.stored import HeldKeys, Served, StoredRoles

pytestmark = pytest.mark.anyio

HOST = "203.0.113.7"


class Clock:
    def __init__(self) -> None:
        self.now = 1_750_000_000 * SECOND

    def __call__(self) -> int:
        return self.now


class Known:
    """A verifier that knows some tokens."""

    def __init__(self, clock: Clock) -> None:
        self.good = {"good", "new"}
        self.ends_us = clock.now + 9_000 * SECOND
        self.asked = 0

    async def verify(self, token: str) -> Claims:
        self.asked += 1
        if token == "away":
            raise Unavailable
        if token not in self.good:
            raise Unauthenticated
        return Claims("anna", ("acme",), frozenset(), self.ends_us)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def known(clock: Clock) -> Known:
    return Known(clock)


@pytest.fixture
def door(clock: Clock, known: Known) -> Authenticator:
    return Authenticator(known, StoredRoles(), HeldKeys(), Served(), clock, failures=3)


async def fail(door: Authenticator, times: int, address: str | None = HOST) -> None:
    for number in range(times):
        with pytest.raises(Unauthenticated):
            await door.authenticate(f"Bearer bad{number}", None, address)


async def test_after_so_many_failures_new_tokens_wait_unlooked_at(
    door: Authenticator, known: Known, clock: Clock
) -> None:
    await fail(door, 3)
    asked = known.asked
    for token in ("new", "bad", "away"):
        with pytest.raises(TooManyFailures) as waiting:
            await door.authenticate(f"Bearer {token}", None, HOST)
        assert waiting.value.retry_after == 60
    assert known.asked == asked
    clock.now += 60 * SECOND - 1
    with pytest.raises(TooManyFailures) as waiting:
        await door.authenticate("Bearer new", None, HOST)
    assert waiting.value.retry_after == 1
    clock.now += 1
    assert (await door.authenticate("Bearer new", None, HOST)).tenant_id == "acme"
    await fail(door, 3)  # the count begins anew


async def test_a_token_met_as_good_is_served_and_looked_at_again(
    door: Authenticator, known: Known, clock: Clock
) -> None:
    await door.authenticate("Bearer good", None, HOST)
    clock.now += 600 * SECOND  # so that it is not remembered any more
    await fail(door, 3)
    for _ in range(2):
        assert (await door.authenticate("Bearer good", None, HOST)).tenant_id == "acme"
    clock.now += 600 * SECOND
    await fail(door, 3)
    known.good.clear()
    with pytest.raises(Unauthenticated):
        await door.authenticate("Bearer good", None, HOST)
    with pytest.raises(TooManyFailures):  # it is like any other from here on
        await door.authenticate("Bearer good", None, HOST)


async def test_other_addresses_do_not_wait(door: Authenticator) -> None:
    await fail(door, 3)
    assert (await door.authenticate("Bearer new", None, "203.0.113.8")).tenant_id == "acme"


async def test_a_peer_without_an_address_does_not_wait(door: Authenticator) -> None:
    await fail(door, 9, None)


async def test_what_is_no_failure_of_a_token(door: Authenticator) -> None:
    for _ in range(9):
        with pytest.raises(TokenMissing):
            await door.authenticate(None, None, HOST)
        with pytest.raises(TokenMissing):
            await door.authenticate("Basic dDp0", None, HOST)
        with pytest.raises(Forbidden):
            await door.authenticate("Bearer good", "globex", HOST)
        with pytest.raises(Unavailable):
            await door.authenticate("Bearer away", None, HOST)
    await fail(door, 3)


async def test_without_a_token_nobody_waits(door: Authenticator) -> None:
    await fail(door, 3)
    with pytest.raises(TokenMissing):
        await door.authenticate(None, None, HOST)


@pytest.mark.parametrize("bad", ["t" * 20_000, "t\u0301", "\x00"])
async def test_a_token_that_cannot_be_one_is_a_failure_too(door: Authenticator, bad: str) -> None:
    for _ in range(3):
        with pytest.raises(Unauthenticated):
            await door.authenticate(f"Bearer {bad}", None, HOST)
    with pytest.raises(TooManyFailures):
        await door.authenticate("Bearer new", None, HOST)


async def test_it_can_be_switched_off(known: Known, clock: Clock) -> None:
    await fail(Authenticator(known, StoredRoles(), HeldKeys(), Served(), clock, failures=0), 100)


# -- the count itself ------------------------------------------------------------------------------


def is_waiting(failed: FailedTokens, address: str) -> bool:
    try:
        failed.check(address)
    except TooManyFailures:
        return True
    return False


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:DB8:0:0:1::1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("203.0.113.7", "::ffff:203.0.113.7", True),
        ("203.0.113.7", "::ffff:203.0.113.8", False),
        ("203.0.113.7", "203.0.113.8", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("testclient", "testclient", True),
        ("testclient", "", False),
    ],
)
def test_a_network_of_ipv6_is_one_address(clock: Clock, one: str, other: str, same: bool) -> None:
    failed = FailedTokens(clock, limit=1)
    failed.count(one)
    assert is_waiting(failed, one)
    assert is_waiting(failed, other) is same


def test_memory_is_bounded_and_who_failed_last_stays(clock: Clock) -> None:
    failed = FailedTokens(clock, limit=2, capacity=3)
    for host in (1, 2, 3, 1, 4):
        failed.count(f"192.0.2.{host}")
    failed.count("192.0.2.2")  # forgotten for the fourth: it has failed once, not twice
    assert is_waiting(failed, "192.0.2.1")
    assert not is_waiting(failed, "192.0.2.2")


def test_failures_count_for_a_minute_from_the_first(clock: Clock) -> None:
    failed = FailedTokens(clock, limit=2)
    failed.count(HOST)
    clock.now += 60 * SECOND
    failed.count(HOST)
    assert not is_waiting(failed, HOST)
    failed.count(HOST)
    assert is_waiting(failed, HOST)


def test_a_clock_set_back_keeps_nobody_waiting(clock: Clock) -> None:
    failed = FailedTokens(clock, limit=1)
    failed.count(HOST)
    clock.now -= 3600 * SECOND
    assert not is_waiting(failed, HOST)
    failed.count(HOST)
    assert is_waiting(failed, HOST)
