"""Tracing, where it is asked for; where not, nothing of it is even imported."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import TypeVar

from litestar.types import ASGIApp
from msgspec import Struct

from application.orders.record import Prepares
from application.ports import Door
from application.watching.tracing import ProjectionSpans
from domain.errors import OrderHistoryError
from interfaces.http.traced import TracedApp
from interfaces.settings import Settings

_T = TypeVar("_T")
_NEEDED = ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http")


class TracingNotInstalled(OrderHistoryError):
    """ORDER_HISTORY_TRACES_URL is set, and OpenTelemetry is not installed: install
    requirements/tracing.txt, or leave the setting out."""


def _as_it_is(given: _T) -> _T:
    return given


class Tracing(Struct, frozen=True):
    """What is put around the parts of a process. None: nothing, and nothing is told."""

    app: Callable[[ASGIApp], ASGIApp] | None = None
    preparer: Callable[[Prepares], Prepares] = _as_it_is
    door: Callable[[Door], Door] = _as_it_is
    projections: ProjectionSpans | None = None


OFF = Tracing()


def require_tracing(settings: Settings) -> None:
    """Raises TracingNotInstalled when it is asked for and cannot be had."""
    if settings.traces is not None and not all(map(_installed, _NEEDED)):
        raise TracingNotInstalled


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # a package above it
        return False


@asynccontextmanager
async def tracing(settings: Settings, process: str) -> AsyncIterator[Tracing]:
    """Of this process, until left: enter it first, so that what comes last is traced as well.

    Raises TracingNotInstalled.
    """
    given = settings.traces
    if given is None:
        yield OFF
        return
    require_tracing(settings)
    # Imported here: the extra need not be installed, and costs time and memory where it is.
    from infrastructure.tracing.exporting import tracer  # noqa: PLC0415  # an extra
    from infrastructure.tracing.spans import RequestSpans, TracedProjections  # noqa: PLC0415  # an extra
    from infrastructure.tracing.writing import TracedDoor, TracedPreparing  # noqa: PLC0415  # an extra

    async with tracer(given.url, given.ratio, f"order-history-{process}") as spans:
        yield Tracing(
            app=lambda app: TracedApp(app, RequestSpans(spans)),
            preparer=lambda preparer: TracedPreparing(preparer, spans),
            door=lambda door: TracedDoor(door, spans),
            projections=TracedProjections(spans),
        )
