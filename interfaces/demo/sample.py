"""The demo's sample: some three thousand invented orders of two shops, as their systems send them.

The same seed and the same `now` give the same events, byte for byte, so that sending them again
records nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

from interfaces.demo.hero import BEGAN, ORDER_ID, hero
from interfaces.demo.life import Life, Payload
from interfaces.demo.lives import ordinary
from interfaces.demo.shops import SHOPS, Shop, person

ORDERS = 3000
SPAN = timedelta(days=75)
"""The orders were placed in the time before `now`; the youngest are still on their way."""
MARGIN = timedelta(minutes=4)
"""Nothing happened, or arrived, in the last minutes before `now`: clocks differ."""


def sample(now: datetime, *, seed: int = 20, orders: int = ORDERS) -> dict[str, list[Payload]]:
    """Events by tenant, in the order in which they arrive: bodies of `POST /events`.

    now: aware, in UTC; all that happened by then less a few minutes is told. orders: in all, of
    both shops, two heroes (`hero.ORDER_ID`) among them.
    """
    return {shop.tenant: _arrivals(shop, now, seed, orders // len(SHOPS)) for shop in SHOPS}


def _arrivals(shop: Shop, now: datetime, seed: int, orders: int) -> list[Payload]:
    end = now - MARGIN
    told = [event for life in _lives(shop, end, seed, orders) for event in life.told]
    known = [one for one in told if one.arrives <= end]
    return [one.event for one in sorted(known, key=lambda one: one.arrives)]


def _lives(shop: Shop, end: datetime, seed: int, orders: int) -> Iterator[Life]:
    yield _hero(shop, end, seed)
    rng = Random(f"{seed} {shop.tenant}")
    for number in range(2, orders + 1):
        customer = rng.randint(1, max(1, orders * 2 // 3))  # some come back
        life = Life(
            rng=Random(f"{seed} {shop.tenant} {number}"),
            shop=shop,
            person=person(Random(f"{seed} {shop.tenant} person {customer}"), shop, customer),
            order_id=f"ord_{shop.prefix.lower()}_{number:05}",
            number=f"{shop.prefix}-{100_000 + number}",
            clock=end - SPAN * rng.random(),
        )
        ordinary(life)
        yield life


def _hero(shop: Shop, end: datetime, seed: int) -> Life:
    life = Life(
        rng=Random(f"{seed} {shop.tenant} hero"),
        shop=shop,
        person=person(Random(f"{seed} {shop.tenant} hero person"), shop, 0),
        order_id=ORDER_ID,
        number=f"{shop.prefix}-100001",
        clock=end - BEGAN,
    )
    hero(life)
    return life
