"""Is the process alive, and are the parts of the service well?

`GET /healthz` answers for the process alone. `GET /v1/order-history/health` asks every subsystem:
200 while the store answers, with `degraded` or `down` in the fields of whatever else ails, so that
a lagging projection does not take the API out of rotation; 503 when the store itself is down,
because then nothing can be written or read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

import msgspec
from litestar.types import ASGIApp
from msgspec import Struct

from domain.access.permissions import Permission
from interfaces.http.answers import json_answer
from interfaces.http.caller import ApiRequest
from interfaces.http.endpoint import Reply, endpoint

State = Literal["ok", "degraded", "down"]
_WORST: tuple[State, ...] = ("down", "degraded")


class Subsystem(Struct, frozen=True):
    """One part of the service; `reason` says what is wrong, in words without values."""

    status: State
    reason: str | None = None


class HealthReport(Struct, frozen=True):
    """The worst status of all subsystems, and each of them."""

    status: State
    subsystems: dict[str, Subsystem]


class ProcessHealth(Struct, frozen=True):
    """`stopping` from SIGTERM on: send no further requests here."""

    status: Literal["ok", "stopping"]


class Health(Protocol):
    """Looks at every subsystem."""

    async def check(self) -> Mapping[str, Subsystem]:
        """By name: at least store; of each read model `projection.<its name>`.

        Never raises and answers within seconds: what cannot be asked is `down`.
        """
        ...


def report(subsystems: Mapping[str, Subsystem]) -> HealthReport:
    """The worst of all is the whole."""
    found = {subsystem.status for subsystem in subsystems.values()}
    status: State = next((state for state in _WORST if state in found), "ok")
    return HealthReport(status, dict(subsystems))


@endpoint(
    "GET",
    "/healthz",
    permission=None,
    summary="The process",
    tag="Operations",
    replies={
        200: Reply("The process answers.", ProcessHealth, example={"status": "ok"}),
        503: Reply("The process is stopping.", ProcessHealth),
    },
)
async def process_health(request: ApiRequest) -> ASGIApp:
    """Needs no token and asks nobody: for the supervisor and the load balancer."""
    if request.services.stopping.is_set():
        return json_answer(msgspec.json.encode(ProcessHealth("stopping")), status=503)
    return json_answer(msgspec.json.encode(ProcessHealth("ok")))


@endpoint(
    "GET",
    "/health",
    permission=Permission.HEALTH_READ,
    summary="The subsystems",
    tag="Operations",
    replies={
        200: Reply("The store answers; see each subsystem for the rest.", HealthReport),
        503: Reply("The store is down.", HealthReport),
    },
)
async def subsystem_health(request: ApiRequest) -> ASGIApp:
    """The state of each part, and in words what ails it: the store, the disk, the committer, the
    key store, the jobs, the worker, its schedules, the signing and the alarms of the ledger, the
    witnesses, the spools of the access log, and each read model as `projection.<name>`."""
    answer = report(await request.services.health.check())
    store = answer.subsystems.get("store")
    status = 503 if store is None or store.status == "down" else 200
    return json_answer(msgspec.json.encode(answer), status=status)


HANDLERS = (subsystem_health,)
PUBLIC_HANDLERS = (process_health,)
