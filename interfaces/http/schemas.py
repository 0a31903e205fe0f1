"""What bodies look like in the OpenAPI document. Handlers read bytes; these describe them."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

Id = Annotated[str, Meta(min_length=1, max_length=200)]
Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]

Query = Annotated[
    dict[str, Any], Meta(extra_json_schema={"$ref": "#/components/schemas/SearchQuery"})
]
"""A query of the search language (domain/search/schema.py)."""


class EventIn(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """An event as a producer sends it."""

    event_id: Id
    order_id: Id
    occurred_at: Time
    source: Annotated[str, Meta(min_length=1, max_length=100)]
    type: Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)+$")]
    schema_version: Annotated[str, Meta(min_length=1, max_length=100)]
    payload: dict[str, Any]
    metadata: dict[str, Any] | None = None
    correction_of: Id | None = None


class CorrectionIn(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A correction: `payload` is that of order.correction. `type`, `schema_version` and `source`
    may be left out."""

    event_id: Id
    correction_of: Id
    order_id: Id
    payload: dict[str, Any]
    occurred_at: Time
    type: str | None = None
    schema_version: str | None = None
    source: str | None = None
    metadata: dict[str, Any] | None = None


class SnapshotIn(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """An order's whole state, as its owner saw it at `captured_at`."""

    snapshot_id: Id
    captured_at: Time
    state: dict[str, Any]
    source: Annotated[str, Meta(min_length=1, max_length=100)]
    metadata: dict[str, Any] | None = None


class ComputeIn(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Which snapshot to compute. Without `snapshot_id` one is made up; times default to now."""

    order_id: Id
    snapshot_id: Id | None = None
    at: Time | None = None
    known_at: Time | None = None


class JobProgress(Struct, frozen=True):
    """How far a job is; `total` null: not known."""

    done: int
    total: int | None


class JobView(Struct, frozen=True):
    """A job. `errors` lists the first hundred things that went wrong."""

    job_id: str
    kind: str
    status: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    submitted_by: str
    submitted_at: str
    finished_at: str | None
    progress: JobProgress
    result: dict[str, Any]
    errors: list[Any]


@cache
def list_of(item: type[Struct]) -> Any:
    """The envelope of a list of these: one type for each, whoever asks."""
    return msgspec.defstruct(
        f"{item.__name__}List",
        [("items", list[item]), ("next_cursor", str | None)],  # type: ignore[valid-type]  # made at run time
    )


EVENT_EXAMPLE: dict[str, Any] = {
    "event_id": "evt_0001",
    "order_id": "ord_123",
    "occurred_at": "2025-08-29T12:34:56Z",
    "source": "order-service",
    "type": "order.payment.succeeded",
    "payload": {"payment_id": "pay_abc", "amount_minor": 5194, "currency": "GBP"},
    "schema_version": "v1",
    "metadata": {"correlation_id": "corr-1", "actor_id": "svc_payments"},
}
STORED_EXAMPLE: dict[str, Any] = {
    "id": "oh_evt_000000125678",
    "sequence": 125678,
    **EVENT_EXAMPLE,
    "order_version": 3,
    "received_at": "2025-08-29T12:34:58.000000Z",
    "integrity": {"sha256": "<64 hex digits>", "ledger_hash": "<64 hex digits>"},
}
