from __future__ import annotations

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, Tracer

from application.watching.tracing import Traced
from infrastructure.tracing.spans import RequestSpans, TracedProjections, span

TRACE, CALLER = 0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331
SAMPLED = f"00-{TRACE:032x}-{CALLER:016x}-01"
SECRET = "jane@example.com"


def test_a_request_goes_on_with_its_callers_trace(
    tracer: Tracer, made: InMemorySpanExporter
) -> None:
    with RequestSpans(tracer).request("POST", SAMPLED) as request:
        assert request.sampled
        request.answered("/things/{thing}", 201)
    (one,) = made.get_finished_spans()
    assert one.name == "POST /things/{thing}"
    assert one.kind is SpanKind.SERVER
    assert one.context.trace_id == TRACE
    assert one.parent is not None
    assert one.parent.span_id == CALLER
    assert one.status.status_code is StatusCode.UNSET
    assert one.attributes == {
        "http.request.method": "POST",
        "http.route": "/things/{thing}",
        "http.response.status_code": 201,
    }


@pytest.mark.parametrize(
    ("status", "told"), [(422, StatusCode.UNSET), (500, StatusCode.ERROR), (503, StatusCode.ERROR)]
)
def test_what_is_the_services_fault_is_an_error(
    tracer: Tracer, made: InMemorySpanExporter, status: int, told: StatusCode
) -> None:
    with RequestSpans(tracer).request("GET", SAMPLED) as request:
        request.answered("", status)
    (one,) = made.get_finished_spans()
    assert (one.name, one.status.status_code) == ("GET", told)


@pytest.mark.parametrize(
    "malformed",
    [
        None,
        "",
        "nonsense",
        SAMPLED[:-1],
        SAMPLED.upper(),
        SAMPLED.replace("00-", "ff-", 1),
        SAMPLED + "-more",
        f"00-{0:032x}-{CALLER:016x}-01",
        f"00-{TRACE:032x}-{0:016x}-01",
        "00-" + "é" * 32 + f"-{CALLER:016x}-01",
        "0" * 60_000,
    ],
)
def test_a_malformed_traceparent_is_none(
    tracer: Tracer, made: InMemorySpanExporter, malformed: str | None
) -> None:
    with RequestSpans(tracer).request("GET", malformed) as request:
        assert not request.sampled
    assert made.get_finished_spans() == ()


def test_a_caller_who_does_not_sample_is_obeyed(tracer: Tracer) -> None:
    with RequestSpans(tracer).request("GET", SAMPLED[:-2] + "00") as request:
        assert not request.sampled


def test_of_an_error_its_class_is_told_alone(tracer: Tracer, made: InMemorySpanExporter) -> None:
    def fail() -> None:
        with RequestSpans(tracer).request("GET", SAMPLED), span(tracer, "validate"):
            raise ValueError(SECRET)

    with pytest.raises(ValueError, match=SECRET):
        fail()
    inner, outer = made.get_finished_spans()
    assert inner.attributes == {"error.type": "ValueError"}
    assert inner.parent is not None
    assert inner.parent.span_id == outer.context.span_id
    assert SECRET not in inner.to_json() + outer.to_json()


def test_a_projection_is_a_child_of_the_request(tracer: Tracer, made: InMemorySpanExporter) -> None:
    TracedProjections(tracer).projected("orders", 1_000_000, [Traced(SAMPLED, 2_000_000)])
    (one,) = made.get_finished_spans()
    assert (one.name, one.kind) == ("project", SpanKind.CONSUMER)
    assert one.parent is not None
    assert (one.context.trace_id, one.parent.span_id) == (TRACE, CALLER)
    assert one.start_time == 1_000_000_000
    assert one.attributes is not None
    assert set(one.attributes) == {"order_history.model", "order_history.lag_seconds"}
    assert one.attributes["order_history.model"] == "orders"
    assert one.end_time is not None
    assert one.attributes["order_history.lag_seconds"] == (one.end_time // 1000 - 2_000_000) / 1e6


def test_an_event_of_the_future_does_not_lag(tracer: Tracer, made: InMemorySpanExporter) -> None:
    """The ledger's clock may be ahead of this machine's."""
    TracedProjections(tracer).projected("orders", 1, [Traced(SAMPLED, 2**60)])
    (one,) = made.get_finished_spans()
    assert one.attributes is not None
    assert one.attributes["order_history.lag_seconds"] == 0
