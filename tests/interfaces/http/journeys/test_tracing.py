"""A request's trace, from the caller through the API and the commit into each read model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from infrastructure.tracing import exporting
from interfaces.settings import Settings, TracesSettings
from projections.registry import NAMES
from tests.interfaces.http.journeys.house import BASE, House, Shop, opened

pytestmark = pytest.mark.anyio

TRACE, CALLER = 0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331
NAME, MAIL, ORDER, TENANT = "Zebulon Quux", "zebulon@quux.example", "ord_secret", "shop-"
Sent = Callable[[], Sequence[ReadableSpan]]


@pytest.fixture(scope="module")
async def traced(
    anyio_backend: str, database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[House, InMemorySpanExporter]]:
    """A house whose collector is a list. No trace is begun here, only gone on with."""
    sent = InMemorySpanExporter()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporting, "OTLPSpanExporter", lambda **_: sent)
        traces = TracesSettings("http://127.0.0.1:1/v1/traces", 0.0)
        data_dir: Path = tmp_path_factory.mktemp("traced")
        async with opened(
            Settings(database_url=database_url, data_dir=data_dir, traces=traces)
        ) as house:
            assert house.services.around is not None
            house.app = cast(Any, house.services.around(house.app))
            yield house, sent


@pytest.fixture
def shop(traced: tuple[House, InMemorySpanExporter]) -> Shop:
    return traced[0].shop()


@pytest.fixture
def sent(traced: tuple[House, InMemorySpanExporter]) -> Sent:
    traced[1].clear()
    return traced[1].get_finished_spans


def parent(trace: int, flags: str = "01") -> str:
    return f"00-{trace:032x}-{CALLER:016x}-{flags}"


async def spans_of(sent: Sent, trace: int, count: int) -> list[ReadableSpan]:
    """The spans of a trace, once there are so many."""
    async with asyncio.timeout(120):
        while len(found := [s for s in sent() if s.context.trace_id == trace]) < count:  # noqa: ASYNC110  # another thread sends them
            await asyncio.sleep(0.02)
    return found


async def test_a_trace_goes_from_the_caller_into_every_read_model(shop: Shop, sent: Sent) -> None:
    answer = await shop.send(shop.event(), traceparent=parent(TRACE))
    assert answer.status_code == 201
    spans = await spans_of(sent, TRACE, 3 + len(NAMES))
    (request,) = (span for span in spans if span.name == f"POST {BASE}/events")
    assert request.parent is not None
    assert request.parent.span_id == CALLER
    children = [span for span in spans if span is not request]
    assert all(
        span.parent is not None and span.parent.span_id == request.context.span_id
        for span in children
    )
    told = [(span.name, (span.attributes or {}).get("order_history.model")) for span in children]
    assert sorted(told, key=str) == sorted(
        [("validate", None), ("commit", None), *(("project", name) for name in NAMES)], key=str
    )
    assert {span.resource.attributes["service.name"] for span in children} == {
        "order-history-api",
        "order-history-worker",
    }


async def test_nothing_that_a_request_says_is_in_a_span(shop: Shop, sent: Sent) -> None:
    event = shop.event(
        ORDER, payload={"customer": {"name": NAME, "email": MAIL}}, event_id="evt_secret"
    )
    asked = {"traceparent": parent(TRACE + 1), "tracestate": "vendor=secret"}
    assert (await shop.send(event, **asked)).status_code == 201
    assert (await shop.send({**event, "occurred_at": f"at {MAIL}"}, **asked)).status_code == 422
    assert (await shop.send({**event, "source": "other"}, **asked)).status_code == 409
    for path in (f"/orders/{ORDER}/timeline?limit=7", f"/events/evt_secret?who={MAIL}", "/secret"):
        await shop.as_role("support").get(BASE + path, headers=asked)
    shown = shop.as_role("support")
    spans = await spans_of(sent, TRACE + 1, 6 + 3 + 2 + len(NAMES))
    text = json.dumps([json.loads(span.to_json()) for span in spans])
    token = shown.headers["authorization"].removeprefix("Bearer ")
    for secret in (NAME, MAIL, ORDER, TENANT, "secret", "limit", token):
        assert secret not in text
    assert f"{BASE}/orders/{{order_id}}/timeline" in text
    failed = [(s.attributes or {}).get("error.type") for s in spans if s.name == "validate"]
    assert sorted(map(str, failed)) == ["Invalid", "None", "None"]


@pytest.mark.parametrize("malformed", ["nonsense", "00-0-0-01", parent(0), "", "\x7f"])
async def test_a_malformed_traceparent_is_no_error(shop: Shop, sent: Sent, malformed: str) -> None:
    answer = await shop.send(shop.event(), traceparent=malformed)
    assert answer.status_code == 201
    assert not sent()


async def test_a_snapshots_event_is_traced_as_well(shop: Shop, sent: Sent) -> None:
    await shop.record()
    snapshot = {
        "snapshot_id": "snap",
        "captured_at": "2025-08-29T12:34:00Z",
        "source": "oms",
        "state": {},
    }
    answer = await shop.as_role("producer").post(
        f"{BASE}/orders/ord_1/snapshots", json=snapshot, headers={"traceparent": parent(TRACE + 2)}
    )
    assert answer.status_code == 201
    spans = await spans_of(sent, TRACE + 2, 2 + len(NAMES))
    assert sorted(span.name for span in spans) == [
        f"POST {BASE}/orders/{{order_id}}/snapshots", "commit", *("project" for _ in NAMES)
    ]  # fmt: skip
