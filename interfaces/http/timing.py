"""How long requests take until their answer begins, counted in one place: around the application.

Only what the application itself made is kept of a request: its route's template, never its path.
One event loop counts, so nothing is locked; a request costs a microsecond.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from time import perf_counter
from typing import Any

from litestar.types import HTTPScope, Message, Send
from msgspec import Struct

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds: the upper bounds of the histogram's buckets; the last one has none."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER = "other"


class Cell(Struct):
    """Requests of one kind: how many there were in each bucket, and their seconds together."""

    buckets: list[int]
    seconds: float = 0.0


class RequestTimes:
    """The requests that an API process has answered, by method, route and status."""

    def __init__(self) -> None:
        self._cells: dict[tuple[str, str, int], Cell] = {}

    def timed(self, scope: HTTPScope, send: Send) -> Send:
        """As `send`, noting the time from now until the answer begins: a stream has none else. The
        route is known by then; "" is that of requests that have none."""
        began = perf_counter()

        def timed(message: Message) -> Any:
            if message["type"] == "http.response.start":
                taken = perf_counter() - began
                self.count(scope["method"], route_of(scope), message["status"], taken)
            return send(message)

        return timed

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Add one request."""
        key = method, route, status
        cell = self._cells.get(key)
        if cell is None:
            key = method if method in METHODS else _OTHER, route, status
            cell = self._cells.setdefault(key, Cell([0] * (len(BOUNDS) + 1)))
        cell.buckets[bisect_left(BOUNDS, seconds)] += 1
        cell.seconds += seconds

    def cells(self) -> Iterator[tuple[str, str, int, Cell]]:
        """(method, route, status, cell) of all that was asked so far."""
        for (method, route, status), cell in self._cells.items():
            yield method, route, status, cell

    def answered(self, method: str, route: str) -> dict[int, int]:
        """status -> how many requests of one route were answered with it."""
        return {
            status: sum(cell.buckets)
            for asked, path, status, cell in self.cells()
            if (asked, path) == (method, route)
        }


def route_of(scope: HTTPScope) -> str:
    """The template of its route, once it is routed; "" when there is none."""
    # Of a path that it does not know, the router has nothing to tell.
    return scope.get("path_template") or ""
