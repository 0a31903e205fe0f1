from __future__ import annotations

from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from interfaces.http.answers import BASE_PATH
from interfaces.http.timing import RequestTimes
from interfaces.metrics import _Collected
from interfaces.process_metrics import committer_metrics, connection_metrics, request_metrics

EVENTS, CORRECTIONS = f"{BASE_PATH}/events", f"{BASE_PATH}/corrections"
Sample = tuple[str, tuple[str, ...]]


def samples(times: RequestTimes) -> dict[Sample, float]:
    text = generate_latest(_Collected(request_metrics(times))).decode()
    return {
        (sample.name.removeprefix("order_history_"), tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_histogram_of_statuses_by_class() -> None:
    times = RequestTimes()
    for status, seconds in ((200, 0.002), (204, 0.2), (404, 0.003), (200, 60.0)):
        times.count("GET", "/things/{thing}", status, seconds)
    found = samples(times)
    name = "http_request_duration_seconds"
    key = "GET", "/things/{thing}", "2xx"
    buckets = {
        bound: found[f"{name}_bucket", (bound, *key)]
        for bound in ("0.001", "0.0025", "0.1", "0.25", "10.0", "+Inf")
    }
    assert buckets == {"0.001": 0, "0.0025": 1, "0.1": 1, "0.25": 2, "10.0": 2, "+Inf": 3}
    assert found[f"{name}_count", key] == 3
    assert round(found[f"{name}_sum", key], 6) == 60.202
    assert found[f"{name}_count", ("GET", "/things/{thing}", "4xx")] == 1


def test_what_became_of_single_events() -> None:
    times = RequestTimes()
    for status, count in (
        (201, 5), (200, 4), (409, 3), (422, 2), (400, 1), (413, 1), (503, 6), (401, 9),
    ):  # fmt: skip
        for _ in range(count):
            times.count("POST", EVENTS, status, 0.001)
    times.count("POST", CORRECTIONS, 201, 0.001)
    times.count("GET", EVENTS, 200, 0.001)
    found = samples(times)
    assert {
        labels[0]: value
        for (name, labels), value in found.items()
        if name == "event_requests_total"
    } == {"recorded": 6, "duplicates": 4, "conflicts": 3, "rejected": 4, "unavailable": 6}


def test_before_the_first_request_outcomes_are_there_already() -> None:
    """Else the first one would be no increase."""
    found = samples(RequestTimes())
    assert {value for (name, _), value in found.items() if name == "event_requests_total"} == {0}


class Committer:
    available, queued = True, 7


def test_the_committer_and_the_connections() -> None:
    families = [
        *committer_metrics(Committer()),
        *connection_metrics({"pool_size": 5, "requests_waiting": 2}),
    ]
    found = {family.name: family.samples[0].value for family in families}
    assert found == {
        "order_history_committer_queued_events": 7,
        "order_history_committer_available": 1,
        "order_history_reader_connections": 5,
        "order_history_reader_waiting_requests": 2,
    }
