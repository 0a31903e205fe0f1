"""What a user would write by hand: one Litestar handler, one INSERT and commit per request.

Run as `python -m bench.handwritten DATABASE_URL PORT`. Its table is a plain audit table with the
indexes such a table needs; no chain, no digests, no encryption, no validation.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import msgspec
import uvicorn
from litestar import Litestar, Request, Response, get, post
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

SCHEMA = """
create schema if not exists bench;
create table if not exists bench.audit (
  id bigint generated always as identity primary key,
  event_id text not null unique,
  order_id text not null,
  occurred_at timestamptz not null,
  type text not null,
  body bytea not null);
create index if not exists audit_order on bench.audit (order_id, occurred_at, id);
"""
INSERT = """
insert into bench.audit (event_id, order_id, occurred_at, type, body)
values (%s, %s, %s, %s, %s) on conflict (event_id) do nothing returning id
"""
TIMELINE = """
select body from bench.audit where order_id = %s order by occurred_at, id limit %s
"""
FILL = """
insert into bench.audit (event_id, order_id, occurred_at, type, body)
select event_id, told ->> 'order_id', (told ->> 'occurred_at')::timestamptz, told ->> 'type', state
  from cell_0.events, lateral (select convert_from(state, 'UTF8')::jsonb) as as_json(told)
 order by position
"""
"""The events of our own store, so that both servers answer about the same."""

AS_OF = """
with base as materialized (
  select originator_version, state from cell_0.aggregate_snapshots
   where originator_id = %s and latest_us <= %s order by originator_version desc limit 1)
select state from base
union all
(select state from cell_0.events
  where originator_id = %s
    and originator_version > coalesce((select originator_version from base), 0)
  order by originator_version)
"""
"""The rows that our answer as of a moment is made of: the snapshot, and the events behind it."""


def create_app(url: str) -> Litestar:
    """The whole competitor."""
    pool: AsyncConnectionPool[AsyncConnection[Any]] = AsyncConnectionPool(
        url, min_size=8, max_size=16, open=False
    )

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        await pool.open(wait=True)
        async with pool.connection() as connection:
            await connection.execute(SCHEMA)
        yield
        await pool.close()

    @post("/events")
    async def record(request: Request[Any, Any, Any]) -> Response[bytes]:
        body = await request.body()
        event = msgspec.json.decode(body)
        async with pool.connection() as connection:
            cursor = await connection.execute(
                INSERT,
                (event["event_id"], event["order_id"], event["occurred_at"], event["type"], body),
            )
            row = await cursor.fetchone()
        answer = msgspec.json.encode({"id": row[0] if row else None, **event})
        return Response(answer, media_type="application/json", status_code=201)

    @get("/orders/{order_id:str}/timeline")
    async def timeline(order_id: str, limit: int = 50) -> Response[bytes]:
        async with pool.connection() as connection:
            cursor = await connection.execute(TIMELINE, (order_id, limit), binary=True)
            rows = await cursor.fetchall()
        return _listing(rows)

    @get("/originators/{originator_id:uuid}/as-of")
    async def as_of(originator_id: UUID, at_us: int) -> Response[bytes]:
        async with pool.connection() as connection:
            parameters = (originator_id, at_us, originator_id)
            cursor = await connection.execute(AS_OF, parameters, binary=True)
            rows = await cursor.fetchall()
        return _listing(rows)

    return Litestar([record, timeline, as_of], lifespan=[lifespan], openapi_config=None)


def _listing(rows: list[tuple[bytes, ...]]) -> Response[bytes]:
    answer = b'{"items":[' + b",".join(row[0] for row in rows) + b"]}"
    return Response(answer, media_type="application/json")


if __name__ == "__main__":
    uvicorn.run(
        create_app(sys.argv[1]),
        host="127.0.0.1",
        port=int(sys.argv[2]),
        loop="uvloop",
        log_level="warning",
        access_log=False,
    )
