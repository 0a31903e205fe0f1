"""Spans that are kept where a test sees them at once."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased
from opentelemetry.trace import Tracer


@pytest.fixture
def made() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracer(made: InMemorySpanExporter) -> Tracer:
    """Samples what a parent has sampled, and nothing else."""
    provider = TracerProvider(ParentBased(ALWAYS_OFF), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(made))
    return provider.get_tracer("test")
