"""A tenant leaves, at the command line, while the service runs: all of it is exported, its keys are
destroyed, and that is certified."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from application.ports import KeysDestroyed
from domain.privacy.sealing import originator
from infrastructure.key_store.files import FileKeyStore
from infrastructure.postgres.tables import CELL
from infrastructure.privacy.keyring import Keyring, KeyRow
from infrastructure.tenancy.leavings import FileLeavings
from tests.infrastructure.ledger.cell import until
from tests.interfaces.cli.program import run
from tests.interfaces.http.journeys.house import BASE, House, Json, Shop

pytestmark = pytest.mark.anyio

KEPT = {"events", "jobs", "orders", "order_events", "actors", "audit_log", "access_log"}
"""Some tables of whose rows the ledger or the log is made, or which are made of it."""
GONE = (
    "disclosures",
    "data_keys",
    "access_log_personal",
    "job_lines",
    "job_chunks",
    "idempotency_keys",
    "order_snapshots",
    "saved_searches",
)
_names = itertools.count(1)


class Leaver:
    """A shop with something in every store, and what is personal of it."""

    def __init__(self, shop: Shop) -> None:
        name = f"n{next(_names)}"
        self.shop = shop
        self.customer = {
            "id": f"cust_{name}", "email": f"ann.{name}@example.org", "name": f"Ann Marlow-{name}",
        }  # fmt: skip
        self.note = f"gate code {name}"
        self.bad = f"Rowan Walk {name}"
        self.reason = f"call of {name}"

    @property
    def personal(self) -> tuple[str, ...]:
        return (self.customer["email"], self.customer["name"], self.note, self.bad, self.reason)

    async def lives(self) -> None:
        shop = self.shop
        actor = {"actor_id": "agent_1", "ip": "203.0.113.9"}
        created = shop.event(
            "ord_1", type="order.created", metadata=actor,
            payload={"customer": self.customer, "total_minor": 100},
        )  # fmt: skip
        assert (await shop.send(created, Idempotency_Key="once")).status_code == 201
        await shop.record("ord_1", payload={"note": self.note})
        lines = [msgspec.json.encode(shop.event("ord_2", payload={"n": n})) for n in range(120)]
        lines.append(msgspec.json.encode({"event_id": "bad", "payload": {"line1": self.bad}}))
        producer = shop.as_role("producer")
        bulk = await producer.post(
            f"{BASE}/events/bulk", content=b"\n".join(lines),
            headers={"Content-Type": "application/x-ndjson", "Prefer": "wait=30"},
        )  # fmt: skip
        assert (bulk.status_code, bulk.json()["result"]["rejected"]) == (200, 1), bulk.text
        state = {
            "snapshot_id": "snap", "captured_at": "2025-01-01T00:00:00Z", "source": "shop",
            "state": {"customer": self.customer},
        }  # fmt: skip
        made = await producer.post(f"{BASE}/orders/ord_1/snapshots", json=state)
        assert made.status_code == 201, made.text
        search = {"name": "mine", "search": {"query": {"ident": "ord_1"}}}
        saved = await shop.as_role("support").post(f"{BASE}/searches", json=search)
        assert saved.status_code == 201, saved.text
        read = await shop.get("/orders/ord_1/timeline", "support",
                              headers={"X-Access-Reason": self.reason})  # fmt: skip
        assert self.customer["name"] in read.text


@pytest.fixture
def leaver(shop: Shop) -> Leaver:
    return Leaver(shop)


def given(house: House) -> tuple[object, ...]:
    settings = house.settings
    return "--database-url", settings.database_url, "--data-dir", settings.data_dir


async def off_board(
    shop: Shop, directory: Path, *more: object, confirm: str | None = None
) -> subprocess.CompletedProcess[str]:
    command = ("tenant", "off-board", shop.tenant, "--export", directory)
    who = ("--confirm", confirm or shop.tenant, "--by", "ops")
    return await asyncio.to_thread(run, *command, *who, *given(shop.house), *more)


async def left(shop: Shop, directory: Path, *more: object) -> str:
    ended = await off_board(shop, directory, *more)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


async def keys_of(shop: Shop) -> list[str]:
    data_dir = shop.house.settings.data_dir
    said = await asyncio.to_thread(
        run, "ledger", "key", "--tenant", shop.tenant, "--data-dir", data_dir
    )
    return said.stdout.split()


def rows(house: House, table: str, tenant: str, what: str = "count(*)") -> list[Any]:
    statement = f"select {what} from cell_0.{table} where tenant_id = %s"
    with psycopg.connect(house.settings.database_url) as connection:
        return connection.execute(statement.encode(), (tenant,)).fetchall()


def counts(house: House, tenant: str) -> dict[str, int]:
    names = [table.name for table in CELL.sorted_tables if "tenant_id" in table.c]
    return {name: rows(house, name, tenant)[0][0] for name in names}


def folded(house: House, shop: Shop) -> int:
    """How many states of the order with many events are cached."""
    statement = "select count(*) from cell_0.aggregate_snapshots where originator_id = %s"
    with psycopg.connect(house.settings.database_url) as connection:
        row = connection.execute(statement, (originator(shop.tenant, "ord_2"),)).fetchone()
    return row[0] if row else 0


def lines(path: Path) -> Iterator[Json]:
    for line in path.read_bytes().splitlines():
        yield msgspec.json.decode(line)


async def test_the_whole_way(house: House, leaver: Leaver, tmp_path: Path) -> None:
    shop, other = leaver.shop, Leaver(house.shop())
    await leaver.lives()
    await other.lives()
    assert counts(house, other.shop.tenant)["disclosures"]
    await until(lambda: rows(house, "access_log_personal", shop.tenant)[0][0] == 1)
    await until(lambda: folded(house, shop) == 1)
    there = counts(house, shop.tenant)
    assert all(there[name] for name in GONE if name != "job_chunks"), there
    wrapped = rows(
        house, "data_keys", shop.tenant,
        "tenant_id, kind, subject, key_id, bucket, bucket_key_id, wrapped",
    )  # fmt: skip
    directory = tmp_path / "export"
    said = await left(shop, directory, "--reason", "contract ended")
    assert str(directory / "certificate.txt") in said

    await refused_everywhere(shop)
    now = counts(house, shop.tenant)
    assert {name: now[name] for name in GONE} == dict.fromkeys(GONE, 0)
    assert all(now[name] >= there[name] for name in KEPT)
    assert folded(house, shop) == 0
    keys = FileKeyStore(house.settings.data_dir / "keys")
    assert keys.tenant_keys(shop.tenant) == 0
    for *owner, key_id, bucket, bucket_key_id, sealed in wrapped:
        row = KeyRow((owner[0], owner[1], owner[2]), key_id, bucket, bucket_key_id, sealed)
        with pytest.raises(KeysDestroyed):
            Keyring(keys).cipher(row)
    assert (await found(other)) == ["ord_1"]
    timeline = await other.shop.get("/orders/ord_1/timeline", "support")
    assert other.customer["name"] in timeline.text

    exported_whole(leaver, directory)
    await certified(shop, directory, tmp_path)
    again = await left(shop, directory)
    assert "nothing left" in again
    audited = await asyncio.to_thread(run, "verify", "ledger", "--tenant", shop.tenant,
                                      *given(house))  # fmt: skip
    assert audited.returncode == 0, audited.stdout


async def refused_everywhere(shop: Shop) -> None:
    """By tokens as for a tenant that they do not hold."""
    foreign = shop.house.client("admin", "somebody-else")
    strange = await foreign.get(f"{BASE}/orders", headers={"X-Tenant-ID": shop.tenant})
    asked = await shop.as_role("admin").get(f"{BASE}/orders", headers={"X-Tenant-ID": shop.tenant})
    assert asked.status_code == strange.status_code == 403
    assert asked.json() == strange.json()
    assert (await shop.send(shop.event())).status_code == 403
    ended = await asyncio.to_thread(run, "tenant", "add", shop.tenant, *given(shop.house))
    assert ended.returncode == 1
    assert "has left" in ended.stderr
    assert ended.stderr.count("\n") == 1
    ended = await asyncio.to_thread(run, "import", __file__, "--tenant", shop.tenant,
                                    *given(shop.house))  # fmt: skip
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "has left" in ended.stderr


async def found(leaver: Leaver) -> list[str]:
    head = {"X-Min-Sequence": str(await leaver.shop.head())}
    body = {"query": {"ident": leaver.customer["email"], "exact": True}, "sort": ["sequence"]}
    answer = await leaver.shop.as_role("admin").post(f"{BASE}/search", json=body, headers=head)
    return [item["order_id"] for item in answer.json()["items"]]


def exported_whole(leaver: Leaver, directory: Path) -> None:
    """Every value is there, and its digest stands in the event."""
    states = {
        number: msgspec.json.decode(line)
        for number, line in enumerate(
            (directory / "ledger" / "events.ndjson").read_bytes().splitlines(), 1
        )
    }
    assert states[len(states)]["type"] == "history.tenant.closed"
    values = list(lines(directory / "personal.ndjson"))
    for one in values:
        digest = hashlib.sha256(one["disclosure"].encode()).digest()
        said = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        where: Any = states[one["sequence"]]
        if "snapshot_id" in one:
            (where,) = lines(directory / "snapshots.ndjson")
        for step in one["pointer"].split("/")[1:]:
            where = where[int(step)] if isinstance(where, list) else where[step]
        assert where == {"_sd": said}, one
    told = {str(one["value"]) for one in values}
    assert {*leaver.customer.values()} - {leaver.customer["id"]} <= told
    assert {leaver.note, "contract ended", "203.0.113.9"} <= told
    assert any("snapshot_id" in one for one in values)
    (rejected,) = lines(directory / "rejected_lines.ndjson")
    assert leaver.bad in rejected["text"]
    entries = list(lines(directory / "access_log.ndjson"))
    assert leaver.reason in {one.get("disclosed", {}).get("reason") for one in entries}
    assert [one["name"] for one in lines(directory / "saved_searches.ndjson")] == ["mine"]
    assert {one["kind"] for one in lines(directory / "jobs.ndjson")} == {"bulk_ingest"}
    assert directory.stat().st_mode & 0o077 == 0


async def certified(shop: Shop, directory: Path, tmp_path: Path) -> None:
    keys = [f"--key={one}" for one in await keys_of(shop)]
    held = run("verify", "bundle", directory / "ledger", *keys)
    assert held.returncode == 0, held.stderr
    certificate = directory / "certificate.txt"
    asked = ("verify", "certificate", certificate, *keys)
    ended = run(*asked, "--export", directory)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count("\n") == 1
    assert "nothing left" in ended.stdout
    others = await keys_of(Shop(shop.house, "somebody-else"))
    assert run("verify", "certificate", certificate, f"--key={others[0]}").returncode == 1
    forged = tmp_path / "forged.txt"
    forged.write_text(certificate.read_text().replace("destroyed 0 0 ", "destroyed 7 0 ", 1))
    assert run("verify", "certificate", forged, *keys).returncode == 1
    copied = tmp_path / "copied"
    shutil.copytree(directory, copied)
    (copied / "jobs.ndjson").write_text("")
    ended = run(*asked, "--export", copied)
    assert (ended.returncode, ended.stdout) == (1, "jobs.ndjson is not what was written\n")


async def test_what_is_refused(house: House, shop: Shop, tmp_path: Path) -> None:
    directory = tmp_path / "export"
    ended = await off_board(shop, directory)
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "nothing is recorded" in ended.stderr
    await shop.record()
    ended = await off_board(shop, directory, confirm="another")
    assert ended.returncode == 2
    assert "is not the tenant" in ended.stderr
    ended = await off_board(shop, directory, "--by", "ann@example.org")
    assert ended.returncode == 2
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    ended = await off_board(shop, tmp_path / "full")
    assert (ended.returncode, ended.stdout) == (1, ""), "it is not closed before its export can be"
    assert "is not empty" in ended.stderr
    beside_keys = house.settings.data_dir / "export"
    ended = await off_board(shop, beside_keys)
    assert (ended.returncode, ended.stdout, beside_keys.exists()) == (1, "", False)
    assert "in the data directory" in ended.stderr
    with FileLeavings(house.settings.data_dir).alone(shop.tenant):
        ended = await off_board(shop, directory)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "by another run" in ended.stderr
    body = {"target": "order", "target_id": "ord_1", "case_id": "case_77"}
    held = await shop.as_role("admin").post(f"{BASE}/legal-hold", json=body)
    ended = await off_board(shop, directory)
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1), ended.stderr
    assert held.json()["hold_id"] in ended.stderr
    assert "case_77" in ended.stderr
    assert not directory.exists()
    assert (await shop.send(shop.event())).status_code == 201
    refusals = await shop.walk("/audit", "admin", type="history.hold.refused")
    assert [one["target"] for one in refusals] == [f"tenant/{shop.tenant}"]


async def test_what_races_the_closing_is_before_it_or_refused(
    house: House, shop: Shop, tmp_path: Path
) -> None:
    """Nothing is acknowledged that the export has not, and nothing is recorded behind it."""
    await shop.record()
    recorded: set[str] = set()
    refused: list[int] = []
    over = asyncio.Event()

    async def writes() -> None:
        while not over.is_set():
            event = shop.event()
            answer = await shop.send(event)
            if answer.status_code == 201:
                recorded.add(event["event_id"])
            else:
                refused.append(answer.status_code)
                await asyncio.sleep(0.01)

    writers = [asyncio.ensure_future(writes()) for _ in range(4)]
    await left(shop, tmp_path / "export")
    over.set()
    await asyncio.gather(*writers)
    assert set(refused) == {403}
    exported = [
        one for one in lines(tmp_path / "export" / "ledger" / "events.ndjson")
        if not one["type"].startswith("history.")
    ]  # fmt: skip
    assert {one["event_id"] for one in exported} >= recorded
    newest = rows(house, "events", shop.tenant, "max(sequence)")[0][0]
    (closing,) = rows(house, "audit_log", shop.tenant, "sequence, type")
    assert closing == (newest, "history.tenant.closed")
    with_key = FileKeyStore(house.settings.data_dir / "keys")
    await until(lambda: with_key.tenant_keys(shop.tenant) == 0)
