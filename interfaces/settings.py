"""What an installation may be told: options of the command line, or environment variables."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

from domain.tenancy.quotas import MOST, Limits
from interfaces.issuers import IssuerSettings

DEFAULT_DATA_DIR = Path("data/order-history")
CELL = "cell_0"


class LedgerSettings(Struct, frozen=True):
    """How the ledger is signed, published, witnessed and audited.

    publish_dir: where checkpoints are published; in the data directory if left out.
    checkpoint_seconds: between checkpoints, while events arrive. witness_policy: a C2SP tlog-policy
    that names the witnesses and the quorum. tsa_url: an RFC 3161 authority, tsa_roots the PEM file
    of the certificates it must chain to. audit_rate: stored events that the self-audit reads a
    second; 0 turns it off.
    """

    publish_dir: Path | None = None
    checkpoint_seconds: float = 1.0
    witness_policy: Path | None = None
    tsa_url: str | None = None
    tsa_roots: Path | None = None
    audit_rate: int = 2000


class AccessSettings(Struct, frozen=True):
    """How reads of personal data are logged. reasoned: roles whose holders are shown personal
    values only with a reason. fsync: each answer that shows some waits until its entry is flushed.
    """

    reasoned: tuple[str, ...] = ()
    fsync: bool = False


class TracesSettings(Struct, frozen=True):
    """Where traces go. url: a collector's endpoint for traces (OTLP, http/protobuf), its path
    included. ratio: the share of the requests without a traceparent that is traced, 0 to 1.
    """

    url: str
    ratio: float = 0.01


class Settings(Struct, frozen=True):
    """Everything the composition root needs to know.

    `database_url` is a libpq URL. `data_dir` holds keys, and the embedded database if there is
    one. `issuers`: whose tokens are accepted beside the local ones. `failed_tokens`: how many may
    come from one address in a minute before new ones have to wait; 0: any number. `open_tenants`: a
    tenant exists from its first event; else it must be in public.tenants. `open_metrics`: /metrics
    answers without a token, to this machine. `reconcile_rate`: events that the reconciler holds the
    read models against a second; 0 turns it off. `traces`: None turns tracing off. `quotas`: of
    tenants that have none of their own.
    """

    database_url: str
    data_dir: Path
    cell: str = CELL
    issuers: tuple[IssuerSettings, ...] = ()
    failed_tokens: int = 20
    open_tenants: bool = True
    open_metrics: bool = True
    ledger: LedgerSettings = LedgerSettings()
    access: AccessSettings = AccessSettings()
    reconcile_rate: int = 500
    traces: TracesSettings | None = None
    quotas: Limits = Limits()


def ledger_from(env: Mapping[str, str]) -> LedgerSettings:
    """ORDER_HISTORY_PUBLISH_DIR, _CHECKPOINT_SECONDS, _WITNESS_POLICY, _TSA_URL with _TSA_ROOTS,
    _AUDIT_RATE; each may be left out.

    Raises ValueError, naming the variable.
    """
    tsa_url, tsa_roots = env.get("ORDER_HISTORY_TSA_URL"), env.get("ORDER_HISTORY_TSA_ROOTS")
    if tsa_url and not tsa_roots:
        raise ValueError("ORDER_HISTORY_TSA_URL needs ORDER_HISTORY_TSA_ROOTS as well")
    policy = env.get("ORDER_HISTORY_WITNESS_POLICY")
    published = env.get("ORDER_HISTORY_PUBLISH_DIR")
    return LedgerSettings(
        publish_dir=Path(published) if published else None,
        checkpoint_seconds=_number(env, "ORDER_HISTORY_CHECKPOINT_SECONDS", 1.0, 0.05, 86400.0),
        witness_policy=Path(policy) if policy else None,
        tsa_url=tsa_url or None,
        tsa_roots=Path(tsa_roots) if tsa_roots else None,
        audit_rate=math.ceil(_number(env, "ORDER_HISTORY_AUDIT_RATE", 2000.0, 0.0, 1e9)),
    )


def access_from(env: Mapping[str, str]) -> AccessSettings:
    """ORDER_HISTORY_REQUIRE_REASON, roles with commas between them; _ACCESS_FSYNC, `no` or `yes`;
    no if left out.

    Raises ValueError, naming the variable.
    """
    roles = [one.strip() for one in (env.get("ORDER_HISTORY_REQUIRE_REASON") or "").split(",")]
    return AccessSettings(
        reasoned=tuple(role for role in roles if role),
        fsync=_yes(env, "ORDER_HISTORY_ACCESS_FSYNC", "no"),
    )


def quotas_from(env: Mapping[str, str]) -> Limits:
    """ORDER_HISTORY_EVENTS_PER_DAY, _REQUESTS_PER_MINUTE; no limit if left out. Raises
    ValueError."""
    names = {
        "events_per_day": "ORDER_HISTORY_EVENTS_PER_DAY",
        "requests_per_minute": "ORDER_HISTORY_REQUESTS_PER_MINUTE",
    }
    given = {field: _number(env, name, math.inf, 1.0, MOST) for field, name in names.items()}
    return Limits(**{field: math.ceil(one) for field, one in given.items() if math.isfinite(one)})


def reconcile_rate_from(env: Mapping[str, str]) -> int:
    """ORDER_HISTORY_RECONCILE_RATE; 500 if left out. Raises ValueError."""
    return math.ceil(_number(env, "ORDER_HISTORY_RECONCILE_RATE", 500.0, 0.0, 1e9))


def failed_tokens_from(env: Mapping[str, str]) -> int:
    """ORDER_HISTORY_FAILED_TOKENS; 20 if left out. Raises ValueError."""
    return math.ceil(_number(env, "ORDER_HISTORY_FAILED_TOKENS", 20.0, 0.0, 1e9))


def traces_from(env: Mapping[str, str]) -> TracesSettings | None:
    """ORDER_HISTORY_TRACES_URL with _TRACES_RATIO; None when there is no URL.

    Raises ValueError, naming the variable. The URL is not repeated: it may hold a password.
    """
    url = env.get("ORDER_HISTORY_TRACES_URL")
    if not url:
        return None
    if not _is_http(url):
        raise ValueError(
            "ORDER_HISTORY_TRACES_URL is not an HTTP URL, such as http://localhost:4318/v1/traces"
        )
    return TracesSettings(url, _number(env, "ORDER_HISTORY_TRACES_RATIO", 0.01, 0.0, 1.0))


def open_metrics_from(env: Mapping[str, str]) -> bool:
    """ORDER_HISTORY_METRICS, `no` or `yes`; yes if left out. Raises ValueError."""
    return _yes(env, "ORDER_HISTORY_METRICS")


def open_tenants_from(env: Mapping[str, str]) -> bool:
    """ORDER_HISTORY_OPEN_TENANTS, `no` or `yes`; yes if left out. Raises ValueError."""
    return _yes(env, "ORDER_HISTORY_OPEN_TENANTS")


def _yes(env: Mapping[str, str], name: str, default: str = "yes") -> bool:
    given = env.get(name) or default
    if given not in ("yes", "no"):
        raise ValueError(f"{name} must be yes or no")
    return given == "yes"


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port  # read only now, and may be no number
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _number(env: Mapping[str, str], name: str, default: float, least: float, most: float) -> float:
    given = env.get(name)
    if not given:
        return default
    try:
        number = float(given)
    except ValueError:
        number = math.nan
    if not least <= number <= most:
        raise ValueError(f"{name} must be a number from {least:g} to {most:g}")
    return number
