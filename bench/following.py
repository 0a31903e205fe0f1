"""The way from the event store to the read models, and over all stored bytes again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress

from bench.figures import Aim, Row
from bench.filling import fill
from bench.ground import Ground
from bench.sample import bodies
from bench.scale import Say, Scale
from infrastructure.event_store.notifier import channel
from interfaces.composition.connections import connecting
from interfaces.composition.maintenance import audit_ledgers, rebuild_models
from interfaces.composition.models import models
from interfaces.settings import Settings
from projections.hub import Hub
from projections.progress import status
from projections.registry import NAMES


def following(ground: Ground, scale: Scale, say: Say) -> Iterator[Row]:
    """The hub catching up, a rebuild of all read models, a recomputation of the ledger."""
    count = scale.stored_events
    with ground.installation() as settings:
        fill(settings, bodies(count))
        hub = count / asyncio.run(_catch_up(settings, count))
        say(f"hub: {hub:,.0f}/s")
        rebuilds = [count / _rebuild(settings) for _ in range(scale.rounds)]
        say(f"rebuild: {rebuilds[0]:,.0f}/s")
        audits = [count / _audit(settings) for _ in range(scale.rounds)]
        say(f"verify: {audits[0]:,.0f}/s")
    yield Row("read models, hub catching up", "/s", [hub])
    aim = Aim(">=", 40_000, of="figure")
    yield Row("read models, rebuild of all", "/s", rebuilds, (), aim)
    yield Row("verify ledger", "/s", audits)


async def _catch_up(settings: Settings, count: int) -> float:
    hub = Hub(connecting(settings, "bench hub"), channel(settings.cell), models(settings))
    watching = await connecting(settings, "bench")()
    started = time.perf_counter()
    running = asyncio.create_task(hub.run())
    while any(one.position < count for one in await status(watching, NAMES)):  # noqa: ASYNC110  # it stands in the database
        await asyncio.sleep(0.02)
    seconds = time.perf_counter() - started
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    await watching.close()
    return seconds


def _rebuild(settings: Settings) -> float:
    started = time.perf_counter()
    asyncio.run(rebuild_models(settings, [], lambda *_: None))
    return time.perf_counter() - started


def _audit(settings: Settings) -> float:
    started = time.perf_counter()
    _, differences = audit_ledgers(settings, None, lambda *_: None)
    assert not differences, differences
    return time.perf_counter() - started
