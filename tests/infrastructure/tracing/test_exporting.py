"""A collector that takes spans, one that is away, one that hangs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from structlog.testing import capture_logs

from infrastructure.tracing import exporting
from infrastructure.tracing.exporting import TellingExporter, tracer

AWAY = "http://127.0.0.1:1/v1/traces"


class Collector(BaseHTTPRequestHandler):
    """Takes spans as soon as it may."""

    taken: list[ExportTraceServiceRequest]
    may: Event

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.may.wait()
        self.taken.append(ExportTraceServiceRequest.FromString(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def collector() -> Iterator[tuple[str, type[Collector]]]:
    """Its URL, and what it has taken; it takes nothing while `may` is not set."""

    class One(Collector):
        pass

    One.taken, One.may = [], Event()
    with ThreadingHTTPServer(("127.0.0.1", 0), One) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/traces", One
        finally:
            One.may.set()
            server.shutdown()
            thread.join()


async def make_spans(url: str, *names: str, ratio: float = 1.0) -> None:
    async with asyncio.timeout(60), tracer(url, ratio, "tested") as spans:
        for name in names:
            spans.start_span(name).end()


@pytest.mark.anyio
async def test_what_was_made_is_sent_before_the_process_ends() -> None:
    with collector() as (url, sent):
        sent.may.set()
        await make_spans(url, "one", "two")
        (taken,) = sent.taken[0].resource_spans
    said = {one.key: one.value.string_value for one in taken.resource.attributes}
    assert said["service.name"] == "tested"
    assert {span.name for span in taken.scope_spans[0].spans} == {"one", "two"}


@pytest.mark.anyio
async def test_what_is_not_sampled_is_not_sent() -> None:
    with collector() as (url, sent):
        sent.may.set()
        await make_spans(url, "one", ratio=0.0)
        assert sent.taken == []


@pytest.mark.anyio
async def test_a_collector_that_hangs_does_not_keep_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exporting, "FLUSH_SECONDS", 0.05)
    with collector() as (url, sent), capture_logs() as log:
        await make_spans(url, "one")
        assert sent.taken == []
    assert [line["event"] for line in log] == ["tracing.not_flushed"]


@pytest.mark.anyio
async def test_a_collector_that_is_away_fails_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "FLUSH_SECONDS", 0.05)
    await make_spans(AWAY, *("span" for _ in range(2000)))


class Faulty(SpanExporter):
    """Answers as it is told, or raises."""

    def __init__(self, *answers: SpanExportResult | Exception) -> None:
        self._answers = iter(answers)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_that_a_collector_is_away_is_said_once_and_that_it_is_back() -> None:
    good, bad, worse = SpanExportResult.SUCCESS, SpanExportResult.FAILURE, OSError("at jane@x.com")
    one = TellingExporter(Faulty(good, bad, worse, bad, good, good, worse))
    with capture_logs() as log:
        results = [one.export([]) for _ in range(7)]
    assert results == [good, bad, bad, bad, good, good, bad]
    assert [(line["event"], line.get("error")) for line in log] == [
        ("tracing.collector_away", "refused"),
        ("tracing.collector_back", None),
        ("tracing.collector_away", "OSError"),
    ]
