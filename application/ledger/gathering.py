"""Gathers cosignatures: has the newest checkpoint of each log cosigned by every witness.

    each interval: the global log, by all witnesses at once ──▶ the quorum? ──▶ tenants' logs

The global log comes first and alone matters for the quorum: a round of it covers every tenant. All
witnesses are shown the same checkpoint, and those in good standing are waited for, so that their
cosignatures meet on one. A witness that has failed is asked beside that, after pauses that double.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

import structlog

from application.ledger.ports import GLOBAL
from application.ledger.witnessing import ALARMING, AskWitness, Due, Fault, Overtaken, Refused
from application.ports import Clock
from domain.errors import OrderHistoryError
from domain.ledger.notes import NoteSignature
from domain.ledger.policy import Policy, Witness
from domain.times import SECOND

CONCURRENCY = 8
"""Requests under way at once, to all witnesses together."""
SLICE = 64
"""Tenants' logs that a witness is asked about in an interval: with thousands of them each has its
turn, and they cost no more than this. What covers them meanwhile is the global log."""
KIND = "witness"
"""Of the alarms that are raised here."""

_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 300.0
_RETRY_US = {True: 5 * SECOND, False: 60 * SECOND}
"""After a refusal of the global log, and of a tenant's."""

Spawn = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]

log = structlog.get_logger(__name__)


class Cosignatures(Protocol):
    """What witnesses have said, stored. All methods raise Unavailable."""

    async def due(self, witnesses: Sequence[str], *, whole: bool, limit: int) -> list[Due]:
        """Newest checkpoints that these witnesses have not cosigned and may be asked about now:
        the global log's (`whole`), or those of tenants, who have waited longest first."""
        ...

    async def keep(self, due: Due, cosignature: NoteSignature) -> None:
        """Keep a verified cosignature, for ever; there is no fault any more."""
        ...

    async def fault(self, due: Due, fault: Fault, reason: str, retry_us: int) -> None:
        """Remember why there is none, and not to ask before a moment."""
        ...

    async def faults(self, tenant_id: str) -> frozenset[str]:
        """What is wrong with any witness of this log now."""
        ...

    async def advance(self, tenant_id: str) -> None:
        """Move forward what is witnessed of a log, and with the global log of all that its round
        covers; never back. Cosignatures are verified again."""
        ...


class Bell(Protocol):
    """Alarms, as infrastructure.ledger.alarms keeps them."""

    async def sound(self, tenant_id: str, kind: str, sequence: int | None, detail: str) -> None: ...

    async def clear(self, tenant_id: str, kind: str) -> None: ...


