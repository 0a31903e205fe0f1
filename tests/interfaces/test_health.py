"""What `GET /health` says: of parts that are made up, each well but one, and of the real ones."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from application.ledger.figures import LedgerFigures
from application.watching.figures import QueueFigures, ScheduleRun
from domain.errors import Unavailable
from infrastructure.access_log.waiting import Waiting
from infrastructure.postgres.migrate import upgrade
from interfaces.health import InstallationHealth, Parts
from interfaces.settings import Settings
from projections.progress import ModelStatus
from projections.search.key import IndexKeyDiffers
from tests.interfaces.http.journeys.house import BASE, Shop, opened

pytestmark = pytest.mark.anyio


NOW_US = 1_000_000_000
MINUTE = 60_000_000


class Committer:
    available, queued, ahead_us, refusing = True, 0, 0, None


def returning(value: Any) -> Callable[[], Awaitable[Any]]:
    async def given() -> Any:
        if isinstance(value, Exception):
            raise value
        return value

    return given


def parts(**changed: Any) -> Parts:
    """Parts that are well, but for those given; of a committer, what differs."""
    committer: Any = Committer()
    for name, value in changed.pop("committer", {}).items():
        setattr(committer, name, value)
    given: dict[str, Any] = {
        "ping": None,
        "models": [ModelStatus("orders", 9, 9, 0, 0), ModelStatus("ledger", 9, 9, 0, 0)],
        "check_keys": None,
        "check_index": None,
        "jobs": QueueFigures(0, 0, 1),
        "schedules": [ScheduleRun("sweep", MINUTE, NOW_US - MINUTE, None)],
        "ledger": LedgerFigures(
            alarms={}, unsigned_events=2, signed_age_us=900_000, unpublished_rounds=None,
            audited_events=0, audit_passes=0,
        ),
        "alarms": [],
        "troubles": [],
    }  # fmt: skip
    return Parts(
        clock=lambda: NOW_US,
        free_bytes=lambda: changed.pop("free_bytes", 2**40),
        committer=committer,
        access=lambda: changed.get("access", Waiting(9, NOW_US - 2_000_000, 0)),
        **{name: returning(changed.get(name, value)) for name, value in given.items()},
    )


async def ailing(**changed: Any) -> dict[str, tuple[str, str | None]]:
    """Every subsystem that is not well, or says something."""
    found = await InstallationHealth(parts(**changed), ["orders", "ledger"]).check()
    return {
        name: (one.status, one.reason)
        for name, one in found.items()
        if one.status != "ok" or one.reason
    }


async def test_where_all_is_well_every_part_says_so() -> None:
    found = await InstallationHealth(parts(), ["orders", "ledger"]).check()
    assert {name: one.status for name, one in found.items()} == dict.fromkeys(
        (
            "store", "disk", "committer", "key_store", "search", "jobs", "worker", "schedules",
            "signing", "ledger", "witnesses", "access_log", "projection.orders",
            "projection.ledger",
        ),
        "ok",
    )  # fmt: skip


LATE = ModelStatus("orders", 1, 9, 8, 0, NOW_US - 61_000_000)
SIGNED = LedgerFigures({}, 7, 61_000_000, None, 0, 0)
PUBLISHED = LedgerFigures({}, 0, 0, 61, 0, 0)


@pytest.mark.parametrize(
    ("changed", "name", "status", "reason"),
    [
        ({"ping": Unavailable()}, "store", "down", str(Unavailable())),
        ({"free_bytes": 5_000_000}, "disk", "degraded",
         "5 MB are left on the disk of the data directory"),
        ({"committer": {"available": False}}, "committer", "down",
         "no connection to the database"),
        ({"committer": {"refusing": "it lies behind"}}, "committer", "down", "it lies behind"),
        ({"committer": {"ahead_us": 6_000_000}}, "committer", "degraded",
         "the ledger's clock is 6 s ahead of this machine"),
        ({"committer": {"queued": 10_001}}, "committer", "degraded",
         "10001 events wait to be committed"),
        ({"check_keys": OSError("/secret/keys")}, "key_store", "down", "failed"),
        ({"check_index": IndexKeyDiffers()}, "search", "down", str(IndexKeyDiffers())),
        ({"jobs": QueueFigures(3, 1, 1)}, "jobs", "ok", "3 wait"),
        ({"jobs": QueueFigures(3, 6 * MINUTE, 1)}, "jobs", "degraded",
         "3 wait, the oldest for 6 min"),
        ({"jobs": QueueFigures(0, 0, 0)}, "worker", "down",
         "no worker runs: read models, jobs and signing stand still"),
        ({"schedules": [ScheduleRun("sweep", MINUTE, NOW_US - 4 * MINUTE, None)]}, "schedules",
         "degraded", "sweep ran 4 min ago, not each 1 min"),
        ({"schedules": [ScheduleRun("sweep", MINUTE, NOW_US, "OSError"),
                        ScheduleRun("other", MINUTE, NOW_US, None)]}, "schedules",
         "degraded", "sweep failed: OSError"),
        ({"ledger": SIGNED}, "signing", "degraded",
         "7 events have been waiting to be signed for 61 s"),
        ({"ledger": PUBLISHED}, "signing", "degraded",
         "61 rounds are signed and not published"),
        ({"access": Waiting(9, NOW_US - 61_000_000, 0)}, "access_log", "degraded",
         "entries have been waiting for 61 s"),
        ({"access": Waiting(0, None, 1)}, "access_log", "degraded",
         "1 files of the spool were damaged and set aside"),
        ({"troubles": ["w1 is away", "w2 lies"]}, "witnesses", "degraded",
         "w1 is away; w2 lies"),
        ({"models": [ModelStatus("orders", 9, 9, 0, 2)]}, "projection.orders", "degraded",
         "2 dead letters"),
        ({"models": [ModelStatus("orders", 0, 20_000, 20_000, 0)]}, "projection.orders",
         "degraded", "20000 events behind"),
        ({"models": [LATE]}, "projection.orders", "degraded",
         "8 events behind, the oldest recorded 61 s ago"),
    ],
)  # fmt: skip
async def test_one_part_that_ails(
    changed: dict[str, Any], name: str, status: str, reason: str
) -> None:
    assert await ailing(**changed) == {name: (status, reason)}


async def test_read_models_of_which_nothing_can_be_told_are_all_down() -> None:
    away = ("down", str(Unavailable()))
    assert await ailing(models=Unavailable()) == {
        "projection.orders": away,
        "projection.ledger": away,
    }


async def key_store(shop: Shop) -> dict[str, Any]:
    answer = await shop.as_role("operator").get(f"{BASE}/health")
    return dict(answer.json()["subsystems"]["key_store"])


async def test_a_key_store_that_lost_its_keys(empty_url: str, tmp_path: Path) -> None:
    upgrade(empty_url)
    async with opened(Settings(database_url=empty_url, data_dir=tmp_path)) as house:
        shop = house.shop()
        assert await key_store(shop) == {"status": "ok", "reason": None}
        await shop.record(payload={"note": "ring twice"})
        assert await key_store(shop) == {"status": "ok", "reason": None}
        keys = tmp_path / "keys" / "tenants" / f"{shop.tenant}.keys"
        keys.rename(tmp_path / "lost")
        assert await key_store(shop) == {
            "status": "down",
            "reason": "The key store lacks keys that the database names.",
        }
        (tmp_path / "lost").rename(keys)
        assert await key_store(shop) == {"status": "ok", "reason": None}


async def test_alarms_of_the_ledger(database_url: str, tmp_path: Path) -> None:
    """Whoever asks holds one tenant: of the others not even the name is told."""
    async with opened(Settings(database_url=database_url, data_dir=tmp_path)) as house:
        operator = house.shop().as_role("operator")

        async def ledger() -> dict[str, Any]:
            return dict((await operator.get(f"{BASE}/health")).json()["subsystems"]["ledger"])

        assert await ledger() == {"status": "ok", "reason": None}
        with psycopg.connect(database_url) as connection:
            connection.execute(
                "insert into cell_0.ledger_alarms values ('umbrella', 'audit', 7, 'differs', 0),"
                " ('umbrella', 'witness', null, 'differs', 1), ('nova', 'audit', 7, 'differs', 2)"
            )
        told = await ledger()
        assert told["status"] == "degraded"
        assert told["reason"].startswith("3 alarms (audit, witness)")
        assert "umbrella" not in str(told)
