from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from application.ledger.figures import LedgerFigures
from interfaces.metrics import InstallationMetrics, gauge, ledger_gauges, model_gauges
from projections.progress import ModelStatus

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


async def test_the_read_models() -> None:
    async def models() -> Iterable[Metric]:
        return model_gauges([ModelStatus("orders", 7, 9, 2, 1), ModelStatus("ledger", 9, 9, 0, 0)])

    found = samples(await InstallationMetrics({"models": models}).text())
    assert {key: value for key, value in found.items() if key[0] != "collected"} == {
        ("model_lag_events", ("orders",)): 2,
        ("model_lag_events", ("ledger",)): 0,
        ("model_dead_letters", ("orders",)): 1,
        ("model_dead_letters", ("ledger",)): 0,
    }
