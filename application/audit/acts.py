"""Doing what administrators ask for: an aggregate decides, the ledger keeps the fact."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from application.ports import (
    Accepted,
    Clock,
    Door,
    OrderHistories,
    Outcome,
    Refused,
    Statement,
    Window,
)
from domain.audit.acts import Act, Aggregate, Doer, draft, fact_of
from domain.errors import Unavailable
from domain.ledger.append import Unmoved
from domain.privacy.sealing import history_originator

A = TypeVar("A", bound=Aggregate)
Decide = Callable[[A], Act | None]
"""What is to be done to an aggregate as it is; None: nothing, for it is so already. Raises what
refuses it."""
Beside = Callable[[Act], Sequence[Statement]]
"""What is to be written in the transaction that keeps the act. Pure."""

_ATTEMPTS = 20


class Streams:
    """Reads aggregates of tenants. Any number of callers and processes at once."""

    def __init__(self, histories: OrderHistories) -> None:
        self._histories = histories

    async def load(self, tenant_id: str, aggregate: A) -> A:
        """The aggregate, a new one, with all its facts applied. Raises Unavailable."""
        stream = history_originator(tenant_id, aggregate.stream)
        _, rows = await self._histories.load(stream, Window())
        for row in rows:
            fact = fact_of(row.originator_version, row.sequence, row.received_us, row.state)
            aggregate.apply(fact)
            aggregate.version = fact.version
        return aggregate

    async def version(self, tenant_id: str, stream: str) -> int:
        """How many facts a stream has. Raises Unavailable."""
        return await self._histories.newest_version(history_originator(tenant_id, stream))


class Acts(Streams):
    """Loads aggregates of a tenant, and acts on them. Any number of callers and processes at once:
    no decision rests on what another one has changed meanwhile."""

    def __init__(
        self,
        door: Door,
        histories: OrderHistories,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
        warm: Callable[[str], None],
    ) -> None:
        super().__init__(histories)
        self._door = door
        self._clock = clock
        self._random_bytes = random_bytes
        self._warm = warm

    async def act(
        self,
        tenant_id: str,
        doer: Doer,
        new: Callable[[], A],
        decide: Decide[A],
        beside: Beside | None = None,
        unless_moved: Unmoved = (),
    ) -> tuple[A, Act | None]:
        """Decide, and keep the act durably; the aggregate with it applied, and the act, if anything
        was to be done. `new` makes an aggregate without facts. Raises what `decide` raises, and
        HoldsMoved if a stream of `unless_moved` has, having changed nothing; Unavailable."""
        for _ in range(_ATTEMPTS):
            aggregate = await self.load(tenant_id, new())
            act = decide(aggregate)
            if act is None or await self._kept(
                tenant_id, doer, aggregate, act, beside, unless_moved
            ):
                return aggregate, act
        raise Unavailable("too many change this at once; try again shortly")

    async def _kept(
        self,
        tenant_id: str,
        doer: Doer,
        aggregate: Aggregate,
        act: Act,
        beside: Beside | None,
        unless_moved: Unmoved,
    ) -> bool:
        """False if somebody else was faster."""
        self._warm(tenant_id)
        version = aggregate.version + 1
        one = draft(
            tenant_id,
            aggregate.stream,
            version,
            act,
            doer,
            now_us=self._clock(),
            random_bytes=self._random_bytes,
        )

        def statements(outcomes: Sequence[Outcome]) -> Sequence[Statement]:
            accepted = isinstance(outcomes[0], Accepted)
            return beside(act) if beside is not None and accepted else ()

        (outcome,) = await self._door.submit([one], beside=statements, unless_moved=unless_moved)
        if isinstance(outcome, Refused):
            raise outcome.error
        if not isinstance(outcome, Accepted):
            return False
        event = outcome.event
        aggregate.apply(fact_of(version, event.sequence, event.received_us, event.state))
        aggregate.version = version
        return True
