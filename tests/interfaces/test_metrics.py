from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest
from prometheus_client import Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from application.ledger.figures import LedgerFigures
from application.watching.figures import (
    JobFigures,
    ScheduleRun,
    Standby,
    StoreFigures,
    TableSize,
)
from interfaces.http.health import Subsystem
from interfaces.metrics import (
    InstallationMetrics,
    _Collected,
    gauge,
    health_gauges,
    job_gauges,
    ledger_gauges,
    model_gauges,
    reconciler_metrics,
    schedule_gauges,
    storage_gauges,
    store_gauges,
)
from projections.progress import ModelStatus
from projections.reconciling.place import Reconciled

pytestmark = pytest.mark.anyio

Sample = tuple[str, tuple[str, ...]]


def samples(text: bytes) -> dict[Sample, float]:
    return {
        (sample.name.removeprefix("order_history_"), tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


class Counting:
    """A source that says how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self) -> Iterable[Metric]:
        self.asked += 1
        await asyncio.sleep(0)
        return [gauge("asked", "x", self.asked)]


async def broken() -> Iterable[Metric]:
    raise RuntimeError("jane.doe@example.com")


def figures(**given: int | None) -> LedgerFigures:
    return LedgerFigures(
        **{
            "alarms": {"audit": 2, "witness": 1}, "unsigned_events": 3,
            "signed_age_us": 1_500_000, "unpublished_rounds": 4,
            "audited_events": 5, "audit_passes": 6, **given,
        }  # type: ignore[arg-type]  # each is what its name says
    )  # fmt: skip


async def test_what_is_measured_is_kept_for_a_second() -> None:
    source, now = Counting(), [100.0]
    metrics = InstallationMetrics({"counting": source}, lambda: now[0])
    texts = await asyncio.gather(*(metrics.text() for _ in range(5)))
    assert source.asked == 1
    assert set(texts) == {texts[0]}
    now[0] += 1
    assert samples(await metrics.text())["asked", ()] == 2


async def test_a_part_that_fails_is_told_of_and_silences_no_other() -> None:
    source = Counting()
    metrics = InstallationMetrics({"broken": broken, "counting": source})
    text = await metrics.text()
    assert samples(text) == {
        ("collected", ("broken",)): 0, ("collected", ("counting",)): 1, ("asked", ()): 1,
    }  # fmt: skip
    assert b"jane" not in text


async def test_the_ledger() -> None:
    async def ledger() -> Iterable[Metric]:
        return ledger_gauges(figures())

    found = samples(await InstallationMetrics({"ledger": ledger}).text())
    assert found == {
        ("collected", ("ledger",)): 1,
        ("ledger_alarms", ("audit",)): 2,
        ("ledger_alarms", ("reconciler",)): 0,
        ("ledger_alarms", ("signer",)): 0,
        ("ledger_alarms", ("witness",)): 1,
        ("ledger_unsigned_events", ()): 3,
        ("ledger_signed_age_seconds", ()): 1.5,
        ("ledger_unpublished_rounds", ()): 4,
        ("ledger_audited_events", ()): 5,
        ("ledger_audit_passes", ()): 6,
    }


def test_storage_that_does_not_tell_leaves_its_gauge_out() -> None:
    names = [family.name for family in ledger_gauges(figures(unpublished_rounds=None))]
    assert "order_history_ledger_unpublished_rounds" not in names
    assert "order_history_ledger_unsigned_events" in names


def measured(families: Iterable[Metric]) -> dict[Sample, float]:
    """What a Prometheus would read of them."""
    return samples(generate_latest(_Collected(families)))


def test_the_reconciler() -> None:
    assert measured(reconciler_metrics(Reconciled(passes=3, events=40, healed=5))) == {
        ("reconciled_events", ()): 40,
        ("reconciler_passes", ()): 3,
        ("reconciler_healed_rows_total", ()): 5,
    }


def test_the_read_models() -> None:
    models = [ModelStatus("orders", 7, 9, 2, 1, 2_000_000), ModelStatus("ledger", 9, 9, 0, 0)]
    assert measured(model_gauges(models, 5_500_000)) == {
        ("model_position", ("orders",)): 7,
        ("model_position", ("ledger",)): 9,
        ("model_lag_events", ("orders",)): 2,
        ("model_lag_events", ("ledger",)): 0,
        ("model_lag_seconds", ("orders",)): 3.5,
        ("model_lag_seconds", ("ledger",)): 0,
        ("model_dead_letters", ("orders",)): 1,
        ("model_dead_letters", ("ledger",)): 0,
    }


def test_the_store_and_its_copies() -> None:
    copies = (Standby("near", 10, 1_500_000), Standby("hidden", None, None))
    assert measured(store_gauges(StoreFigures(7, 4_000_000, 2, copies), 6_000_000)) == {
        ("events_recorded_total", ()): 7,
        ("newest_event_age_seconds", ()): 2,
        ("replication_standbys", ()): 2,
        ("replication_lag_bytes", ("near",)): 10,
        ("replication_lag_seconds", ("near",)): 1.5,
    }


def test_before_the_first_event_there_is_no_newest_one() -> None:
    assert measured(store_gauges(StoreFigures(0, None, 0, ()), 6_000_000)) == {
        ("events_recorded_total", ()): 0,
        ("replication_standbys", ()): 0,
    }


def test_an_event_of_a_clock_that_is_ahead_is_new() -> None:
    found = measured(store_gauges(StoreFigures(1, 9_000_000, 0, ()), 6_000_000))
    assert found["newest_event_age_seconds", ()] == 0


def test_jobs_have_every_status_though_there_is_none() -> None:
    figures = JobFigures({"running": 2, "failed": 1}, 500_000, {"recorded": 4, "rejected": 3}, 1)
    assert measured(job_gauges(figures)) == {
        ("jobs", ("queued",)): 0,
        ("jobs", ("running",)): 2,
        ("jobs", ("succeeded",)): 0,
        ("jobs", ("failed",)): 1,
        ("jobs", ("cancelled",)): 0,
        ("job_lines_total", ("recorded",)): 4,
        ("job_lines_total", ("rejected",)): 3,
        ("jobs_queued_age_seconds", ()): 0.5,
        ("workers", ()): 1,
    }


def test_schedules() -> None:
    runs = [ScheduleRun("a", 60_000_000, 1_000_000, None), ScheduleRun("b", 1, 2, "OSError")]
    assert measured(schedule_gauges(runs, 3_000_000)) == {
        ("schedule_age_seconds", ("a",)): 2,
        ("schedule_age_seconds", ("b",)): pytest.approx(3, abs=1e-5),
        ("schedule_interval_seconds", ("a",)): 60,
        ("schedule_interval_seconds", ("b",)): 1e-6,
        ("schedule_failed", ("a",)): 0,
        ("schedule_failed", ("b",)): 1,
    }


def test_storage() -> None:
    assert measured(storage_gauges([TableSize("events", 30, 20)], 70)) == {
        ("table_bytes", ("events",)): 30,
        ("index_bytes", ("events",)): 20,
        ("data_dir_free_bytes", ()): 70,
    }


def test_health_as_numbers() -> None:
    found = {"store": Subsystem("ok"), "disk": Subsystem("degraded"), "worker": Subsystem("down")}
    assert measured(health_gauges(found)) == {
        ("subsystem_status", ("store",)): 0,
        ("subsystem_status", ("disk",)): 1,
        ("subsystem_status", ("worker",)): 2,
    }
