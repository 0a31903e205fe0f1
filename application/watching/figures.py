"""What is measured of an installation, for whoever watches over it. Nothing here names a tenant."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class Standby(Struct, frozen=True):
    """A copy of the database and how far it is behind; None: the server does not tell."""

    name: str
    behind_bytes: int | None
    behind_us: int | None


class StoreFigures(Struct, frozen=True):
    """The event store.

    recorded: events, ever, of all tenants. newest_us: received_at of the last; None: there is none.
    standbys: by name, those that replicate from it; `attached`: how many.
    """

    recorded: int
    newest_us: int | None
    attached: int
    standbys: tuple[Standby, ...]


class JobFigures(Struct, frozen=True):
    """Jobs of all tenants.

    by_status: how many there are, ever. oldest_queued_us: how long the oldest has been waiting; 0
    while none is. lines: what became of the lines of bulk jobs and imports, by outcome. workers:
    processes that said within the last seconds that they run jobs.
    """

    by_status: Mapping[str, int]
    oldest_queued_us: int
    lines: Mapping[str, int]
    workers: int


class QueueFigures(Struct, frozen=True):
    """The jobs of all tenants that wait: how many, and how long the oldest has been waiting; 0
    while none is. workers: as of JobFigures."""

    queued: int
    oldest_queued_us: int
    workers: int


class TableSize(Struct, frozen=True):
    """Bytes of a table (what is kept beside its rows included) and of its indexes."""

    table: str
    bytes: int
    index_bytes: int


class ScheduleRun(Struct, frozen=True):
    """The newest run of a schedule. error: a class of error; None: it succeeded."""

    schedule: str
    every_us: int
    ran_us: int
    error: str | None
