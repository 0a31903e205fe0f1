"""What a dry run of a retention policy takes where every event of a tenant is due and disclosed,
asked for by HTTP; against one SELECT that counts the same, as one would write it by hand.

That SELECT knows nothing of holds and of other policies' duties, and shows no progress.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import uvloop

from bench.figures import Aim, Row
from bench.filling import fill
from bench.generator import drafts
from bench.ground import TENANT, Ground, token
from bench.load import Connection, Failed, request_bytes
from bench.loading import load
from bench.processes import WORKER, api, program, server
from bench.scale import Say, Scale
from interfaces.composition.connections import blocking
from interfaces.composition.maintenance import rebuild_models
from interfaces.settings import Settings

_BASE = "/v1/order-history"
_POLICY = {
    "name": "all", "applies_to": "events", "event_types": ["*"], "retain_for": "P1D",
    "legal_basis": "bench", "action": "redact",
}  # fmt: skip
_HOLD = {"case_id": "bench", "target": "query", "query": {"field": "order.channel", "eq": "phone"}}
DISCLOSED = """
insert into disclosures (tenant_id, sequence, key_id, sealed)
select tenant_id, sequence, md5(order_id)::uuid, decode(repeat(md5(order_id), 12), 'hex')
  from order_events where order_id is not null
"""
BY_HAND = """
select count(*), count(distinct e.order_id), min(e.occurred_us), max(e.occurred_us)
  from order_events e
 where e.tenant_id = 'bench' and e.order_id is not null and e.occurred_us <= %s
   and exists (select from disclosures d
                where d.tenant_id = e.tenant_id and d.sequence = e.sequence)
"""


def retaining(ground: Ground, scale: Scale, say: Say) -> Iterator[Row]:
    """Rounds that take turns; then one with a hold on a query, which is asked of every order."""
    count = scale.retained_events
    with ground.installation() as settings:
        settings.data_dir.mkdir(exist_ok=True)
        fill(settings, [])  # makes the keys that the database names
        with blocking(settings, "bench load", as_owner=True)() as connection:
            load(connection, drafts(count, shares={TENANT: 100}), say)
            asyncio.run(rebuild_models(settings, [], lambda *_: None))
            connection.execute(DISCLOSED)
            connection.execute("vacuum analyze")
        with program(WORKER, settings), server(api(), settings) as ours:
            measured = _Measured(settings, count)
            uvloop.run(measured.run(ours.port, scale.rounds, say))
    what, aim = f"dry run over {count:,} events", Aim("<=", 30_000, "figure")
    yield Row(f"{what}; SELECT by hand", "ms", measured.ours, measured.by_hand, aim)
    yield Row("  with a hold on a query", "ms", [measured.held], (), aim)


class _Measured:
    """Milliseconds."""

    def __init__(self, settings: Settings, count: int) -> None:
        self._settings = settings
        self._count = count
        self._admin = {
            "Authorization": token(settings, "admin"), "Content-Type": "application/json",
        }  # fmt: skip
        self.ours: list[float] = []
        self.by_hand: list[float] = []
        self.held = 0.0

    async def run(self, port: int, rounds: int, say: Say) -> None:
        connection = await Connection.open(port)
        made = await self._sent(connection, "POST", "/retention/policies", _POLICY)
        path = f"/retention/policies/{made['policy_id']}/runs"
        for _ in range(rounds):
            took, result = await self._dry_run(connection, path)
            self.ours.append(took)
            self.by_hand.append(await asyncio.to_thread(self._counted))
            say(f"dry run {took:,.0f} ms, by hand {self.by_hand[-1]:,.0f} ms")
            if result["events"] != self._count:
                raise Failed(f"{result['events']} events are due")
        await self._sent(connection, "POST", "/legal-hold", _HOLD)
        self.held, result = await self._dry_run(connection, path)
        say(f"with a hold on a query {self.held:,.0f} ms: {result['held']}")

    async def _dry_run(self, connection: Connection, path: str) -> tuple[float, dict[str, Any]]:
        begun = time.perf_counter()
        job = await self._sent(connection, "POST", path, {})
        while job["status"] in ("queued", "running"):
            await asyncio.sleep(0.05)
            job = await self._sent(connection, "GET", f"/jobs/{job['job_id']}")
        if job["status"] != "succeeded":
            raise Failed(f"the dry run {job['status']}: {job['errors']}")
        return (time.perf_counter() - begun) * 1000, job["result"]

    async def _sent(
        self, connection: Connection, method: str, path: str, body: object = None
    ) -> dict[str, Any]:
        sent = b"" if body is None else msgspec.json.encode(body)
        status, told = await connection.ask(request_bytes(method, _BASE + path, sent, self._admin))
        if status not in (200, 201, 202):
            raise Failed(f"{status}: {told[:300].decode(errors='replace')}")
        answer: dict[str, Any] = msgspec.json.decode(told)
        return answer

    def _counted(self) -> float:
        with blocking(self._settings, "bench by hand")() as connection:
            begun = time.perf_counter()
            connection.execute(BY_HAND, (int(time.time() * 1_000_000),)).fetchall()
            return (time.perf_counter() - begun) * 1000
