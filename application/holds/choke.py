"""The one choke point in front of every deletion and redaction: what is held, and that it still is.

    over ──▶ Held (holds of each order, guard) ──▶ the door, unless_moved=guard ──▶ deleted
      ▲                                                   │ HoldsMoved: a hold came or went
      └───────────────────────────────────────────────────┘

Nobody deletes but with the guard of an answer of `over`. The committer compares it under its lock,
so that of a deletion and a hold, the one that is first on the ledger wins. Two things are not
looked at again there: whether a hold's time is up, and what orders say; both as they were when
`over` was asked.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from application.audit.acts import Acts
from application.ports import Clock, EventReader, Outcome, Refused
from application.search.searching import Search
from domain.audit.acts import Doer
from domain.errors import HoldsMoved, Invalid, OnHold, TooCostly, Unavailable
from domain.holds.holds import Hold, Holds
from domain.holds.reading import question_of
from domain.holds.refusals import Refusals
from domain.ledger.append import Unmoved
from domain.privacy.sealing import history_originator
from domain.search.query import Node

AT_ONCE = 200
"""Orders of which a query is asked together."""
PATIENCE = 2.0
"""Seconds to wait for the read model that queries are asked of."""
_ATTEMPTS = 20


class HeldReadModel(Protocol):
    """How far the read model is that `Search` asks."""

    async def wait_for(self, tenant: str, sequence: int, timeout: float) -> bool:
        """Whether it holds the tenant's events up to this sequence, after so many seconds at most.
        Raises Unavailable."""
        ...

    async def left_out(self, tenant: str) -> bool:
        """Whether it lacks events of the tenant that it could not take. Raises Unavailable."""
        ...


class Held(Struct, frozen=True):
    """What is held of some orders. by_order: the ids of the holds of each order that is held, in
    the order in which they were placed. guard: what the answer rests on, for `Door.submit`."""

    by_order: Mapping[str, list[str]]
    guard: Unmoved
    active: Sequence[Hold]

    def of_subject(self, subject_id: str) -> list[str]:
        """The holds that name this customer or actor, whatever orders there are."""
        return [
            hold.hold_id
            for hold in self.active
            if hold.target.kind == "subject" and hold.target.target_id == subject_id
        ]

    def named(self, hold_ids: Iterable[str]) -> list[Hold]:
        """These holds, each once."""
        wanted = set(hold_ids)
        return [hold for hold in self.active if hold.hold_id in wanted]


class Holding(Protocol):
    """What is held: the choke point, or what stands in its place where nothing is deleted."""

    async def over(self, tenant_id: str, order_ids: Sequence[str]) -> Held:
        """See `ChokePoint.over`."""
        ...


async def has_ended(holds: Holding, tenant_id: str, hold_ids: Collection[str]) -> bool:
    """Whether a hold that was met holds no more, so that what it kept has to be looked at again.
    Raises Unavailable."""
    if not hold_ids:
        return False
    active = {hold.hold_id for hold in (await holds.over(tenant_id, [])).active}
    return not active.issuperset(hold_ids)


Attempt = Callable[[Held], Awaitable[Sequence[Outcome]]]
"""Submits a deletion with the guard of what is given, or raises."""


class ChokePoint:
    """Asks the holds of a tenant. Any number of callers and processes at once."""

    def __init__(
        self, acts: Acts, search: Search, model: HeldReadModel, reader: EventReader, clock: Clock
    ) -> None:
        self._acts = acts
        self._search = search
        self._model = model
        self._reader = reader
        self._clock = clock

    async def over(self, tenant_id: str, order_ids: Sequence[str]) -> Held:
        """Which of these orders, any number, are held now, and by which holds. A hold whose query
        cannot be answered about an order holds that order.

        Raises Unavailable, also while a read model that it needs lags behind or lacks events.
        """
        holds = await self._acts.load(tenant_id, Holds())
        guard = [(history_originator(tenant_id, holds.stream).bytes, holds.version)]
        active = holds.active(self._clock())
        questions = {hold.hold_id: question_of(hold.target) for hold in active}
        if order_ids and any(node is not None for node in questions.values()):
            await self._caught_up(tenant_id)
        by_order: dict[str, list[str]] = {}
        wanted = set(order_ids)
        for hold in active:
            node = questions[hold.hold_id]
            if node is None:
                held: Iterable[str] = [one for one in (hold.target.target_id,) if one in wanted]
            else:
                held = await self._having(tenant_id, node, order_ids)
            for order_id in held:
                by_order.setdefault(order_id, []).append(hold.hold_id)
        return Held(by_order, guard, active)

    async def past(
        self, tenant_id: str, order_ids: Sequence[str], attempt: Attempt
    ) -> Sequence[Outcome]:
        """Ask what is held and attempt a deletion, anew as often as holds have moved in between.
        Raises what `attempt` raises, and Unavailable."""
        for _ in range(_ATTEMPTS):
            outcomes = await attempt(await self.over(tenant_id, order_ids))
            if not any(_has_moved(outcome) for outcome in outcomes):
                return outcomes
        raise HoldsMoved

    async def refuse(
        self, tenant_id: str, doer: Doer, what: str, asked: str, holds: Sequence[Hold]
    ) -> OnHold:
        """The error that forbids a deletion, once the ledger has it that this was asked, by whom,
        and which holds forbade it. what: such as `snapshot/snap_1`; asked: such as
        `snapshot.delete`. Raises Unavailable."""
        hold_ids = [hold.hold_id for hold in holds]
        await self._acts.act(
            tenant_id,
            doer,
            lambda: Refusals(what),
            lambda refusals: refusals.refuse(asked, hold_ids),
        )
        return OnHold([hold.named for hold in holds])

    async def _caught_up(self, tenant_id: str) -> None:
        head = await self._reader.head(tenant_id)
        if not await self._model.wait_for(tenant_id, head.sequence, PATIENCE):
            raise Unavailable("what is held cannot be told yet: a read model lags behind")
        if await self._model.left_out(tenant_id):
            raise Unavailable("what is held cannot be told: a read model lacks events; repair it")

    async def _having(self, tenant_id: str, node: Node, order_ids: Sequence[str]) -> set[str]:
        held: set[str] = set()
        for start in range(0, len(order_ids), AT_ONCE):
            held |= await self._asked(tenant_id, node, order_ids[start : start + AT_ONCE])
        return held

    async def _asked(self, tenant_id: str, node: Node, order_ids: Sequence[str]) -> set[str]:
        """In halves, where all together take too long. What one order alone is too much for, and
        what has become too wide since it was placed, is not known to be free: it is held."""
        try:
            return await self._search.having(tenant_id, node, order_ids)
        except TooCostly:
            if len(order_ids) == 1:
                return set(order_ids)
        except Invalid:
            return set(order_ids)
        half = len(order_ids) // 2
        first = await self._asked(tenant_id, node, order_ids[:half])
        return first | await self._asked(tenant_id, node, order_ids[half:])


def _has_moved(outcome: Outcome) -> bool:
    return isinstance(outcome, Refused) and isinstance(outcome.error, HoldsMoved)
