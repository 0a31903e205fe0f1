"""Where spans go: to a collector, from a thread of their own. Nobody waits for it, nobody fails
because of it: while it is away, spans are dropped."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from threading import Thread

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Tracer

FLUSH_SECONDS = 2.0
"""How long a process that stops waits for its last spans to be taken."""

_EXPORT_SECONDS = 5.0
_EVERY_MS = 1000.0
_BATCH_SPANS = 512
_QUEUE_SPANS = 8192
"""What waits for a slow collector, some 10 MB; what comes after that is dropped."""

log = structlog.get_logger(__name__)


@asynccontextmanager
async def tracer(url: str, ratio: float, service: str) -> AsyncIterator[Tracer]:
    """Makes spans of a service and sends them to `url` (OTLP, http/protobuf), until left.

    ratio: the share of the traces without a parent that is sampled; a parent decides for its own.
    """
    # They tell of each attempt, and say the address; what is to be known of it is said below.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(ratio)),
        resource=Resource.create({"service.name": service}),
        shutdown_on_exit=False,  # that would wait for as long as the exporter likes
    )
    sending = TellingExporter(OTLPSpanExporter(endpoint=url, timeout=_EXPORT_SECONDS))
    provider.add_span_processor(
        BatchSpanProcessor(
            sending,
            max_queue_size=_QUEUE_SPANS,
            schedule_delay_millis=_EVERY_MS,
            max_export_batch_size=_BATCH_SPANS,
        )
    )
    try:
        yield provider.get_tracer("order-history")
    finally:
        await _flush(provider)


async def _flush(provider: TracerProvider) -> None:
    # A daemon: an exporter that hangs must not keep the process.
    flushing = Thread(target=provider.shutdown, name="traces", daemon=True)
    flushing.start()
    await asyncio.to_thread(flushing.join, FLUSH_SECONDS)
    if flushing.is_alive():
        log.warning("tracing.not_flushed", waited_s=FLUSH_SECONDS)


class TellingExporter(SpanExporter):
    """An exporter that never raises, and says once that its collector is away, and once that it is
    back. Used by one thread."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._away = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        error = "refused"
        try:
            result = self._exporter.export(spans)
        except Exception as raised:  # noqa: BLE001  # whatever it is, the service goes on
            result, error = SpanExportResult.FAILURE, type(raised).__name__
        away = result is not SpanExportResult.SUCCESS
        if away and not self._away:
            log.warning("tracing.collector_away", error=error)
        elif self._away and not away:
            log.info("tracing.collector_back")
        self._away = away
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)
