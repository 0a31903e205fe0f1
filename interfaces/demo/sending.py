"""Sends events to a running service, as any producer would: gzipped NDJSON, in bulk."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Self

import httpx
import msgspec

from interfaces.demo.hero import ORDER_ID
from interfaces.demo.tour import Sent

LINES = 4000
"""Lines a request: enough to be quick, few enough to show how it goes."""
PATIENCE = 60.0
_COUNTS = ("recorded", "duplicates", "conflicts", "rejected")
_ENDS = ("succeeded", "failed", "cancelled")


class Failed(Exception):
    """The demo cannot go on; the message says why."""


class Sender:
    """One tenant's producer. `address`: scheme, host and port."""

    def __init__(
        self, address: str, token: str, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._client = httpx.Client(
            base_url=f"{address}/v1/order-history",
            headers={"Authorization": f"Bearer {token}"},
            timeout=PATIENCE,
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def send(self, events: Sequence[dict[str, Any]]) -> Iterator[Sent]:
        """Send in order; yields how it stands after each request. Raises Failed."""
        so_far = Sent(0)
        for start in range(0, len(events), LINES):
            part = events[start : start + LINES]
            result = self._post(part)
            so_far.lines += len(part)
            for name in _COUNTS:
                setattr(so_far, name, getattr(so_far, name) + int(result[name]))
            so_far.last_sequence = max(so_far.last_sequence, int(result["last_sequence"] or 0))
            yield so_far

    def await_readable(self, sequence: int) -> None:
        """Returns when timelines show what was sent. Raises Failed after a minute."""
        path = f"/orders/{ORDER_ID}/timeline/aggregate"
        for _ in patiently("the read models are still behind"):
            answer = self._ask("GET", path, headers={"X-Min-Sequence": str(sequence)})
            if answer.is_success:
                return

    def _post(self, events: Sequence[dict[str, Any]]) -> dict[str, Any]:
        body = b"\n".join(map(msgspec.json.encode, events))
        headers = {
            "Content-Type": "application/x-ndjson",
            "Content-Encoding": "gzip",
            "Prefer": "wait=30",
        }
        answer = self._ask("POST", "/events/bulk", content=gzip.compress(body), headers=headers)
        if not answer.is_success:
            raise Failed("the service takes no events just now")
        job = self._finished(answer.json())
        if job["status"] != "succeeded":
            raise Failed(f"the sample was not taken: job {job['job_id']} {job['status']}")
        result: dict[str, Any] = job["result"]
        return result

    def _finished(self, job: dict[str, Any]) -> dict[str, Any]:
        for _ in patiently("the service is still working on the sample"):
            if job.get("status") in _ENDS:
                break
            answer = self._ask("GET", f"/jobs/{job['job_id']}")
            job = answer.json() if answer.is_success else job
        return job

    def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """An answer that is good, or 503 ("later"); anything else is Failed."""
        try:
            answer = self._client.request(method, path, **more)
        except httpx.TransportError as error:
            raise Failed(f"the service does not answer: {type(error).__name__}") from error
        if answer.is_success or answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            return answer
        raise Failed(f"{method} {path}: {answer.status_code} {answer.text[:300]}")


def patiently(why: str, seconds: float = PATIENCE) -> Iterator[None]:
    """Time after time, a fifth of a second apart; then Failed, which says why."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        yield
        time.sleep(0.2)
    raise Failed(why)