class Gathering:
    """One per worker: `await gathering.run()` in a task; cancel the task to stop.

    interval: seconds between looks. Several workers may do the same at once; it is only wasteful.
    """

    def __init__(
        self,
        policy: Policy,
        ask: AskWitness,
        kept: Cosignatures,
        bell: Bell,
        clock: Clock,
        *,
        interval: float,
    ) -> None:
        self._peers = {one.name: _Peer(one) for one in policy.witnesses if one.url}
        self._ask = ask
        self._kept = kept
        self._bell = bell
        self._clock = clock
        self._interval = interval
        self._room = asyncio.Semaphore(CONCURRENCY)

    async def run(self) -> None:
        """Until cancelled. A database that is away is waited for; a witness's fault is its own."""
        async with asyncio.TaskGroup() as group:
            while True:
                try:
                    await self.turn(group.create_task)
                except OrderHistoryError as error:
                    log.warning("witnesses.wait", error=type(error).__name__)
                await asyncio.sleep(self._interval)

    async def turn(self, spawn: Spawn) -> None:
        """One look. What need not be waited for goes on in tasks that `spawn` starts."""
        await self._whole(spawn)
        await self._kept.advance(GLOBAL)
        for peer in self._peers.values():
            if peer.free and not _runs(peer.tenants):
                peer.tenants = spawn(self._tenants(peer))

    async def _whole(self, spawn: Spawn) -> None:
        free = [name for name, peer in self._peers.items() if peer.free]
        waited = []
        for due in await self._kept.due(free, whole=True, limit=len(free)):
            peer = self._peers[due.witness]
            failing = peer.failing
            peer.asked = spawn(self._serve(peer, due))
            if not failing:
                waited.append(peer.asked)
        if waited:
            await asyncio.wait(waited)

    async def _tenants(self, peer: _Peer) -> None:
        """A slice of the tenants' logs; of a witness that fails one, to see if it is back."""
        limit = 1 if peer.failing else SLICE
        try:
            found = await self._kept.due([peer.witness.name], whole=False, limit=limit)
        except OrderHistoryError as error:
            log.warning("witnesses.wait", error=type(error).__name__)
            return
        await asyncio.gather(*(self._in_turn(peer, due) for due in found))

    async def _in_turn(self, peer: _Peer, due: Due) -> None:
        async with self._room:
            if peer.ready:  # else it has failed at one before
                await self._serve(peer, due)

    async def _serve(self, peer: _Peer, due: Due) -> None:
        """Ask a witness for one cosignature, and keep what comes of it. Raises nothing."""
        try:
            try:
                cosignature = await self._answer(peer.witness, due)
            except Overtaken:
                return
            except Refused as refused:
                await self._refused(peer, due, refused)
                return
            peer.recover()
            await self._kept.keep(due, cosignature)
            if due.fault in ALARMING and not ALARMING & await self._kept.faults(due.tenant_id):
                await self._bell.clear(due.tenant_id, KIND)
            if due.tenant_id != GLOBAL:
                await self._kept.advance(due.tenant_id)
        except OrderHistoryError as error:  # the store is away, or damaged
            log.warning("witnesses.wait", error=type(error).__name__)

    async def _answer(self, witness: Witness, due: Due) -> NoteSignature:
        try:
            return await self._ask(witness, due)
        except (Overtaken, Refused, OrderHistoryError):
            raise
        except Exception as error:
            # Whatever else an answer brings about is the fault of who gave it.
            raise Refused("misbehaving", f"its answer led to {type(error).__name__}") from error

    async def _refused(self, peer: _Peer, due: Due, refused: Refused) -> None:
        away = refused.fault == "away"
        now_us = self._clock()
        retry_us = now_us if away else now_us + _RETRY_US[due.tenant_id == GLOBAL]
        more = {"retry_s": peer.lengthen()} if away else {"tenant": due.tenant_id}
        log.warning(
            "witness.refused",
            witness=peer.witness.name,
            fault=refused.fault,
            reason=str(refused),
            **more,
        )
        if not away or due.tenant_id == GLOBAL:
            await self._kept.fault(due, refused.fault, str(refused), retry_us)
        if refused.fault in ALARMING:
            detail = f"witness {peer.witness.name}: {refused}"
            await self._bell.sound(due.tenant_id, KIND, None, detail)


class _Peer:
    """A witness, and how it has answered. It is paused while it is away: from a quarter of a second
    to five minutes, doubling."""

    def __init__(self, witness: Witness) -> None:
        self.witness = witness
        self.asked: asyncio.Task[None] | None = None
        self.tenants: asyncio.Task[None] | None = None
        self._delay = 0.0
        self._until = 0.0

    @property
    def failing(self) -> bool:
        return self._delay > 0

    @property
    def ready(self) -> bool:
        """Whether its pause is over."""
        return asyncio.get_running_loop().time() >= self._until

    @property
    def free(self) -> bool:
        """Whether it may be asked about the global log."""
        return self.ready and not _runs(self.asked)

    def lengthen(self) -> float:
        """Begin the next pause, once for all requests that fail at once; returns its seconds."""
        if self.ready:
            self._delay = min(max(self._delay * 2, _FIRST_PAUSE), _LONGEST_PAUSE)
            self._until = asyncio.get_running_loop().time() + self._delay
        return self._delay

    def recover(self) -> None:
        self._delay = self._until = 0.0


def _runs(task: asyncio.Task[None] | None) -> bool:
    return task is not None and not task.done()
