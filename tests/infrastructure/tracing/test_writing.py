"""What is kept of a trace beside its events, on a real database."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Tracer

from application.ports import Accepted, Duplicate
from infrastructure.key_store.files import FileKeyStore
from infrastructure.postgres.connect import Pool, open_pool
from infrastructure.tracing.spans import RequestSpans
from infrastructure.tracing.writing import TracedDoor
from tests.infrastructure.event_store.kit import committing, fresh, personal

pytestmark = pytest.mark.anyio

TRACE = "0af7651916cd43dd8448eb211c80319c"
SAMPLED = f"00-{TRACE}-b7ad6b7169203331-01"


async def kept(database_url: str, tenant: str) -> list[tuple[int, str]]:
    pool: Pool = await open_pool(database_url, "cell_0", min=1, max=1, name="test traces")
    async with pool, pool.connection() as connection:
        cursor = await connection.execute(
            "select position, traceparent from traces where tenant_id = %s", (tenant,)
        )
        return await cursor.fetchall()


async def test_a_sampled_requests_trace_is_kept_once(
    database_url: str, key_store: FileKeyStore, tracer: Tracer, made: InMemorySpanExporter
) -> None:
    tenant = fresh("shop")
    async with committing(database_url, key_store) as committer:
        door = TracedDoor(committer, tracer)
        with RequestSpans(tracer).request("POST", SAMPLED):
            (first,) = await door.submit([personal("e1", "o1", tenant)])
            (again,) = await door.submit([personal("e1", "o1", tenant)])
    assert isinstance(first, Accepted)
    assert isinstance(again, Duplicate)
    commit, _, request = made.get_finished_spans()
    parent = f"00-{TRACE}-{request.context.span_id:016x}-01"
    assert await kept(database_url, tenant) == [(first.event.position, parent)]
    assert (commit.name, commit.attributes) == ("commit", {})
    assert commit.parent is not None
    assert commit.parent.span_id == request.context.span_id
    assert TRACE.encode() not in first.event.state


@pytest.mark.parametrize("traceparent", [None, SAMPLED[:-2] + "00", "nonsense"])
async def test_of_another_request_nothing_is_kept(
    database_url: str,
    key_store: FileKeyStore,
    tracer: Tracer,
    made: InMemorySpanExporter,
    traceparent: str | None,
) -> None:
    tenant = fresh("shop")
    async with committing(database_url, key_store) as committer:
        with RequestSpans(tracer).request("POST", traceparent):
            await TracedDoor(committer, tracer).submit([personal("e1", "o1", tenant)])
    assert await kept(database_url, tenant) == []
    assert made.get_finished_spans() == ()


async def test_what_else_stands_beside_the_event_still_does(
    database_url: str, key_store: FileKeyStore, tracer: Tracer
) -> None:
    tenant = fresh("shop")
    mark = "insert into traces (position, tenant_id, traceparent) values (%s::bigint, %s, %s)"
    async with committing(database_url, key_store) as committer:
        with RequestSpans(tracer).request("POST", SAMPLED):
            await TracedDoor(committer, tracer).submit(
                [personal("e1", "o1", tenant)], beside=lambda _: [(mark, (-1, tenant, "mark"))]
            )
    assert len(await kept(database_url, tenant)) == 2
