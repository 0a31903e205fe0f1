"""Snapshots are taken behind the ledger's back, at every so many versions."""

from __future__ import annotations

import psycopg
import pytest

from application.ports import Window
from domain.privacy.sealing import originator
from infrastructure.event_store.committer import Committer
from infrastructure.event_store.histories import Histories
from infrastructure.event_store.snapshotting import Snapshotter
from infrastructure.postgres.connect import Pool, address
from tests.domain.ledger.drafts import draft
from tests.infrastructure.event_store.kit import fresh


@pytest.mark.anyio
async def test_an_order_is_kept_at_every_so_many_versions(
    committer: Committer, pool: Pool, database_url: str
) -> None:
    tenant = fresh("snapshots")
    for number in range(23):
        await committer.submit([draft(f"e{number}", "o1", tenant)])
    await committer.submit([draft("other", "o2", tenant)])
    target = address(database_url, "cell_0", name="test snapshots")

    def connect() -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(target, autocommit=True)

    snapshotter = Snapshotter(connect, every=10)
    with connect() as connection:
        while snapshotter.turn(connection):
            pass
        assert not snapshotter.turn(connection), "there is nothing to do twice"
        taken = connection.execute(
            "select originator_version, after_version, corrects from aggregate_snapshots"
            " where originator_id = %s order by 1",
            (originator(tenant, "o1"),),
        ).fetchall()
    assert taken == [(10, 0, False), (20, 10, False)]
    state, tail = await Histories(pool).load(originator(tenant, "o1"), Window())
    assert state is not None
    assert [row.originator_version for row in tail] == [21, 22, 23]


@pytest.mark.anyio
async def test_blocks_that_lie_later_than_asked_are_left_out_but_for_their_last(
    committer: Committer, pool: Pool, database_url: str
) -> None:
    tenant = fresh("blocks")
    for number in range(23):
        occurred = f"2025-01-01T00:00:{number:02}Z"
        await committer.submit([draft(f"e{number}", "o1", tenant, occurred_at=occurred)])
    target = address(database_url, "cell_0", name="test snapshots")
    with psycopg.connect(target, autocommit=True) as connection:
        snapshotter = Snapshotter(lambda: psycopg.connect(target, autocommit=True), every=5)
        while snapshotter.turn(connection):
            pass
    at_us = 1_735_689_600_000_000 + 7_000_000  # of e7, version 8
    window = Window(latest_us=at_us, later_than_us=at_us)
    state, tail = await Histories(pool).load(originator(tenant, "o1"), window)
    assert state is not None
    assert [row.originator_version for row in tail] == [6, 7, 8, 9, 10, 15, 20, 21, 22, 23]
