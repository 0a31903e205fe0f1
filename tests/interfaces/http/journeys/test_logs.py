"""Nothing personal, no secret and no card number gets into a log, whatever is sent."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from infrastructure.event_store import statements
from tests.interfaces.http import bad_bodies as bad
from tests.interfaces.http.journeys.house import BASE, Shop

pytestmark = pytest.mark.anyio

NAME, MAIL, PHONE = "Zebulon Quux", "zebulon@quux.example", "+1-555-0188-777"
CARD, NOTE = "4111111111111111", "he rang twice about the blue one"
IP, ORDER = "203.0.113.77", "ord_secretly_numbered"
Log = Callable[[], list[Any]]
HIDDEN = (NAME, MAIL, PHONE, CARD, "4111 1111", NOTE, IP)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[Log]:
    """All that is logged: by the project, and by its libraries down to DEBUG."""
    entries: list[Any] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            entries.append(f"{self.format(record)} {record.__dict__!r}")

    monkeypatch.setattr(logging.getLogger("httpx"), "disabled", True)  # the test's own side
    root, keep = logging.getLogger(), Keep()
    level = root.level
    root.addHandler(keep)
    root.setLevel(logging.DEBUG)
    with capture_logs() as own:
        yield lambda: [*entries, *own]
    root.removeHandler(keep)
    root.setLevel(level)


def person() -> dict[str, Any]:
    return {
        "customer": {"id": "c", "name": NAME, "email": MAIL, "phone": PHONE},
        "note": NOTE,
        "memo": f"card {CARD[:4]} {CARD[4:8]} {CARD[8:12]} {CARD[12:]}",
    }


async def hostile(shop: Shop) -> list[int]:
    """Requests with a person in every place, good and bad; their statuses."""
    admin = shop.as_role("admin")
    event = shop.event(ORDER, payload=person(), metadata={"ip": IP})
    bodies = [
        json.dumps(event),
        json.dumps(event),
        json.dumps({**event, "payload": {**person(), "note": NOTE + "!"}}),
        json.dumps({**event, "event_id": MAIL}),
        json.dumps({**event, "event_id": "e2", MAIL: 1, CARD: 2}),
        json.dumps({**event, "event_id": "e3", "source": CARD}),
        json.dumps({**event, "event_id": "e4", "payload": {MAIL: {CARD: NAME}}}),
        json.dumps({**event, "event_id": "e5", "payload": {"customer": NAME, "a": "\0"}}),
        json.dumps(event)[:-1],
        json.dumps(event).replace(NOTE, NOTE + "\\ud800"),
        json.dumps({**event, "event_id": "e6", "occurred_at": MAIL}),
        json.dumps([event]),
    ]
    statuses = [(await admin.post(f"{BASE}/events", content=body)).status_code for body in bodies]
    snapshot = {**bad.GOOD_SNAPSHOT, "state": person(), "metadata": {"ip": IP}}
    for path in (f"orders/{ORDER}", f"orders/{MAIL}", f"orders/{CARD}"):
        url = f"{BASE}/{path}/snapshots"
        statuses.append((await admin.post(url, json=snapshot)).status_code)
    for path in ("events", "events/e", "orders", "snapshots/s", f"orders/{ORDER}/timeline"):
        for query in (f"actor_id={MAIL}", f"{CARD}={NAME}", f"cursor={MAIL}", f"from={CARD}", ""):
            answer = await admin.get(
                f"{BASE}/{path}?{query}",
                headers={"X-Tenant-ID": shop.tenant, "If-None-Match": MAIL},
            )
            statuses.append(answer.status_code)
    for headers in ({"Idempotency-Key": CARD}, {"X-Tenant-ID": MAIL}, {"Authorization": MAIL}):
        answer = await admin.post(f"{BASE}/events", json=event, headers=headers)
        statuses.append(answer.status_code)
    lines = {"Content-Type": "application/x-ndjson", "Prefer": "wait=20"}
    bulk = "\n".join(body.replace("\n", "") for body in bodies)
    statuses.append(
        (await admin.post(f"{BASE}/events/bulk", content=bulk, headers=lines)).status_code
    )
    return statuses


def check(said: str) -> None:
    for word in HIDDEN:
        assert word not in said, word


async def test_hostile_requests_leave_no_trace_in_a_log(
    shop: Shop, log: Log, capfd: pytest.CaptureFixture[str]
) -> None:
    statuses = await hostile(shop)
    assert {200, 201, 400, 401, 403, 404, 409, 422} <= set(statuses)
    assert max(statuses) < 500
    out, err = capfd.readouterr()
    check(out + err + repr(log()))
    check(await erring(shop))


async def erring(shop: Shop) -> str:
    """All answers to a 409 and a 422 about a person: an error names pointers, never values."""
    admin = shop.as_role("admin")
    event = shop.event(ORDER, event_id="e7", payload=person())
    assert (await admin.post(f"{BASE}/events", json=event)).status_code == 201
    other = {**event, "payload": {**person(), "customer": {"name": NAME + "!"}}}
    conflict = await admin.post(f"{BASE}/events", json=other)
    invalid = await admin.post(f"{BASE}/events", json={**other, "event_id": MAIL, "type": NOTE})
    assert (conflict.status_code, invalid.status_code) == (409, 422)
    return conflict.text + invalid.text


async def test_a_fault_inside_leaves_no_trace_either(
    shop: Shop,
    log: Log,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Errors of the database quote values: a broken statement must not bring them into a log."""
    monkeypatch.setattr(
        statements, "INSERT_EVENTS",
        "select count(v::int), %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s from"
        f" (values ('{NAME}')) as t(v)",
    )  # fmt: skip
    answer = await shop.send(shop.event(ORDER, payload=person()))
    assert answer.status_code == 422
    out, err = capfd.readouterr()
    said = repr(log())
    assert "batch failed" in said
    check(out + err + said + answer.text)
