"""Section 3: snapshots of an order's whole state."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar.types import ASGIApp
from msgspec import Raw, Struct

from application.snapshots.ports import SnapshotRow
from domain.access.permissions import Permission
from domain.errors import FieldError, Invalid, NotFound
from domain.orders.envelope import check_text
from interfaces.http.answers import (
    accepted,
    created,
    listing,
    location,
    no_content,
    replayed,
    resource,
)
from interfaces.http.bodies import EVENT_LIMIT, SNAPSHOT_LIMIT, read_json_bytes
from interfaces.http.caller import ApiRequest
from interfaces.http.cursors import Walk
from interfaces.http.endpoint import (
    IDEMPOTENCY_KEY,
    IF_NONE_MATCH,
    Content,
    Reply,
    endpoint,
    problems,
)
from interfaces.http.idempotency import idempotency_key, of_key
from interfaces.http.params import Page
from interfaces.http.problems import in_place
from interfaces.http.schemas import ComputeIn, JobView, SnapshotIn, list_of

_EXAMPLE: dict[str, Any] = {
    "snapshot_id": "snap_1",
    "captured_at": "2025-08-29T12:34:00Z",
    "source": "order-service",
    "state": {"status": "paid", "total_minor": 5194},
}


class SnapshotItem(Struct, frozen=True, omit_defaults=True):
    """A snapshot in the list. `sequence` is that of its event on the ledger."""

    snapshot_id: str
    order_id: str
    captured_at: str
    source: str
    size_bytes: int
    sequence: int


class SnapshotView(Struct, frozen=True, omit_defaults=True):
    """A snapshot with its state."""

    snapshot_id: str
    order_id: str
    captured_at: str
    source: str
    size_bytes: int
    sequence: int
    state: Raw
    metadata: Raw | None = None


@endpoint(
    "POST",
    "/orders/{order_id:str}/snapshots",
    permission=Permission.SNAPSHOTS_UPLOAD,
    summary="Store a snapshot",
    tag="Snapshots",
    content=(Content(SnapshotIn, example=_EXAMPLE),),
    replies={
        201: Reply("Stored; its hash is on the ledger.", SnapshotItem, headers=("Location",)),
        200: Reply("Stored before, with equal content.", SnapshotItem,
                   headers=("Location", "Idempotency-Replayed")),
        **problems(404, 409, 413, 415, 503),
    },
)  # fmt: skip
async def upload_snapshot(request: ApiRequest) -> ASGIApp:
    """Immutable. It never changes the answer to an as-of question. The source `order-history` is
    that of computed snapshots."""
    caller = request.caller
    order_id = request.path_value("order_id")
    wrong: list[FieldError] = []
    check_text("order_id", order_id, 200, wrong)
    if wrong:
        raise in_place(Invalid(wrong), "path")
    raw = await read_json_bytes(request, SNAPSHOT_LIMIT)
    kept = await request.services.capture.upload(caller.tenant_id, caller.subject, order_id, raw)
    where = location("snapshots", kept.row.snapshot_id)
    return (replayed if kept.replayed else created)(msgspec.json.encode(_item(kept.row)), where)


@endpoint(
    "GET",
    "/orders/{order_id:str}/snapshots",
    permission=Permission.SNAPSHOTS_READ,
    summary="List an order's snapshots",
    tag="Snapshots",
    query=Page,
    replies={200: Reply("By captured_at.", list_of(SnapshotItem)), **problems(404, 503)},
)
async def list_snapshots(request: ApiRequest, query: Page) -> ASGIApp:
    """Without their states."""
    services, caller = request.services, request.caller
    order_id = request.path_value("order_id")
    await services.sight.require_order(caller, Permission.SNAPSHOTS_READ, order_id)
    walk = Walk(services.cursor_key, caller.tenant_id, f"snapshots/{order_id}", query)
    after = walk.after(query.cursor, tuple[int, str])
    rows = await services.snapshots.of_order(caller.tenant_id, order_id, after, query.limit + 1)
    if not rows and not await services.orders.order_exists(caller.tenant_id, order_id):
        raise NotFound("there is no such order")
    page = rows[: query.limit]
    next_cursor = None
    if len(rows) > query.limit:
        next_cursor = walk.cursor((page[-1].captured_us, page[-1].snapshot_id))
    return listing([msgspec.json.encode(_item(row)) for row in page], next_cursor)


@endpoint(
    "GET",
    "/snapshots/{snapshot_id:str}",
    permission=Permission.SNAPSHOTS_READ,
    summary="One snapshot",
    tag="Snapshots",
    headers=(IF_NONE_MATCH,),
    replies={
        200: Reply("The snapshot with its state.", SnapshotView, headers=("ETag",)),
        304: Reply("The caller has it already.", headers=("ETag",)),
        **problems(404, 405, 503),
    },
    reveals=True,
)
async def get_snapshot(request: ApiRequest) -> ASGIApp:
    """Personal values as the caller may see them."""
    services, caller = request.services, request.caller
    caller.reach_of_orders(Permission.SNAPSHOTS_READ)  # refused alike, whether it is there or not
    row = await services.snapshots.get(caller.tenant_id, request.path_value("snapshot_id"))
    if row is None:
        raise NotFound("there is no such snapshot")
    await services.sight.require_order(caller, Permission.SNAPSHOTS_READ, row.order_id, "snapshot")
    show = await services.viewer.snapshot(caller, request.shown, row.order_id, row.sequence)
    return resource(request, show(msgspec.json.encode(_view(row))))


@endpoint(
    "DELETE",
    "/snapshots/{snapshot_id:str}",
    permission=Permission.SNAPSHOTS_DELETE,
    summary="Delete a snapshot",
    tag="Snapshots",
    replies={204: Reply("Deleted; a tombstone is on the ledger."),
             **problems(404, 405, 409, 503)},
)  # fmt: skip
async def delete_snapshot(request: ApiRequest) -> ASGIApp:
    """The state and its personal values go; that it was there stays. Under a legal hold it is 409,
    naming the holds; that it was asked for is then on the ledger. So it is while the duty of a
    retention policy keeps it."""
    await request.services.delete_snapshot(
        request.caller.tenant_id, request.doer, request.path_value("snapshot_id")
    )
    return no_content()


@endpoint(
    "POST",
    "/snapshots/compute",
    permission=Permission.SNAPSHOTS_COMPUTE,
    summary="Compute a snapshot by folding events",
    tag="Snapshots",
    headers=(IDEMPOTENCY_KEY,),
    content=(Content(ComputeIn, example={"order_id": "ord_123"}),),
    replies={
        202: Reply("A job, whose result names the snapshot.", JobView,
                   headers=("Location", "Idempotency-Replayed")),
        **problems(409, 413, 415, 503),
    },
)  # fmt: skip
async def compute_snapshot(request: ApiRequest) -> ASGIApp:
    """The job fails when nothing is known about the order at that moment. A `snapshot_id` that is
    taken by an upload, or by the answer to another question, is 409.

    An Idempotency-Key that came before with the same request answers the job of that time, with
    `Idempotency-Replayed: true`; with another request 422."""
    raw, key = await read_json_bytes(request, EVENT_LIMIT), idempotency_key(request)
    try:
        made = await request.services.compute(request.caller, raw, key)
    except Invalid as error:
        raise of_key(error) from None
    return accepted(made)


def _item(row: SnapshotRow) -> SnapshotItem:
    return SnapshotItem(
        row.snapshot_id, row.order_id, row.captured_at, row.source, row.size_bytes, row.sequence
    )


def _view(row: SnapshotRow) -> SnapshotView:
    return SnapshotView(
        row.snapshot_id,
        row.order_id,
        row.captured_at,
        row.source,
        row.size_bytes,
        row.sequence,
        Raw(row.state),
        None if row.metadata is None else Raw(row.metadata),
    )


HANDLERS = (
    compute_snapshot,
    upload_snapshot,
    list_snapshots,
    get_snapshot,
    delete_snapshot,
)
