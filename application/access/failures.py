"""Holds back an address from which too many tokens come that do not hold.

Nobody guesses a signature. What is bounded is the work that bad tokens cost, and how fast somebody
tries what has been stolen. The trade-off, for addresses are shared and cheap:

- A token that was met before as good (for the same tenant) is served, and looked at again,
  whatever its neighbours do. One that is new to this process waits with them, a minute at most:
  who keeps the count full holds back new tokens from the same address, and nobody else's.
- Behind a proxy all callers have its address: there the proxy, which knows theirs, must do this,
  and the count here be switched off (`limit` 0).
- A host has a whole /64 of IPv6, so that is one address here. Who has many networks can fail more
  often, and drive others out of the memory, whose size is fixed: it is a brake, not a wall.
- A request without a token is not a failure: it is answered at once, and tries nothing. Neither
  is a tenant or a right that the token does not hold (403), nor an issuer out of reach (503).
"""

from __future__ import annotations

import math
from collections import OrderedDict
from ipaddress import IPv6Address, ip_address

from application.ports import Clock
from domain.errors import TooManyFailures
from domain.times import SECOND

_WINDOW_US = 60 * SECOND


class FailedTokens:
    """Counts, by address, the tokens that failed in the minute since the first of them.

    limit: how many may, before `check` refuses; 0: any number. capacity: addresses remembered; of
    more, the one that has not failed for longest is forgotten.
    """

    def __init__(self, clock: Clock, *, limit: int = 20, capacity: int = 4096) -> None:
        self._clock = clock
        self._limit = limit
        self._capacity = capacity
        self._counted: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def check(self, address: str | None) -> None:
        """Raise TooManyFailures, with the seconds to wait, if `address` is at its limit. None, a
        peer without an address, never is."""
        if address is None or not self._counted:
            return
        since, failures = self._counted.get(_network(address), (0, 0))
        left_us = since + _WINDOW_US - self._clock()
        # More than a whole window is left only if the clock was set back.
        if failures >= self._limit and 0 < left_us <= _WINDOW_US:
            raise TooManyFailures(math.ceil(left_us / SECOND))

    def count(self, address: str | None) -> None:
        """Note that a token from `address` failed."""
        if address is None or self._limit == 0:
            return
        network, now = _network(address), self._clock()
        since, failures = self._counted.pop(network, (now, 0))
        if not 0 <= now - since < _WINDOW_US:
            since, failures = now, 0
        self._counted[network] = (since, failures + 1)
        if len(self._counted) > self._capacity:
            self._counted.popitem(last=False)


def _network(address: str) -> str:
    """What one host has: an IPv4 address, or the first 64 bits of an IPv6 address."""
    try:
        parsed = ip_address(address)
    except ValueError:  # a peer that is no host of the internet goes by its name
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return f"{int(parsed) >> 64:016x}/64"
