from __future__ import annotations

from pathlib import Path

import pytest

from interfaces.settings import (
    AccessSettings,
    LedgerSettings,
    TracesSettings,
    access_from,
    failed_tokens_from,
    ledger_from,
    open_metrics_from,
    open_tenants_from,
    reconcile_rate_from,
    traces_from,
)


@pytest.mark.parametrize(("given", "open_metrics"), [("no", False), ("yes", True), ("", True)])
def test_the_local_metrics_can_be_switched_off(given: str, open_metrics: bool) -> None:
    assert open_metrics_from({"ORDER_HISTORY_METRICS": given}) is open_metrics
    assert open_metrics_from({}) is True


@pytest.mark.parametrize("given", ["off", "false", "0", "NO", " no"])
def test_what_may_be_meant_as_no_is_not_taken_for_yes(given: str) -> None:
    with pytest.raises(ValueError, match="ORDER_HISTORY_METRICS must be yes or no"):
        open_metrics_from({"ORDER_HISTORY_METRICS": given})


@pytest.mark.parametrize(("given", "open_tenants"), [("no", False), ("yes", True), ("", True)])
def test_tenants_can_be_asked_to_register(given: str, open_tenants: bool) -> None:
    assert open_tenants_from({"ORDER_HISTORY_OPEN_TENANTS": given}) is open_tenants
    assert open_tenants_from({}) is True


@pytest.mark.parametrize("given", ["off", "false", "0", "NO", " no"])
def test_what_may_be_meant_as_no_does_not_open_the_tenants(given: str) -> None:
    with pytest.raises(ValueError, match="ORDER_HISTORY_OPEN_TENANTS must be yes or no"):
        open_tenants_from({"ORDER_HISTORY_OPEN_TENANTS": given})


def test_how_the_ledger_is_signed_has_defaults() -> None:
    assert ledger_from({}) == LedgerSettings()
    empty = {f"ORDER_HISTORY_{name}": "" for name in ("PUBLISH_DIR", "CHECKPOINT_SECONDS")}
    assert ledger_from(empty) == LedgerSettings()
    assert LedgerSettings().checkpoint_seconds == 1.0


def test_how_the_ledger_is_signed_can_be_said() -> None:
    said = ledger_from(
        {
            "ORDER_HISTORY_PUBLISH_DIR": "/srv/checkpoints",
            "ORDER_HISTORY_CHECKPOINT_SECONDS": "0.25",
            "ORDER_HISTORY_WITNESS_POLICY": "policy.txt",
            "ORDER_HISTORY_TSA_URL": "http://tsa.example",
            "ORDER_HISTORY_TSA_ROOTS": "roots.pem",
            "ORDER_HISTORY_AUDIT_RATE": "0",
        }
    )
    assert said == LedgerSettings(
        publish_dir=Path("/srv/checkpoints"),
        checkpoint_seconds=0.25,
        witness_policy=Path("policy.txt"),
        tsa_url="http://tsa.example",
        tsa_roots=Path("roots.pem"),
        audit_rate=0,
    )


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        *(("CHECKPOINT_SECONDS", bad) for bad in ("0", "0.01", "-1", "86401", "nan", "one", "inf")),
        *(("AUDIT_RATE", bad) for bad in ("-1", "many", "1e10")),
    ],
)
def test_a_number_out_of_bounds_is_named_with_its_bounds(name: str, bad: str) -> None:
    with pytest.raises(ValueError, match=f"ORDER_HISTORY_{name} must be a number from .* to "):
        ledger_from({f"ORDER_HISTORY_{name}": bad})


def test_an_authority_needs_its_roots() -> None:
    with pytest.raises(ValueError, match="ORDER_HISTORY_TSA_ROOTS"):
        ledger_from({"ORDER_HISTORY_TSA_URL": "http://tsa.example"})


def test_a_rate_below_one_does_not_switch_the_audit_off() -> None:
    assert ledger_from({"ORDER_HISTORY_AUDIT_RATE": "0.5"}).audit_rate == 1
    assert ledger_from({"ORDER_HISTORY_AUDIT_RATE": "0"}).audit_rate == 0


def test_how_reads_are_logged() -> None:
    assert access_from({}) == AccessSettings()
    given = {
        "ORDER_HISTORY_REQUIRE_REASON": "support, tier 2,",
        "ORDER_HISTORY_ACCESS_FSYNC": "yes",
    }
    assert access_from(given) == AccessSettings(("support", "tier 2"), fsync=True)
    with pytest.raises(ValueError, match="ORDER_HISTORY_ACCESS_FSYNC must be yes or no"):
        access_from({"ORDER_HISTORY_ACCESS_FSYNC": "on"})


def test_the_rate_of_the_reconciler() -> None:
    assert reconcile_rate_from({}) == 500
    assert reconcile_rate_from({"ORDER_HISTORY_RECONCILE_RATE": "0.5"}) == 1
    assert reconcile_rate_from({"ORDER_HISTORY_RECONCILE_RATE": "0"}) == 0
    with pytest.raises(ValueError, match="ORDER_HISTORY_RECONCILE_RATE must be a number"):
        reconcile_rate_from({"ORDER_HISTORY_RECONCILE_RATE": "fast"})


def test_how_many_tokens_may_fail() -> None:
    assert failed_tokens_from({}) == 20
    assert failed_tokens_from({"ORDER_HISTORY_FAILED_TOKENS": "0"}) == 0
    with pytest.raises(ValueError, match="ORDER_HISTORY_FAILED_TOKENS must be a number"):
        failed_tokens_from({"ORDER_HISTORY_FAILED_TOKENS": "-1"})


COLLECTOR = "https://collector.example:4318/v1/traces"


def test_traces_are_off_unless_a_collector_is_named() -> None:
    assert traces_from({}) is None
    assert traces_from({"ORDER_HISTORY_TRACES_URL": "", "ORDER_HISTORY_TRACES_RATIO": "1"}) is None
    said = {"ORDER_HISTORY_TRACES_URL": COLLECTOR}
    assert traces_from(said) == TracesSettings(COLLECTOR, 0.01)
    for given, ratio in (("0", 0.0), ("0.5", 0.5), ("1", 1.0)):
        asked = traces_from({**said, "ORDER_HISTORY_TRACES_RATIO": given})
        assert asked == TracesSettings(COLLECTOR, ratio)


@pytest.mark.parametrize("bad", ["-0.1", "1.1", "all", "nan"])
def test_a_ratio_is_a_share(bad: str) -> None:
    with pytest.raises(ValueError, match="ORDER_HISTORY_TRACES_RATIO must be a number from 0 to 1"):
        traces_from({"ORDER_HISTORY_TRACES_URL": COLLECTOR, "ORDER_HISTORY_TRACES_RATIO": bad})


@pytest.mark.parametrize(
    "bad", ["collector:4318", "grpc://u:secret@c", "http://", "http://[x", "http://u:secret@c:x/"]
)
def test_what_is_no_url_of_a_collector_is_refused_and_not_repeated(bad: str) -> None:
    with pytest.raises(ValueError, match="ORDER_HISTORY_TRACES_URL is not an HTTP URL") as refused:
        traces_from({"ORDER_HISTORY_TRACES_URL": bad})
    assert "secret" not in str(refused.value)
