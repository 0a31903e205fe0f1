"""What an installation measures of itself, as Prometheus text.

A new figure is a gauge in one of the functions below, or in one of its own, whose source is a line
where `interfaces.composition.metrics` names them; what a process tells of itself alone is in
`interfaces.process_metrics`. No label may hold what a client can make up, such as a tenant:
Prometheus keeps each value for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from time import monotonic

import structlog
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from application.ledger.figures import LedgerFigures
from application.watching.figures import JobFigures, ScheduleRun, StoreFigures, TableSize
from interfaces.http.health import Subsystem
from projections.progress import ModelStatus
from projections.reconciling.place import Reconciled

Source = Callable[[], Awaitable[Iterable[Metric]]]

KEPT_SECONDS = 1.0
PREFIX = "order_history_"
ALARM_KINDS = ("audit", "reconciler", "signer", "witness")
"""Told of though none stands, so that a rule finds a series before the first one."""
STATUSES = ("queued", "running", "succeeded", "failed", "cancelled")
"""Of jobs; told of as well though there is none."""
STATES = ("ok", "degraded", "down")
"""Of subsystems; a gauge tells the place of the state herein."""

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


def counter(
    name: str, description: str, value: float | None = None, *, labels: Sequence[str] | None = None
) -> CounterMetricFamily:
    """A counter of ours, whose series end in `_total`; with labels, as `gauge`."""
    return CounterMetricFamily(PREFIX + name, description, value=value, labels=labels)


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


def model_gauges(models: Iterable[ModelStatus], now_us: int) -> list[Metric]:
    """How far the read models are."""
    position = gauge("model_position", "The last position applied.", labels=["model"])
    lag = gauge("model_lag_events", "Events that a read model is behind.", labels=["model"])
    age = gauge(
        "model_lag_seconds",
        "How long the oldest event that it has not applied has been recorded; 0: there is none.",
        labels=["model"],
    )
    letters = gauge(
        "model_dead_letters", "Events that a read model had to leave out.", labels=["model"]
    )
    for model in models:
        since_us = now_us if model.waiting_since_us is None else model.waiting_since_us
        for family, value in (
            (position, model.position),
            (lag, model.lag),
            (age, max(0, now_us - since_us) / 1e6),
            (letters, model.dead_letters),
        ):
            family.add_metric([model.model], value)
    return [position, lag, age, letters]


def reconciler_metrics(told: Reconciled) -> list[Metric]:
    """How far the read models are held against the ledger, and what came of it."""
    return [
        gauge(
            "reconciled_events",
            "Events that the reconciler has looked at in its pass under way.",
            told.events,
        ),
        gauge("reconciler_passes", "Passes of the reconciler before.", told.passes),
        counter(
            "reconciler_healed_rows",
            "Rows of read models that the reconciler has put right.",
            told.healed,
        ),
    ]


def store_gauges(figures: StoreFigures, now_us: int) -> list[Metric]:
    """What is recorded, and how far copies of the database are behind."""
    found: list[Metric] = [
        counter("events_recorded", "Events on all ledgers, ever.", figures.recorded),
        gauge("replication_standbys", "Copies that replicate the database.", figures.attached),
    ]
    if figures.newest_us is not None:
        said = "How long ago the newest event was recorded."
        found.append(gauge("newest_event_age_seconds", said, _since(figures.newest_us, now_us)))
    behind = gauge("replication_lag_bytes", "WAL that a copy has yet to replay.", labels=["copy"])
    late = gauge("replication_lag_seconds", "How late a copy replays it.", labels=["copy"])
    for one in figures.standbys:
        if one.behind_bytes is not None:
            behind.add_metric([one.name], one.behind_bytes)
        if one.behind_us is not None:
            late.add_metric([one.name], one.behind_us / 1e6)
    return [*found, behind, late]


def job_gauges(figures: JobFigures) -> list[Metric]:
    """How many jobs there are, what became of the lines of bulk jobs, and who works on them."""
    jobs = gauge("jobs", "Jobs, by status.", labels=["status"])
    for status in STATUSES:
        jobs.add_metric([status], figures.by_status.get(status, 0))
    lines = counter("job_lines", "Lines of bulk jobs and imports.", labels=["outcome"])
    for outcome, count in figures.lines.items():
        lines.add_metric([outcome], count)
    return [
        jobs,
        lines,
        gauge(
            "jobs_queued_age_seconds",
            "How long the oldest queued job has been waiting; 0: there is none.",
            figures.oldest_queued_us / 1e6,
        ),
        gauge("workers", "Workers that have just said that they run.", figures.workers),
    ]


def schedule_gauges(runs: Iterable[ScheduleRun], now_us: int) -> list[Metric]:
    """When the worker's schedules ran."""
    age = gauge("schedule_age_seconds", "Since its newest run ended.", labels=["schedule"])
    every = gauge("schedule_interval_seconds", "How often it should.", labels=["schedule"])
    failed = gauge("schedule_failed", "Whether that run failed.", labels=["schedule"])
    for run in runs:
        age.add_metric([run.schedule], _since(run.ran_us, now_us))
        every.add_metric([run.schedule], run.every_us / 1e6)
        failed.add_metric([run.schedule], run.error is not None)
    return [age, every, failed]


def access_gauges(size: int, oldest_us: int | None, damaged: int, now_us: int) -> list[Metric]:
    """What waits in the spools of the access log: bytes, since when, and files that do not open."""
    age_us = 0 if oldest_us is None else max(0, now_us - oldest_us)
    return [
        gauge("access_spool_bytes", "Entries that are not yet in the access log.", size),
        gauge(
            "access_spool_age_seconds", "How long the oldest of them waits; 0: none.", age_us / 1e6
        ),
        gauge("access_spool_damaged", "Files of the spool that were set aside.", damaged),
    ]


def storage_gauges(tables: Iterable[TableSize], free_bytes: int) -> list[Metric]:
    """What the tables take, and what is left."""
    rows = gauge("table_bytes", "A table, without its indexes.", labels=["table"])
    indexes = gauge("index_bytes", "The indexes of a table.", labels=["table"])
    for table in tables:
        rows.add_metric([table.table], table.bytes)
        indexes.add_metric([table.table], table.index_bytes)
    free = gauge("data_dir_free_bytes", "Room on the disk of the data directory.", free_bytes)
    return [rows, indexes, free]


def health_gauges(subsystems: Mapping[str, Subsystem]) -> list[Metric]:
    """What `GET /health` says, without its words."""
    said = "As health has it: 0 ok, 1 degraded, 2 down."
    found = gauge("subsystem_status", said, labels=["subsystem"])
    for name, subsystem in subsystems.items():
        found.add_metric([name], STATES.index(subsystem.status))
    return [found]


def _since(then_us: int, now_us: int) -> float:
    return max(0, now_us - then_us) / 1e6
