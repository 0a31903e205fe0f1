"""What the dashboard and the alert rules of docs/operations name is there in a real scrape."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from interfaces.http.health import HealthReport
from tests.interfaces.http.journeys.house import BASE, Shop

pytestmark = pytest.mark.anyio

OPERATIONS = Path(__file__).parents[4] / "docs" / "operations"
_METRIC = re.compile(r"\border_history_[a-z0-9_]+")
_SELECTOR = re.compile(r"\b(order_history_[a-z0-9_]+)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'\s*([a-z_]+)\s*(?:=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)')
_BY = re.compile(r"\bby \(([^)]*)\)")
_FUNCTIONS = {
    "absent", "deriv", "histogram_quantile", "increase", "max", "max_over_time", "min", "or",
    "predict_linear", "rate", "sum",
}  # fmt: skip
# What a Prometheus adds itself.
_ADDED = frozenset({"instance", "job"})
# Families that have no series here: no copy of the database, no schedule that ran, no storage that
# tells. Their labels are those that interfaces/metrics.py gives them.
_WITHOUT_SERIES = {
    "order_history_replication_lag_seconds": {"copy"},
    "order_history_replication_lag_bytes": {"copy"},
    "order_history_schedule_age_seconds": {"schedule"},
    "order_history_schedule_interval_seconds": {"schedule"},
    "order_history_schedule_failed": {"schedule"},
}


def rules() -> list[dict[str, Any]]:
    document = msgspec.yaml.decode((OPERATIONS / "alerts.yaml").read_bytes())
    return [rule for group in document["groups"] for rule in group["rules"]]


def panels() -> Iterator[dict[str, Any]]:
    yield from msgspec.json.decode((OPERATIONS / "dashboard.json").read_bytes())["panels"]


def expressions() -> list[str]:
    asked = [target["expr"] for panel in panels() for target in panel.get("targets", [])]
    return [*(rule["expr"] for rule in rules()), *asked]


async def scraped(shop: Shop) -> dict[str, set[str]]:
    """Every name of a series -> the labels of its samples."""
    await shop.record()
    await shop.read("/orders")
    answer = await shop.as_role("operator").get(f"{BASE}/metrics")
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(answer.text):
        found.setdefault(family.name, _WITHOUT_SERIES.get(family.name, set()))
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


async def test_every_metric_and_label_exists(shop: Shop) -> None:
    there = await scraped(shop)
    asked = expressions()
    assert len(asked) > 50
    for expression in asked:
        labels: set[str] = set()
        for name, selector in _SELECTOR.findall(expression):
            assert name in there, expression
            labels |= there[name]
            matchers = _MATCHER.findall(selector)
            assert bool(matchers) == bool(selector), expression
            assert {label for label, _ in matchers} <= there[name] | _ADDED, expression
            for _, pattern in matchers:
                re.compile(pattern)
        grouped = {one.strip() for by in _BY.findall(expression) for one in by.split(",")}
        assert grouped <= labels | _ADDED, expression


@pytest.mark.parametrize("expression", expressions())
def test_an_expression_is_well_formed(expression: str) -> None:
    assert _METRIC.search(expression)
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", expression)
    for opening, closing in ("()", "{}", "[]"):
        assert bare.count(opening) == bare.count(closing)
    words = re.sub(r"\{[^}]*\}|\[[^]]*\]|\bby \([^)]*\)|order_history_\w+|\b\d[\d.e]*", " ", bare)
    assert set(re.findall(r"[a-z_]+", words)) <= _FUNCTIONS


def test_every_alert_is_explained_and_no_other() -> None:
    explained = re.findall(r"^\| `(OrderHistory\w+)` \|", readme(), re.MULTILINE)
    assert sorted(explained) == sorted(rule["alert"] for rule in rules())
    assert len(set(explained)) == len(explained)


def test_every_alert_says_how_grave_it_is() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in ("warning", "critical"), rule["alert"]
        assert rule["annotations"]["summary"]


def test_panels_have_a_place_of_their_own() -> None:
    all_ = list(panels())
    assert len({panel["id"] for panel in all_}) == len(all_)
    taken: set[tuple[int, int]] = set()
    for panel in all_:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"])
                 for y in range(at["y"], at["y"] + at["h"])}  # fmt: skip
        assert not cells & taken, panel["title"]
        taken |= cells


async def test_every_part_of_health_is_explained(shop: Shop) -> None:
    answer = await shop.as_role("operator").get(f"{BASE}/health")
    report = msgspec.json.decode(answer.content, type=HealthReport)
    parts = {re.sub(r"^projection\..*", "projection.<name>", name) for name in report.subsystems}
    section = readme().partition("## Parts of `GET /health`")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)) == parts


def readme() -> str:
    return (OPERATIONS / "README.md").read_text()
