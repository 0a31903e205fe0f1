"""A dry run: what a run would touch now, in numbers and samples; nothing is changed."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from application.holds.choke import ChokePoint, Held
from application.jobs.running import Run
from application.retention.ports import BEGINNING, Due, DueOrder, DueSnapshot
from domain.retention.due import due_events, due_snapshots
from domain.retention.policies import Policy
from domain.times import format_known, format_short

MOST_SAMPLES = 10
MOST_HOLDS = 1000
"""Holds that are listed."""

First = tuple[int, int, Any]
"""When it occurred, its sequence, and what else tells of it."""


class Counted(Struct):
    """What would be touched, what is held, and what the duties of other policies keep. firsts: the
    earliest of what would be, at most MOST_SAMPLES."""

    orders: int = 0
    items: int = 0
    oldest_us: int | None = None
    newest_us: int | None = None
    held_orders: int = 0
    held_items: int = 0
    holds: dict[str, None] = field(default_factory=dict)
    kept: int = 0
    firsts: list[First] = field(default_factory=list)

    def touch(self, items: int, first: First, last_us: int) -> None:
        self.items += items
        first_us = first[0]
        self.oldest_us = first_us if self.oldest_us is None else min(self.oldest_us, first_us)
        self.newest_us = last_us if self.newest_us is None else max(self.newest_us, last_us)
        self.firsts.append(first)
        if len(self.firsts) >= 100 * MOST_SAMPLES:
            self.keep_earliest()

    def hold(self, items: int, hold_ids: Sequence[str]) -> None:
        self.held_items += items
        self.holds.update(dict.fromkeys(hold_ids))

    def keep_earliest(self) -> None:
        self.firsts = heapq.nsmallest(MOST_SAMPLES, self.firsts, key=lambda first: first[:2])


class DryRun:
    """Counts what is due. It may be cut off at any point, and is then made again."""

    def __init__(self, due: Due, holds: ChokePoint) -> None:
        self._due = due
        self._holds = holds

    async def __call__(
        self, run: Run, policy: Policy, duties: Sequence[Policy], now_us: int
    ) -> dict[str, Any]:
        """The report. Raises Unavailable."""
        tenant_id, counted = run.job.tenant_id, Counted()
        await self._due.caught_up(tenant_id)
        if policy.rule.applies_to == "snapshots":
            keepers = await self._count_snapshots(run, policy, duties, now_us, counted)
            samples = [_snapshot_sample(one, policy) for *_, one in counted.firsts]
        else:
            keepers = await self._count_events(run, policy, duties, now_us, counted)
            samples = await self._event_samples(tenant_id, policy, counted)
        return _report(policy.rule.applies_to, counted, keepers, samples)

    async def _count_events(
        self, run: Run, policy: Policy, duties: Sequence[Policy], now_us: int, into: Counted
    ) -> list[str]:
        tenant_id, place = run.job.tenant_id, BEGINNING
        due = due_events(policy, duties, await self._due.types(tenant_id), now_us)
        while place.more:
            found, place = await self._due.orders(tenant_id, due, place)
            held = await self._holds.over(tenant_id, [one.order_id for one in found])
            for one in found:
                _count_order(one, held, into)
            await run.progress(place.done, place.total)
        into.keep_earliest()
        return due.keepers

    async def _count_snapshots(
        self, run: Run, policy: Policy, duties: Sequence[Policy], now_us: int, into: Counted
    ) -> list[str]:
        tenant_id, place = run.job.tenant_id, BEGINNING
        due, orders = due_snapshots(policy, duties, now_us), (set[str](), set[str]())
        while place.more:
            found, place = await self._due.snapshots(
                tenant_id, due, place, disclosed=policy.rule.action == "redact"
            )
            held = await self._holds.over(tenant_id, list({one.order_id for one in found}))
            for one in found:
                if one.captured_us > due.free_us:
                    into.kept += 1
                elif hold_ids := holding(held, one):
                    into.hold(1, hold_ids)
                    orders[1].add(one.order_id)
                else:
                    into.touch(1, (one.captured_us, one.sequence, one), one.captured_us)
                    orders[0].add(one.order_id)
            await run.progress(place.done, place.total)
        into.orders, into.held_orders = len(orders[0]), len(orders[1])
        into.keep_earliest()
        return due.keepers

    async def _event_samples(
        self, tenant_id: str, policy: Policy, counted: Counted
    ) -> list[dict[str, Any]]:
        found = await self._due.samples(tenant_id, [sequence for _, sequence, _ in counted.firsts])
        duration, by_arrival = policy.rule.duration, policy.rule.counted_from == "received_at"
        return [
            {
                "order_id": one.order_id,
                "event_id": one.event_id,
                "sequence": one.sequence,
                "type": one.type,
                "occurred_at": format_short(one.occurred_us),
                "due_since": format_short(
                    duration.end_us(one.received_us if by_arrival else one.occurred_us)
                ),
            }
            for one in found
        ]


def holding(held: Held, snapshot: DueSnapshot) -> list[str]:
    """The holds over a snapshot's order, or over a customer that its state names."""
    hold_ids = dict.fromkeys(held.by_order.get(snapshot.order_id, ()))
    for customer_id in snapshot.customers:
        hold_ids.update(dict.fromkeys(held.of_subject(customer_id)))
    return list(hold_ids)


def numbers_of(report: Mapping[str, Any]) -> dict[str, int]:
    """What the ledger has of a report: its numbers, by flat names."""
    found: dict[str, int] = {}
    for name, value in report.items():
        inner = value.items() if type(value) is dict else ()
        flat = [(name, value), *((f"{name}_{one}", number) for one, number in inner)]
        found.update((one, number) for one, number in flat if type(number) is int)
    return found


def _count_order(one: DueOrder, held: Held, into: Counted) -> None:
    into.kept += one.kept
    if one.first is None or one.last_us is None:
        return
    hold_ids = held.by_order.get(one.order_id)
    if hold_ids:
        into.held_orders += 1
        into.hold(one.events, hold_ids)
    else:
        into.orders += 1
        into.touch(one.events, (*one.first, None), one.last_us)


def _snapshot_sample(one: DueSnapshot, policy: Policy) -> dict[str, Any]:
    return {
        "order_id": one.order_id,
        "snapshot_id": one.snapshot_id,
        "sequence": one.sequence,
        "captured_at": format_short(one.captured_us),
        "due_since": format_short(policy.rule.duration.end_us(one.captured_us)),
    }


def _report(
    what: str, counted: Counted, keepers: list[str], samples: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "orders": counted.orders,
        what: counted.items,
        "oldest": format_known(counted.oldest_us),
        "newest": format_known(counted.newest_us),
        "held": {
            "orders": counted.held_orders,
            what: counted.held_items,
            "holds": list(counted.holds)[:MOST_HOLDS],
        },
        "kept": {what: counted.kept, "policies": keepers if counted.kept else []},
        "samples": samples,
    }
