"""The OpenAPI document tells the truth: Schemathesis asks a real server for what it describes."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from interfaces.settings import Settings
from tests.interfaces.http.journeys.house import BASE, Json, opened

# The server's thread draws random numbers while hypothesis draws its examples.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")

TENANT = "schemathesis"
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]


@schemathesis.serializer("application/x-ndjson")
def as_lines(_: Any, value: Any) -> bytes:
    """Binary data as it is; anything else as a line of JSON."""
    data = getattr(value, "data", value)
    return data if isinstance(data, bytes) else json.dumps(data).encode()


class Running:
    """A service on a loop of its own, because Schemathesis asks without one."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self.url = self.token = ""

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with opened(self._settings) as house, house.served() as self.url:
            self.token = house.token("admin", [TENANT])
            self._ready.set()
            await self._stop.wait()


@pytest.fixture(scope="module")
def running(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    data_dir: Path = tmp_path_factory.mktemp("running")
    with Running(Settings(database_url=database_url, data_dir=data_dir)) as running:
        yield running


@pytest.fixture(scope="module")
def known(running: Running) -> Json:
    """Ids of things that are there, so that more than 404 is met."""
    headers = {"Authorization": f"Bearer {running.token}"}
    event = {
        "event_id": "evt_1", "order_id": "ord_1", "occurred_at": "2025-01-01T00:00:00Z",
        "source": "shop", "type": "order.created", "schema_version": "v1",
        "payload": {"note": "Jane", "memo": "4111 1111 1111 1111"}, "metadata": {"actor_id": "svc"},
    }  # fmt: skip
    correction = {
        "event_id": "evt_2", "correction_of": "evt_1", "order_id": "ord_1",
        "occurred_at": "2025-01-01T00:00:00Z", "payload": {"correction": "x"},
    }  # fmt: skip
    snapshot = {
        "snapshot_id": "snap_1", "captured_at": "2025-01-01T00:00:00Z", "source": "shop",
        "state": {"note": "Jane"}, "metadata": {"by": "svc"},
    }  # fmt: skip
    with httpx.Client(base_url=running.url + BASE, headers=headers) as client:
        for path, body in (
            ("/events", event), ("/corrections", correction),
            ("/orders/ord_1/snapshots", snapshot),
        ):  # fmt: skip
            assert client.post(path, json=body).status_code == 201
        search = {"name": "known", "search": {"query": {"ident": "ord_1"}}}
        saved = client.post("/searches", json=search).json()
        job = client.post("/snapshots/compute", json={"order_id": "ord_1"}).json()
        held = {"target": "order", "target_id": "ord_2", "case_id": "case_1"}
        hold = client.post("/legal-hold", json=held).json()
        retained = {
            "name": "all", "applies_to": "events", "event_types": ["*"], "retain_for": "P1Y",
            "legal_basis": "contract", "action": "redact",
        }  # fmt: skip
        policy = client.post("/retention/policies", json=retained).json()
    return {
        "event_id": "evt_1", "order_id": "ord_1", "correction_id": "evt_2",
        "snapshot_id": "snap_1", "search_id": saved["search_id"], "job_id": job["job_id"],
        "hold_id": hold["hold_id"], "policy_id": policy["policy_id"], "type": "order.*",
    }  # fmt: skip


FAST = settings(
    max_examples=12,
    database=None,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
LONG = settings(FAST, max_examples=250, derandomize=False)


def operations(running: Running) -> list[Any]:
    """Every operation of the document but the stream, which does not end: it has its own tests."""
    schema: Any = schemathesis.openapi.from_url(f"{running.url}/schema/openapi.json")
    found = [result.ok() for result in schema.get_all_operations()]
    kept = [item for item in found if not item.path.endswith("/events/stream")]
    assert len(kept) == len(found) - 1
    return kept


def ask(operation: Any, mode: Any, running: Running, known: Json, profile: settings) -> None:
    """As the admin, every second time for something that is there."""
    headers = {"Authorization": f"Bearer {running.token}"}

    @profile
    @given(case=operation.as_strategy(generation_mode=mode))
    def conforms(case: Any) -> None:
        if "X-Tenant-ID" in (case.headers or {}) and mode is GenerationMode.POSITIVE:
            case.headers["X-Tenant-ID"] = TENANT
        if (case.headers or {}).get("X-Min-Sequence", "").isdecimal():
            case.headers["X-Min-Sequence"] = "1"  # what is to come is waited for, and then 503
        for name, value in (case.path_parameters or {}).items():
            if len(str(value)) % 2 and operation.method != "delete":
                case.path_parameters[name] = known.get(name, value)
        case.call_and_validate(base_url=running.url, headers=headers, checks=CHECKS)

    conforms()


def hold(running: Running, known: Json, profile: settings) -> None:
    failures = []
    for operation, mode in itertools.product(operations(running), GenerationMode):
        try:
            ask(operation, mode, running, known, profile)
        except Unsatisfiable:  # nothing about it can be wrong
            assert mode is GenerationMode.NEGATIVE
        except (Failure, FailureGroup) as error:
            failures.append(f"{operation.label}\n{error}")
    assert not failures, "\n\n".join(failures)


def test_it_answers_as_described(running: Running, known: Json) -> None:
    hold(running, known, FAST)


@pytest.mark.long
def test_it_answers_as_described_to_much_more(running: Running, known: Json) -> None:
    hold(running, known, LONG)
