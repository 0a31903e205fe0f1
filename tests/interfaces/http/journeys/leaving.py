"""Tenants that leave, for tests: what they had, what is left, and what was exported."""

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

from domain.privacy.sealing import originator
from infrastructure.postgres.tables import CELL
from tests.interfaces.cli.program import run
from tests.interfaces.http.journeys.house import BASE, House, Json, Shop

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
