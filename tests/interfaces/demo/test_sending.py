"""The demo's producer against a service that is played by a function."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from interfaces.demo.sending import LINES, Failed, Sender, patiently

Answer = Callable[[httpx.Request], httpx.Response]
RESULT = {"recorded": 3, "duplicates": 2, "conflicts": 0, "rejected": 1, "last_sequence": 3}


def job(status: str, result: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"job_id": "job_1", "status": status, "result": result or {}}


def sender(answer: Answer) -> Sender:
    return Sender("http://service", "token", transport=httpx.MockTransport(answer))


def test_lines_go_gzipped_in_order_and_are_added_up() -> None:
    seen: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/v1/order-history/events/bulk"
        assert request.headers["Authorization"] == "Bearer token"
        assert request.headers["Content-Type"] == "application/x-ndjson"
        lines = gzip.decompress(request.content).splitlines()
        seen.extend(json.loads(line)["n"] for line in lines)
        last = {**RESULT, "last_sequence": len(seen)}
        return httpx.Response(200, json=job("succeeded", last))

    events = [{"n": n} for n in range(LINES + 10)]
    with sender(answer) as one:
        steps = [(step.lines, step.recorded) for step in one.send(events)]
    assert seen == list(range(LINES + 10))
    assert steps == [(LINES, 3), (LINES + 10, 6)]


def test_a_job_that_takes_longer_is_asked_for_until_it_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    states = [
        httpx.Response(200, json=job("running")),
        httpx.Response(503, json={"title": "later"}),
        httpx.Response(200, json=job("succeeded", RESULT)),
    ]

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(202, json={"job_id": "job_1"})
        assert request.url.path == "/v1/order-history/jobs/job_1"
        return states.pop(0)

    with sender(answer) as one:
        (sent,) = one.send([{"n": 1}])
    assert (sent.recorded, sent.duplicates, sent.rejected, sent.last_sequence) == (3, 2, 1, 3)
    assert states == []


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, job("failed"), "job job_1 failed"),
        (403, {"detail": "no right"}, "403"),
        (503, {"detail": "later"}, "takes no events"),
    ],
)
def test_a_failure_says_what_failed(status: int, body: dict[str, Any], said: str) -> None:
    with (
        sender(lambda _: httpx.Response(status, json=body)) as one,
        pytest.raises(Failed, match=said),
    ):
        list(one.send([{"n": 1}]))


def test_a_service_that_is_gone_is_one_clear_failure() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with sender(answer) as one, pytest.raises(Failed, match="does not answer: ConnectError"):
        list(one.send([{"n": 1}]))


def test_it_waits_for_the_read_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    answers = [httpx.Response(503), httpx.Response(200, json={})]

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["X-Min-Sequence"] == "77"
        return answers.pop(0)

    with sender(answer) as one:
        one.await_readable(77)
    assert answers == []


def test_patience_ends() -> None:
    with pytest.raises(Failed, match="still behind"):
        for _ in patiently("still behind", seconds=0):
            pass
