"""Section 13: who was shown which personal values."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from litestar.types import ASGIApp
from msgspec import Meta, Struct, field

from application.access_log.ports import Asked
from domain.access.permissions import Permission
from interfaces.http.answers import listing
from interfaces.http.caller import ApiRequest
from interfaces.http.cursors import Walk
from interfaces.http.endpoint import Reply, endpoint, problems
from interfaces.http.params import Instant, Page, Text, refuse_reversed
from interfaces.http.schemas import list_of


class AccessLogQuery(Page, frozen=True, kw_only=True):
    """Filters of the log; all of them together."""

    subject: Text | None = None
    order_id: Annotated[Text, Meta(description="Who has looked at this order.")] | None = None
    operation: (
        Annotated[Text, Meta(description="An operationId of this document: get_timeline.")] | None
    ) = None
    from_: Annotated[Instant, Meta(description="Only reads at this time or later.")] | None = field(
        default=None, name="from"
    )
    to: Annotated[Instant, Meta(description="Only reads before this time.")] | None = None
    reason_given: bool | None = None

    def __post_init__(self) -> None:
        refuse_reversed(self.from_, self.to, "from", "to")


class AccessItem(Struct, frozen=True):
    """An answer that showed personal values. orders, fields: whose, and under which names; events:
    in how many events, states or lines. A stream makes one for each batch. reason, address: of the
    reader; or {"masked": true}, {"erased": true}."""

    entry_id: str
    at: str
    subject: str
    roles: list[str]
    operation: str
    endpoint: str
    orders: list[str]
    fields: list[str]
    events: int
    personal_values: int
    size_bytes: int
    reason: str | dict[str, bool] | None
    address: str | dict[str, bool] | None


@endpoint(
    "GET",
    "/access-logs",
    permission=Permission.ACCESS_LOGS_READ,
    summary="Who was shown personal values",
    tag="Audit",
    query=AccessLogQuery,
    replies={200: Reply("The newest first.", list_of(AccessItem)), **problems(503)},
    reveals=True,
)
async def list_access_logs(request: ApiRequest, query: AccessLogQuery) -> ASGIApp:
    """Every answer that went out before is there. The reason and the address are personal to the
    reader: masked, or erased, as values of events are. This read is logged as well."""
    services, caller = request.services, request.caller
    walk = Walk(services.cursor_key, caller.tenant_id, "access-logs", query)
    asked = Asked(
        subject=query.subject,
        order_id=query.order_id,
        operation=query.operation,
        from_us=query.from_,
        to_us=query.to,
        reason_given=query.reason_given,
    )
    before = walk.after(query.cursor, tuple[int, UUID])
    items, last = await services.access_log.listed(
        caller, request.shown, asked, before, query.limit
    )
    return listing(items, None if last is None else walk.cursor(last))


HANDLERS = (list_access_logs,)
