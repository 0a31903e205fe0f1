"""A person planted in an order, to be looked for in answers, in what is stored and in the log."""

from __future__ import annotations

import re
from typing import Any

import psycopg

from tests.interfaces.http.journeys.house import BASE, House, Json, Shop

PERSON = {
    "email": "planted@example.org",
    "name": "Planted Person",
    "phone": "+46 70 123 45 67",
}
ADDRESS = {"name": "Planted Person", "line1": "7 Planted Lane", "city": "Plantedby"}
PLANTED = re.compile(r"planted|70 123 45|192\.0\.2\.77", re.IGNORECASE)
TABLES = """
select format('%I.%I', schemaname, tablename) from pg_tables
 where schemaname in ('public', 'cell_0', 'procrastinate')
"""


async def planted(shop: Shop) -> None:
    """An order, its correction, a snapshot and a rejected line, with a person in each."""
    payload = {"customer": {"id": "c1", **PERSON}, "shipping_address": ADDRESS, "total_minor": 5}
    await shop.record(
        type="order.created", payload=payload, metadata={"actor_id": "u1", "ip": "192.0.2.77"}
    )
    note = {"correction": "planted", "patch": {"customer": {"email": "planted2@example.org"}}}
    correction = shop.event(type="order.correction", correction_of="evt_1", payload=note)
    assert (await shop.send(correction)).status_code == 201
    snapshot = {
        "snapshot_id": "snap_1", "captured_at": "2025-01-01T00:00:00Z", "source": "shop",
        "state": {"note": "planted"}, "metadata": {"email": "planted@example.org"},
    }  # fmt: skip
    path = f"{BASE}/orders/ord_1/snapshots"
    assert (await shop.as_role("producer").post(path, json=snapshot)).status_code == 201


async def logged(shop: Shop, role: str = "admin", **query: Any) -> list[Json]:
    """The entries of the shop's log, the newest first, but for reads of the log itself."""
    answer = await shop.as_role(role).get(
        f"{BASE}/access-logs", params={name.rstrip("_"): value for name, value in query.items()}
    )
    assert answer.status_code == 200, answer.text
    return [one for one in answer.json()["items"] if one["operation"] != "list_access_logs"]


def stored(house: House) -> str:
    """Every row of every table, as text."""
    rows = []
    with psycopg.connect(house.settings.database_url, autocommit=True) as connection:
        for (table,) in connection.execute(TABLES).fetchall():
            some = connection.execute(f"select t::text from {table} t".encode()).fetchall()
            rows += [row[0] for row in some]
    return "\n".join(rows)
