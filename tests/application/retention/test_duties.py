"""Which duties keep what, until when; and that their guard moves with the policies alone."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest

from application.audit.acts import Acts
from application.retention.duties import Duties, InForce
from domain.audit.acts import Doer
from domain.retention.evaluations import Evaluations
from domain.retention.policies import Policies
from domain.times import parse_us
from infrastructure.event_store.histories import Histories
from infrastructure.key_store.files import FileKeyStore
from infrastructure.postgres.connect import open_pool
from infrastructure.privacy.keyring import Keyring
from tests.domain.retention.made import policy, rule, snapshots
from tests.infrastructure.event_store.kit import committing, fresh

pytestmark = pytest.mark.anyio
NOW = parse_us("2025-06-15T12:00:00Z")
OLD, NEW = parse_us("2024-06-15T12:00:00Z"), parse_us("2024-06-15T12:00:00.000001Z")
UNTIL = parse_us("2025-06-15T12:00:00.000001Z")
ANN = Doer("ann")


def in_force(*policies: object) -> InForce:
    return InForce((b"", 1), policies, NOW)  # type: ignore[arg-type]  # policies of tests


def test_what_must_be_kept_and_until_when() -> None:
    duties = in_force(policy("p1", duty=True), policy("p2", duty=True, event_types=("*",)))
    assert duties.keeps("order.payment.failed", NEW, 0) == [("p1", UNTIL), ("p2", UNTIL)]
    assert duties.keeps("order.created", NEW, 0) == [("p2", UNTIL)]
    assert duties.keeps("order.payment.failed", OLD, NOW) == []
    assert duties.keeps("history.hold.placed", NEW, NEW) == []


def test_what_is_counted_from_its_arrival() -> None:
    duties = in_force(policy("p1", duty=True, counted_from="received_at"))
    assert duties.keeps("order.payment.failed", OLD, NEW) == [("p1", UNTIL)]
    assert duties.keeps("order.payment.failed", NEW, OLD) == []


def test_snapshots_and_events_are_not_kept_for_each_other() -> None:
    of_snapshots = policy(
        "p1", duty=True, applies_to="snapshots", event_types=(), counted_from=None
    )
    duties = in_force(of_snapshots, policy("p2", duty=True))
    assert duties.keeps_snapshot(NEW) == [("p1", UNTIL)]
    assert duties.keeps_snapshot(OLD) == []
    assert duties.keeps("order.payment.failed", NEW, NEW) == [("p2", UNTIL)]


@pytest.fixture
async def acts(database_url: str, key_store: FileKeyStore) -> AsyncIterator[Acts]:
    pool = await open_pool(database_url, "cell_0", min=1, max=2, name="duties")
    async with committing(database_url, key_store) as door:
        warm = Keyring(key_store).warm
        yield Acts(door, Histories(pool), lambda: NOW, os.urandom, warm)
    await pool.close()


async def test_a_duty_is_in_force_while_its_policy_is_there(acts: Acts) -> None:
    tenant = fresh("duties")
    duties = Duties(acts, lambda: NOW)
    before = await duties.in_force(tenant)
    assert before.keeps("order.payment.failed", NEW, NEW) == []
    await acts.act(tenant, ANN, Policies, lambda all_: all_.create("p1", rule(duty=True)))
    await acts.act(tenant, ANN, Policies, lambda all_: all_.create("p2", snapshots()))
    there = await duties.in_force(tenant)
    assert there.keeps("order.payment.failed", NEW, NEW) == [("p1", UNTIL)]
    assert there.keeps_snapshot(NEW) == []
    assert (before.guard[1], there.guard[1]) == (0, 2)
    assert (await duties.in_force(fresh("other"))).keeps("order.payment.failed", NEW, NEW) == []

    def runs() -> Evaluations:
        return Evaluations("p1", dry_run=False)

    await acts.act(tenant, ANN, runs, lambda all_: all_.evaluate("job_1", 1, {"events": 0}))
    assert (await duties.in_force(tenant)).guard == there.guard
    await acts.act(tenant, ANN, Policies, lambda all_: all_.delete("p1"))
    gone = await duties.in_force(tenant)
    assert gone.keeps("order.payment.failed", NEW, NEW) == []
    assert gone.guard[0] == there.guard[0]
    assert gone.guard[1] == 3
