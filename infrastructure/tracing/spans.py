"""Spans: around a request, and of what the read models make of its events.

Nothing of what an event says is in a span, nor an id, a path, a header: an attribute is a name or a
number of ours, and of an error its class alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from application.watching.tracing import Traced

TRACE_CONTEXT = TraceContextTextMapPropagator()


@contextmanager
def span(
    tracer: Tracer,
    name: str,
    *,
    context: Context | None = None,
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: Mapping[str, str] | None = None,
) -> Iterator[Span]:
    """A span around what is done in the block, and the parent of those made in there."""
    with tracer.start_as_current_span(
        name,
        context=context,
        kind=kind,
        attributes=attributes,
        record_exception=False,  # messages carry values
        set_status_on_exception=False,
    ) as made:
        try:
            yield made
        except Exception as error:
            made.set_attribute("error.type", type(error).__name__)
            raise


class RequestSpans:
    """Implements `interfaces.http.traced.Spans`."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    @contextmanager
    def request(self, method: str, traceparent: str | None) -> Iterator[RequestSpan]:
        with span(
            self._tracer,
            method,
            context=_parent(traceparent),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": method},
        ) as made:
            yield RequestSpan(made, method)


class RequestSpan:
    """Implements `interfaces.http.traced.RequestSpan`. The names are those of OpenTelemetry's
    conventions for HTTP, which also want the path: that has ids in it."""

    def __init__(self, made: Span, method: str) -> None:
        self._span = made
        self._method = method

    @property
    def sampled(self) -> bool:
        return self._span.is_recording()

    def answered(self, route: str, status: int) -> None:
        if route:
            self._span.update_name(f"{self._method} {route}")
            self._span.set_attribute("http.route", route)
        self._span.set_attribute("http.response.status_code", status)
        if status >= 500:
            self._span.set_status(StatusCode.ERROR)


class TracedProjections:
    """Implements `ProjectionSpans`: a span `project` for each event and read model, a child of the
    request that recorded the event."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def projected(self, model: str, began_us: int, traced: Sequence[Traced]) -> None:
        ended_us = time.time_ns() // 1000
        for one in traced:
            made = self._tracer.start_span(
                "project",
                context=_parent(one.traceparent),
                kind=SpanKind.CONSUMER,
                attributes={
                    "order_history.model": model,
                    "order_history.lag_seconds": max(0, ended_us - one.received_us) / 1e6,
                },
                start_time=began_us * 1000,
            )
            made.end(ended_us * 1000)


def _parent(traceparent: str | None) -> Context:
    """Of what is not a valid traceparent: none. `tracestate` is left alone: there is nobody to hand
    it on to, and in it may be what others like."""
    carrier = {} if traceparent is None else {"traceparent": traceparent}
    return TRACE_CONTEXT.extract(carrier, Context())
