"""What records events, with spans around it: `validate`, and `commit` for the wait at the door."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from opentelemetry.trace import Tracer, get_current_span

from application.orders.record import Prepared, Prepares
from application.ports import Accepted, Beside, Door, Lane, Outcome, Statement
from domain.ledger.append import Unmoved
from domain.orders.events import Draft
from infrastructure.tracing.spans import TRACE_CONTEXT, span

KEEP = """
insert into traces (position, tenant_id, traceparent) values (%s::bigint, %s, %s)
    on conflict do nothing
"""


class TracedPreparing:
    """Reads and checks as another does."""

    def __init__(self, preparer: Prepares, tracer: Tracer) -> None:
        self._preparer = preparer
        self._tracer = tracer

    def prepare(self, tenant_id: str, raw: bytes) -> Prepared:
        with span(self._tracer, "validate"):
            return self._preparer.prepare(tenant_id, raw)

    def prepare_value(self, tenant_id: str, value: Any) -> Prepared:
        with span(self._tracer, "validate"):
            return self._preparer.prepare_value(tenant_id, value)


class TracedDoor:
    """Another door (`application.ports.Door`). Beside the events of a sampled request it keeps that
    request's traceparent, in their transaction, for whoever projects them."""

    def __init__(self, door: Door, tracer: Tracer) -> None:
        self._door = door
        self._tracer = tracer

    async def submit(
        self,
        drafts: Sequence[Draft],
        *,
        beside: Beside | None = None,
        idempotency: tuple[str, str] | None = None,
        lane: Lane | None = None,
        unless_moved: Unmoved = (),
    ) -> list[Outcome]:
        if get_current_span().get_span_context().trace_flags.sampled:
            beside = _keeping(_traceparent(), beside)
        with span(self._tracer, "commit"):
            return await self._door.submit(
                drafts,
                beside=beside,
                idempotency=idempotency,
                lane=lane,
                unless_moved=unless_moved,
            )


def _traceparent() -> str:
    """That of the span around us."""
    carrier: dict[str, str] = {}
    TRACE_CONTEXT.inject(carrier)
    return carrier["traceparent"]


def _keeping(traceparent: str, beside: Beside | None) -> Beside:
    def statements(outcomes: Sequence[Outcome]) -> Sequence[Statement]:
        kept: list[Statement] = [
            (KEEP, (one.event.position, one.event.tenant_id, traceparent))
            for one in outcomes
            if isinstance(one, Accepted)
        ]
        return kept if beside is None else [*beside(outcomes), *kept]

    return statements
