"""What an installation measures of itself, as Prometheus text.

A new figure is a gauge in one of the functions below, or in one of its own, whose source is a line
where `interfaces.composition.metrics` names them. No label may hold what a client can make up,
such as a tenant: Prometheus keeps each value for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from time import monotonic

import structlog
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from application.ledger.figures import LedgerFigures
from projections.progress import ModelStatus

Source = Callable[[], Awaitable[Iterable[Metric]]]

KEPT_SECONDS = 1.0
PREFIX = "order_history_"
ALARM_KINDS = ("audit", "signer", "witness")
"""Told of though none stands, so that a rule finds a series before the first one."""

log = structlog.get_logger(__name__)


class InstallationMetrics:
    """Implements `interfaces.http.metrics.Metrics`. Each source is asked at most once a second."""

    def __init__(
        self, sources: Mapping[str, Source], clock: Callable[[], float] = monotonic
    ) -> None:
        self._sources = sources
        self._clock = clock
        self._asking = asyncio.Lock()
        self._kept: tuple[float, bytes] | None = None

    async def text(self) -> bytes:
        """What could be measured; of each source, whether it could. Never raises."""
        async with self._asking:
            if self._kept is None or self._clock() - self._kept[0] >= KEPT_SECONDS:
                text = generate_latest(_Collected(await self._collect()))
                self._kept = self._clock(), text
            return self._kept[1]

    async def _collect(self) -> list[Metric]:
        answered = gauge("collected", "Whether this part could be measured.", labels=["source"])
        found: list[Metric] = [answered]
        for name, source in self._sources.items():
            try:
                found += await source()
            except Exception as error:  # noqa: BLE001 - one part must not silence the others
                log.warning("metrics.not_collected", source=name, error=type(error).__name__)
                answered.add_metric([name], 0)
            else:
                answered.add_metric([name], 1)
        return found


class _Collected(Collector):
    """What generate_latest takes."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def gauge(
    name: str, description: str, value: float | None = None, *, labels: Sequence[str] | None = None
) -> GaugeMetricFamily:
    """A gauge of ours; with labels, its values are still to be added."""
    return GaugeMetricFamily(PREFIX + name, description, value=value, labels=labels)


def ledger_gauges(figures: LedgerFigures) -> list[Metric]:
    """What is signed and audited."""
    alarms = gauge("ledger_alarms", "Tenants' ledgers that differ, by finder.", labels=["kind"])
    for kind in sorted({*ALARM_KINDS, *figures.alarms}):
        alarms.add_metric([kind], figures.alarms.get(kind, 0))
    gauges: list[Metric] = [
        alarms,
        gauge("ledger_unsigned_events", "Events behind the last round.", figures.unsigned_events),
        gauge(
            "ledger_signed_age_seconds",
            "While events wait: age of the newest checkpoint, or of the oldest of them if less.",
            figures.signed_age_us / 1e6,
        ),
        gauge(
            "ledger_audited_events",
            "Events that the self-audit has looked at in its pass under way.",
            figures.audited_events,
        ),
        gauge("ledger_audit_passes", "Passes of the self-audit before.", figures.audit_passes),
    ]
    if figures.unpublished_rounds is not None:
        said = "Rounds of the global log that are signed, not published."
        gauges.append(gauge("ledger_unpublished_rounds", said, figures.unpublished_rounds))
    return gauges


def model_gauges(models: Iterable[ModelStatus]) -> list[Metric]:
    """How far the read models are."""
    lag = gauge("model_lag_events", "Events that a read model is behind.", labels=["model"])
    letters = gauge(
        "model_dead_letters", "Events that a read model had to leave out.", labels=["model"]
    )
    for model in models:
        lag.add_metric([model.model], model.lag)
        letters.add_metric([model.model], model.dead_letters)
    return [lag, letters]
