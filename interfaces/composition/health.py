"""Whom health and diagnostics ask."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from application.watching.diagnostics import Diagnose
from domain.search.hashing import TermHash
from infrastructure.ledger.figures import ledger_figures
from infrastructure.postgres.connect import store_errors
from infrastructure.search.secret import search_key
from infrastructure.watching.intake import IntakeSamples
from infrastructure.watching.schedules import ScheduleRuns
from interfaces.composition.access_log import access_waiting
from interfaces.composition.connections import clock
from interfaces.composition.installations import WrongKeyStore, key_directory, keys_belong
from interfaces.composition.metrics import free_bytes, installation_figures, model_statuses
from interfaces.composition.witnessing import troubles
from interfaces.composition.writing import WriteSide
from interfaces.health import InstallationHealth, Parts
from projections.registry import NAMES
from projections.search.key import require_key
from projections.sources.queries import SourceQueries


def health(side: WriteSide) -> InstallationHealth:
    """An API process's. Raises PolicyRefused, and KeyUnavailable."""
    fingerprint = TermHash(search_key(side.settings.data_dir)).fingerprint

    async def ping() -> None:
        with store_errors():
            async with side.pool.connection() as connection:
                await connection.execute("select 1")

    async def check_keys() -> None:
        directory = side.settings.data_dir
        list(key_directory(directory).iterdir())
        with store_errors():
            async with side.pool.connection() as connection:
                if not await keys_belong(connection, directory, side.key_store):
                    raise WrongKeyStore

    async def check_index() -> None:
        with store_errors():
            async with side.pool.connection() as connection:
                await require_key(connection, fingerprint)

    parts = Parts(
        clock=clock,
        ping=ping,
        free_bytes=partial(free_bytes, side),
        committer=side.committer,
        models=partial(model_statuses, side),
        check_keys=check_keys,
        check_index=check_index,
        jobs=installation_figures(side).queue,
        schedules=ScheduleRuns(side.pool, clock).all,
        ledger=partial(ledger_figures, side.pool, side.ledger.published, clock),
        alarms=side.ledger.alarms.all,
        troubles=troubles(side.settings, side.pool),
        access=partial(access_waiting, side),
    )
    return InstallationHealth(parts, NAMES)


def diagnose(side: WriteSide) -> Diagnose:
    """An API process's."""

    async def behind() -> Mapping[str, int]:
        return {one.model: one.lag for one in await model_statuses(side)}

    return Diagnose(
        SourceQueries(side.pool), IntakeSamples(side.pool), side.committer, behind, clock
    )
