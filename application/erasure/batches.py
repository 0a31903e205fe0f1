"""Changing some orders in one transaction, and fewer where one of them is in the way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from application.erasure.ports import Owned
from domain.errors import Unavailable

AT_ONCE = 50
"""Orders of a transaction, as long as they have no more than so many events together:"""
MOST_EVENTS = 5000
_ATTEMPTS = 20


async def in_batches(
    order_ids: Sequence[str], attempt: Callable[[Sequence[str]], Awaitable[bool]]
) -> None:
    """Attempt them together; if that is False, since one of them has moved or they are too many,
    in halves, so that the others need not wait for it. Raises what `attempt` does, and Unavailable
    when an order moves all the time."""
    for _ in range(_ATTEMPTS):
        if await attempt(order_ids):
            return
        if len(order_ids) > 1:
            middle = len(order_ids) // 2
            for half in (order_ids[:middle], order_ids[middle:]):
                await in_batches(half, attempt)
            return
    raise Unavailable("this order changes all the time; it is tried again")


def are_too_many(loaded: Sequence[Owned]) -> bool:
    """Whether what was loaded is to be changed in fewer orders at once."""
    return len(loaded) > 1 and sum(len(one.texts) for one in loaded) > MOST_EVENTS
