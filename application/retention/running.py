"""A run: what is due goes, as far as no hold and no duty is in its way.

    what is due ──▶ some orders at a time: the choke point ──▶ facts, and deletions beside them
                ──▶ keys and terms renewed ──▶ every store read again ──▶ the report

An attempt that was cut off is made again from its start: what is gone is not due any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct, field

from application.erasure.batches import AT_ONCE
from application.jobs.running import Cancelled, Run
from application.ports import Clock
from application.retention.evaluating import NotEnabled, PolicyGone
from application.retention.letting_go import Held, LetGo, Running
from application.retention.ports import BEGINNING, Due, DueOrder, DueSnapshot
from application.retention.settling import Settle, Settled
from domain.audit.acts import Doer
from domain.errors import OrderHistoryError
from domain.retention.due import due_events, due_snapshots
from domain.retention.policies import Policy
from domain.times import format_us

_ROUNDS = 5
"""How often what is due is looked for, when holds have ended meanwhile, or another job has given
what was let go a new key."""


class NotLetGo(OrderHistoryError):
    """Something that was due is still there after it was let go; run the policy again."""


class Left(Struct):
    """What a round left. items: how many snapshots went; held: items under holds; kept: items that
    the duties of other policies keep, which the keepers may be."""

    items: int = 0
    held: int = 0
    kept: int = 0
    keepers: list[str] = field(default_factory=list)


class RunPolicy:
    """Implements `application.retention.evaluating.Evaluates`."""

    def __init__(self, due: Due, let_go: LetGo, settle: Settle, clock: Clock) -> None:
        self._due = due
        self._let_go = let_go
        self._settle = settle
        self._clock = clock

    async def __call__(
        self, run: Run, policy: Policy, _: Sequence[Policy], now_us: int, /
    ) -> dict[str, Any]:
        """The report. Raises NotLetGo; PolicyGone, NotEnabled, if it was changed meanwhile;
        Unavailable, KeyUnavailable."""
        job = run.job
        running = Running(job.tenant_id, job.job_id, Doer(job.submitted_by), policy, (), now_us)
        of_snapshots = policy.rule.applies_to == "snapshots"
        walk = self._snapshots if of_snapshots else self._events
        left = Left(items=int(job.result.get("snapshots", 0)))
        for _round in range(_ROUNDS):
            running.held, left = Held(), Left(items=left.items)
            try:
                await self._due.caught_up(job.tenant_id)
                await walk(run, running, now_us, left)
            except (PolicyGone, NotEnabled, Cancelled):
                await self._settled(running, now_us)
                raise
            settled = await self._settled(running, now_us)
            if settled.is_clean and not await self._let_go.has_ended(running.tenant_id, running):
                return self._report(running, left, settled)
        raise NotLetGo

    async def _events(self, run: Run, running: Running, now_us: int, left: Left) -> None:
        tenant_id, place = running.tenant_id, BEGINNING
        types = await self._due.types(tenant_id)
        policies = await self._let_go.refreshed(running)
        due = due_events(running.policy, policies.duties(), types, now_us)
        while place.more:
            done = place.done
            found, place = await self._due.orders(tenant_id, due, place)
            order_ids = [one.order_id for one in found if one.events]
            for start in range(0, len(order_ids), AT_ONCE):
                await run.progress(done + start, place.total)
                some = order_ids[start : start + AT_ONCE]
                while not await self._let_go.orders(running, due, some):
                    policies = await self._let_go.refreshed(running)
                    due = due_events(running.policy, policies.duties(), types, now_us)
            _note(found, running, left)
            left.keepers = due.keepers
            await run.progress(place.done, place.total)

    async def _snapshots(self, run: Run, running: Running, now_us: int, left: Left) -> None:
        place = BEGINNING
        while place.more:
            policies = await self._let_go.refreshed(running)
            due = due_snapshots(running.policy, policies.duties(), now_us)
            found, place = await self._due.snapshots(
                running.tenant_id, due, place, disclosed=running.policy.rule.action == "redact"
            )
            free = [one for one in found if one.captured_us <= due.free_us]
            left.kept, left.keepers = left.kept + len(found) - len(free), due.keepers
            for one in free:
                if await self._let_go.snapshot(running, one):
                    left.items += 1
                    await run.progress(place.done, place.total, {"snapshots": left.items})
            left.held = len(running.held.snapshots)
            await run.progress(place.done, place.total)

    async def _settled(self, running: Running, now_us: int) -> Settled:
        others: set[str] = set()
        rule = running.policy.rule
        if (rule.applies_to, rule.action) == ("snapshots", "redact"):
            others = {one.order_id for one in await self._due_snapshots(running, now_us)}
        return await self._settle(running.tenant_id, running.ground, others)

    async def _due_snapshots(self, running: Running, now_us: int) -> list[DueSnapshot]:
        """All that are due: of which of them an earlier attempt has redacted, nothing tells."""
        due, place = due_snapshots(running.policy, (), now_us), BEGINNING
        found: list[DueSnapshot] = []
        while place.more:
            some, place = await self._due.snapshots(
                running.tenant_id, due, place, disclosed=False
            )  # fmt: skip
            found += some
        return found

    def _report(self, running: Running, left: Left, settled: Settled) -> dict[str, Any]:
        what, held = running.policy.rule.applies_to, running.held
        report = settled.report
        if what == "snapshots":
            report = {**report, "snapshots": left.items}
            del report["events"], report["orders"], report["values"]
        return {
            **report,
            "held": {"orders": len(held.count), what: left.held, "holds": list(held.holds)},
            "retained": [
                {"order_id": order_id, "ground": "legal hold", "hold_ids": hold_ids}
                for order_id, hold_ids in sorted(held.orders.items())
            ],
            "kept": {what: left.kept, "policies": left.keepers if left.kept else []},
            "checked_at": format_us(self._clock()),
        }


def _note(found: Sequence[DueOrder], running: Running, left: Left) -> None:
    left.kept += sum(one.kept for one in found)
    left.held += sum(one.events for one in found if one.order_id in running.held.count)
