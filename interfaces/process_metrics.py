"""What an API process measures of itself: its requests, its queue, its connections.

Each API process has figures of its own; those of the installation (`interfaces.metrics`) are the
same whichever is asked. The worker tells nothing by itself: what it does stands in the database.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Protocol

from prometheus_client import Metric
from prometheus_client.core import HistogramMetricFamily

from interfaces.http.answers import BASE_PATH
from interfaces.http.timing import BOUNDS, RequestTimes
from interfaces.metrics import PREFIX, counter, gauge

RECORDING = (f"{BASE_PATH}/events", f"{BASE_PATH}/corrections")
"""The routes that record one event a request."""

OUTCOMES: Mapping[str, tuple[int, ...]] = {
    "recorded": (201,),
    "duplicates": (200,),
    "conflicts": (409,),
    "rejected": (400, 413, 415, 422),
    "unavailable": (503,),
}
"""What became of such a request, by the status of its answer; named as those of lines in jobs."""


class CommitterState(Protocol):
    """What the committer tells of itself."""

    @property
    def available(self) -> bool: ...

    @property
    def queued(self) -> int: ...


def request_metrics(times: RequestTimes) -> list[Metric]:
    """How long requests take until their answer begins, and what became of single events."""
    histogram = HistogramMetricFamily(
        f"{PREFIX}http_request_duration_seconds",
        "From the request until its answer begins.",
        labels=["method", "route", "status"],
    )
    grouped: dict[tuple[str, str, str], tuple[list[int], float]] = {}
    for method, route, status, cell in times.cells():
        key = method, route, f"{status // 100}xx"
        counts, seconds = grouped.get(key, ([0] * len(cell.buckets), 0.0))
        counts = [a + b for a, b in zip(counts, cell.buckets, strict=True)]
        grouped[key] = counts, seconds + cell.seconds
    for key, (counts, seconds) in sorted(grouped.items()):
        bounds = (*map(str, BOUNDS), "+Inf")
        buckets = list(zip(bounds, accumulate(counts), strict=True))
        histogram.add_metric(key, buckets, seconds)
    return [histogram, _answered(times)]


def committer_metrics(committer: CommitterState) -> list[Metric]:
    """The queue of the events that this process is to commit."""
    return [
        gauge("committer_queued_events", "Events that wait for a batch.", committer.queued),
        gauge("committer_available", "Whether an event would be taken.", committer.available),
    ]


def connection_metrics(statistics: Mapping[str, int]) -> list[Metric]:
    """The connections that this process reads with; `statistics` are those of psycopg_pool."""
    return [
        gauge("reader_connections", "Connections to read with.", statistics.get("pool_size", 0)),
        gauge(
            "reader_waiting_requests",
            "Requests that wait for one of them.",
            statistics.get("requests_waiting", 0),
        ),
    ]


def quota_metrics(refusals: Mapping[str, int]) -> list[Metric]:
    """What quotas of tenants have refused here, by their kind."""
    family = counter(
        "quota_refusals", "Events and requests that quotas have refused.", labels=["quota"]
    )
    for kind, count in refusals.items():
        family.add_metric([kind], count)
    return [family]


def _answered(times: RequestTimes) -> Metric:
    said = "Requests to record one event."
    family = counter("event_requests", said, labels=["outcome"])
    found = [times.answered("POST", route) for route in RECORDING]
    for outcome, statuses in OUTCOMES.items():
        family.add_metric([outcome], _sum(found, statuses))
    return family


def _sum(found: Iterable[Mapping[int, int]], statuses: Iterable[int]) -> int:
    wanted = set(statuses)
    return sum(count for one in found for status, count in one.items() if status in wanted)
