"""How the parts of an installation are, asked of each of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from application.ledger.figures import LedgerFigures
from application.watching.figures import QueueFigures, ScheduleRun
from domain.errors import OrderHistoryError
from domain.times import SECOND
from interfaces.http.health import Subsystem
from projections.progress import ModelStatus

# What is still well. docs/operations/README.md tells of each.
_AHEAD_US = 5 * SECOND
_QUEUED_EVENTS = 10_000
_LAG_EVENTS = 10_000
_LAG_US = 60 * SECOND
_QUEUED_US = 300 * SECOND
_UNSIGNED_US = 60 * SECOND
_UNPUBLISHED_ROUNDS = 60
_UNDRAINED_US = 60 * SECOND
_INTERVALS = 3
_FREE_BYTES = 1 << 30


class CommitterState(Protocol):
    """What the committer tells of itself."""

    @property
    def available(self) -> bool: ...

    @property
    def queued(self) -> int: ...

    @property
    def ahead_us(self) -> int: ...

    @property
    def refusing(self) -> str | None: ...


class LedgerAlarm(Protocol):
    """Something that differs from what was signed or stored."""

    @property
    def tenant_id(self) -> str: ...

    @property
    def kind(self) -> str: ...


class AccessSpools(Protocol):
    """What waits to come into the access log."""

    @property
    def oldest_us(self) -> int | None: ...

    @property
    def damaged(self) -> int: ...


class Parts(Struct, frozen=True, kw_only=True):
    """Whom health asks; all but the committer ask the database, or the disk.

    check_keys raises when the key store is broken or not that of the database, check_index when the
    search index is made with another secret. free_bytes: room on the disk of the data directory.
    troubles: of witnesses, in words. access: what waits in the spools of the access log.
    """

    clock: Callable[[], int]
    ping: Callable[[], Awaitable[object]]
    free_bytes: Callable[[], int]
    committer: CommitterState
    models: Callable[[], Awaitable[Sequence[ModelStatus]]]
    check_keys: Callable[[], Awaitable[None]]
    check_index: Callable[[], Awaitable[None]]
    jobs: Callable[[], Awaitable[QueueFigures]]
    schedules: Callable[[], Awaitable[Sequence[ScheduleRun]]]
    ledger: Callable[[], Awaitable[LedgerFigures]]
    alarms: Callable[[], Awaitable[Sequence[LedgerAlarm]]]
    troubles: Callable[[], Awaitable[Sequence[str]]]
    access: Callable[[], AccessSpools]


class InstallationHealth:
    """Implements `interfaces.http.health.Health`. models: the names of the read models."""

    def __init__(self, parts: Parts, models: Sequence[str]) -> None:
        self._parts = parts
        self._models = tuple(models)

    async def check(self) -> Mapping[str, Subsystem]:
        parts = self._parts
        checks: dict[str, Callable[[], Awaitable[Subsystem]]] = {
            "store": self._store,
            "disk": self._disk,
            "committer": self._commits,
            "key_store": self._keys,
            "search": self._index,
            "jobs": self._jobs,
            "worker": self._worker,
            "schedules": self._schedules,
            "signing": self._signing,
            "ledger": self._ledger,
            "witnesses": self._witnesses,
            "access_log": self._access_log,
        }
        found = {name: await _guarded(check) for name, check in checks.items()}
        try:
            models = {one.model: one for one in await parts.models()}
        except (OrderHistoryError, OSError) as error:
            down = Subsystem("down", _words(error))
            return found | {f"projection.{name}": down for name in self._models}
        now_us = parts.clock()
        return found | {f"projection.{name}": of_model(models[name], now_us) for name in models}

    async def _store(self) -> Subsystem:
        await self._parts.ping()
        return Subsystem("ok")

    async def _disk(self) -> Subsystem:
        free = self._parts.free_bytes()
        if free < _FREE_BYTES:
            left = f"{free / 1e6:.0f} MB are left on the disk of the data directory"
            return Subsystem("degraded", left)
        return Subsystem("ok")

    async def _commits(self) -> Subsystem:
        committer = self._parts.committer
        if committer.refusing is not None:
            return Subsystem("down", committer.refusing)
        if not committer.available:
            return Subsystem("down", "no connection to the database")
        if committer.ahead_us > _AHEAD_US:
            seconds = committer.ahead_us // SECOND
            return Subsystem("degraded", f"the ledger's clock is {seconds} s ahead of this machine")
        if committer.queued > _QUEUED_EVENTS:
            return Subsystem("degraded", f"{committer.queued} events wait to be committed")
        return Subsystem("ok")

    async def _keys(self) -> Subsystem:
        await self._parts.check_keys()
        return Subsystem("ok")

    async def _index(self) -> Subsystem:
        await self._parts.check_index()
        return Subsystem("ok")

    async def _jobs(self) -> Subsystem:
        jobs = await self._parts.jobs()
        waiting = jobs.queued
        if jobs.oldest_queued_us > _QUEUED_US:
            minutes = jobs.oldest_queued_us // (60 * SECOND)
            return Subsystem("degraded", f"{waiting} wait, the oldest for {minutes} min")
        return Subsystem("ok", f"{waiting} wait" if waiting else None)

    async def _worker(self) -> Subsystem:
        if (await self._parts.jobs()).workers == 0:
            return Subsystem("down", "no worker runs: read models, jobs and signing stand still")
        return Subsystem("ok")

    async def _schedules(self) -> Subsystem:
        now_us = self._parts.clock()
        return _worst(of_schedule(run, now_us) for run in await self._parts.schedules())

    async def _signing(self) -> Subsystem:
        figures = await self._parts.ledger()
        if figures.signed_age_us > _UNSIGNED_US:
            age = figures.signed_age_us // SECOND
            waiting = f"{figures.unsigned_events} events have been waiting to be signed for {age} s"
            return Subsystem("degraded", waiting)
        if (figures.unpublished_rounds or 0) > _UNPUBLISHED_ROUNDS:
            rounds = figures.unpublished_rounds
            return Subsystem("degraded", f"{rounds} rounds are signed and not published")
        return Subsystem("ok")

    async def _ledger(self) -> Subsystem:
        """Of tenants only how many are concerned: whoever asks holds one of them."""
        alarms = await self._parts.alarms()
        if alarms:
            kinds = ", ".join(sorted({one.kind for one in alarms}))
            return Subsystem("degraded", f"{len(alarms)} alarms ({kinds}); see `doctor`")
        return Subsystem("ok")

    async def _witnesses(self) -> Subsystem:
        troubles = await self._parts.troubles()
        return Subsystem("degraded", "; ".join(troubles)) if troubles else Subsystem("ok")

    async def _access_log(self) -> Subsystem:
        waiting = self._parts.access()
        if waiting.damaged:
            files = waiting.damaged
            return Subsystem("degraded", f"{files} files of the spool were damaged and set aside")
        late_us = self._parts.clock() - (waiting.oldest_us or self._parts.clock())
        if late_us > _UNDRAINED_US:
            seconds = late_us // SECOND
            return Subsystem("degraded", f"entries have been waiting for {seconds} s")
        return Subsystem("ok")


def of_model(model: ModelStatus, now_us: int) -> Subsystem:
    """How a read model is, at a time in microseconds."""
    if model.degraded:
        return Subsystem("degraded", f"{model.dead_letters} dead letters")
    if model.lag > _LAG_EVENTS:
        return Subsystem("degraded", f"{model.lag} events behind")
    late_us = 0 if model.waiting_since_us is None else now_us - model.waiting_since_us
    if late_us > _LAG_US:
        waiting = f"{model.lag} events behind, the oldest recorded {late_us // SECOND} s ago"
        return Subsystem("degraded", waiting)
    return Subsystem("ok")


def of_schedule(run: ScheduleRun, now_us: int) -> Subsystem:
    """How a schedule is that ran before, at a time in microseconds."""
    if run.error is not None:
        return Subsystem("degraded", f"{run.schedule} failed: {run.error}")
    ago_us = now_us - run.ran_us
    if ago_us > _INTERVALS * run.every_us:
        every, ago = run.every_us // (60 * SECOND), ago_us // (60 * SECOND)
        return Subsystem("degraded", f"{run.schedule} ran {ago} min ago, not each {every} min")
    return Subsystem("ok")


def _worst(found: Iterable[Subsystem]) -> Subsystem:
    reasons = [one.reason for one in found if one.status != "ok" and one.reason]
    return Subsystem("degraded", "; ".join(reasons)) if reasons else Subsystem("ok")


async def _guarded(check: Callable[[], Awaitable[Subsystem]]) -> Subsystem:
    try:
        return await check()
    except (OrderHistoryError, OSError) as error:
        return Subsystem("down", _words(error))


def _words(error: Exception) -> str:
    """An OSError may name files of this machine."""
    return str(error) if isinstance(error, OrderHistoryError) else "failed"
