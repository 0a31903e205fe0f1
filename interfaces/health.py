"""How the parts of an installation are, asked of each of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from domain.errors import OrderHistoryError
from interfaces.http.health import Subsystem
from projections.progress import ModelStatus

_AHEAD_US = 5_000_000
_LAG_EVENTS = 10_000


class CommitterState(Protocol):
    """What the committer tells of itself."""

    @property
    def available(self) -> bool: ...

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


class InstallationHealth:
    """Implements `interfaces.http.health.Health`.

    ping, models, waiting_jobs, alarms, troubles (of witnesses, in words) ask the database;
    check_keys raises when the key store is broken or not that of the database.
    """

    def __init__(
        self,
        *,
        ping: Callable[[], Awaitable[object]],
        committer: CommitterState,
        models: Callable[[], Awaitable[Sequence[ModelStatus]]],
        check_keys: Callable[[], Awaitable[None]],
        waiting_jobs: Callable[[], Awaitable[int]],
        alarms: Callable[[], Awaitable[Sequence[LedgerAlarm]]],
        troubles: Callable[[], Awaitable[Sequence[str]]],
    ) -> None:
        self._ping = ping
        self._committer = committer
        self._models = models
        self._check_keys = check_keys
        self._waiting_jobs = waiting_jobs
        self._alarms = alarms
        self._troubles = troubles

    async def check(self) -> Mapping[str, Subsystem]:
        checks: dict[str, Callable[[], Awaitable[Subsystem]]] = {
            "store": self._store,
            "committer": self._commits,
            "projections": self._projections,
            "key_store": self._keys,
            "jobs": self._jobs,
            "ledger": self._ledger,
            "witnesses": self._witnesses,
        }
        return {name: await _guarded(check) for name, check in checks.items()}

    async def _store(self) -> Subsystem:
        await self._ping()
        return Subsystem("ok")

    async def _commits(self) -> Subsystem:
        if self._committer.refusing is not None:
            return Subsystem("down", self._committer.refusing)
        if not self._committer.available:
            return Subsystem("down", "no connection to the database")
        if self._committer.ahead_us > _AHEAD_US:
            seconds = self._committer.ahead_us // 1_000_000
            return Subsystem("degraded", f"the ledger's clock is {seconds} s ahead of this machine")
        return Subsystem("ok")

    async def _projections(self) -> Subsystem:
        for model in await self._models():
            if model.degraded:
                return Subsystem("degraded", f"{model.model}: {model.dead_letters} dead letters")
            if model.lag > _LAG_EVENTS:
                return Subsystem("degraded", f"{model.model}: {model.lag} events behind")
        return Subsystem("ok")

    async def _keys(self) -> Subsystem:
        await self._check_keys()
        return Subsystem("ok")

    async def _jobs(self) -> Subsystem:
        waiting = await self._waiting_jobs()
        return Subsystem("ok", f"{waiting} wait" if waiting else None)

    async def _ledger(self) -> Subsystem:
        """Of tenants only how many are concerned: whoever asks holds one of them."""
        alarms = await self._alarms()
        if alarms:
            kinds = ", ".join(sorted({one.kind for one in alarms}))
            return Subsystem("degraded", f"{len(alarms)} alarms ({kinds}); see `doctor`")
        return Subsystem("ok")

    async def _witnesses(self) -> Subsystem:
        troubles = await self._troubles()
        return Subsystem("degraded", "; ".join(troubles)) if troubles else Subsystem("ok")


async def _guarded(check: Callable[[], Awaitable[Subsystem]]) -> Subsystem:
    try:
        return await check()
    except (OrderHistoryError, OSError) as error:
        return Subsystem("down", str(error) if isinstance(error, OrderHistoryError) else "failed")
