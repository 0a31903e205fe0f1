"""Clients that ask, in closed loops, for what was acknowledged a moment ago."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any, Self

import httpx

from tests.long.harness import PATIENCE, Installation
from tests.long.load import Load, Promise

BASE = "/v1/order-history"
PACE = 0.25
"""Seconds between questions, so that the writers have their share of a small machine."""


class Searchers:
    """Two clients a tenant: one reads what was written, one counts and lists. `codes`: how often
    which answer came. `wrong`: answers that are neither right nor an honest "not yet".

    An answer is due with `X-Min-Sequence`; until the read model is there it is 503, which says so,
    and is asked again. A question that the machine is too slow for is 422, which says so too.
    """

    def __init__(self, installation: Installation, load: Load) -> None:
        self._installation = installation
        self._load = load
        self._tasks: list[asyncio.Task[None]] = []
        self.codes: Counter[str] = Counter()
        self.wrong: list[str] = []

    async def __aenter__(self) -> Self:
        for tenant, token in self._installation.tokens.items():
            for ask in (self._find, self._count):
                self._tasks.append(asyncio.create_task(self._loop(ask, tenant, token)))
        return self

    async def __aexit__(self, *_error: object) -> None:
        for task in self._tasks:
            task.cancel()
        for ended in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended

    def told(self) -> dict[str, int]:
        """How often what was answered, by name."""
        return dict(sorted(self.codes.items()))

    async def _loop(self, ask: Any, tenant: str, token: str) -> None:
        random_ = random.Random(tenant)
        headers = {"Authorization": f"Bearer {token}"}
        base = self._installation.address
        async with httpx.AsyncClient(base_url=base, headers=headers, timeout=PATIENCE) as client:
            while True:
                newest = self._load.newest[tenant]
                if newest:
                    await ask(client, random_, tenant, *random_.choice(newest))
                await asyncio.sleep(PACE)

    async def _find(
        self, client: httpx.AsyncClient, _: random.Random, tenant: str, event_id: str, told: Promise
    ) -> None:
        """The event by its order's identifier, and in the timeline."""
        order_id = order_of(event_id)
        asked = {"query": {"ident": order_id, "exact": True}, "limit": 1000}
        for what, method, path, body in (
            ("search", "POST", "/search", asked),
            ("timeline", "GET", f"/orders/{order_id}/timeline?limit=1000", None),
        ):
            answer = await self._answer(client, what, method, path, body, told.sequence)
            if answer is not None:
                found = {one["event_id"]: one["sequence"] for one in answer["items"]}
                self._held(found.get(event_id) == told.sequence, f"{what} of {tenant} {event_id}")

    async def _count(
        self, client: httpx.AsyncClient, random_: random.Random, tenant: str, _: str, told: Promise
    ) -> None:
        """Counts, ranks, lists, words. What was acknowledged up to there is counted."""
        asked: dict[str, tuple[str, str, Any]] = {
            "count": ("POST", "/aggregations", {"group_by": ["type"]}),
            "top": ("POST", "/topk", {"field": "actor_id", "k": 3}),
            "orders": ("GET", "/orders?limit=20", None),
            "events": ("GET", "/events?limit=50", None),
            "words": ("POST", "/search", {"query": {"text": "order"}, "limit": 50}),
        }
        what = random_.choice(list(asked))
        known = self._load.promised_until(tenant, told.sequence)
        answer = await self._answer(client, what, *asked[what], told.sequence)
        if answer is None:
            return
        if what == "count":
            counted = sum(group["values"][0] for group in answer["groups"])
            self._held(counted >= known, f"{counted} of {known} events of {tenant} counted")
        elif what in ("events", "words"):
            listed = len(answer["items"])
            self._held(listed >= min(50, known), f"{listed} of {known} {what} of {tenant}")
        else:
            self._held(bool(answer.get("items") or answer.get("groups")), f"no {what} of {tenant}")

    async def _answer(
        self,
        client: httpx.AsyncClient,
        what: str,
        method: str,
        path: str,
        body: Any,
        sequence: int,
    ) -> Any:
        """The decoded answer; None for one that is refused."""
        headers = {"X-Min-Sequence": str(sequence)}
        while True:
            answer = await client.request(method, BASE + path, json=body, headers=headers)
            if answer.status_code == 503 and "has not reached this sequence" in answer.text:
                self.codes["not yet"] += 1
                continue
            if answer.status_code == 422 and "/problems/too-costly" in answer.text:
                self.codes[f"{what} too costly"] += 1
                return None
            self.codes[f"{what} {answer.status_code}"] += 1
            if answer.status_code == 200:
                return answer.json()
            self.wrong.append(f"{what}: {answer.status_code} {answer.text[:200]}")
            return None

    def _held(self, right: bool, what: str) -> None:
        if not right:
            self.wrong.append(f"wrong: {what}")


def order_of(event_id: str) -> str:
    """The order of an event of `load.an_event`."""
    writer, number = event_id.removeprefix("w").split("-")
    return f"o{writer}-{int(number) // 8}"
