"""The real service in the test's own process: composition, application, hub and jobs, on a real
database; spoken to over ASGI, or over a socket where a whole server matters."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx
import uvicorn

from interfaces.composition.serving import api, issuer
from interfaces.composition.working import working
from interfaces.http.app import OrderHistoryApi, create_app
from interfaces.http.server import BoundedHttp
from interfaces.http.services import Services
from interfaces.settings import Settings

BASE = "/v1/order-history"
ROLES = ("producer", "history_reader", "support", "investigator", "auditor", "admin", "operator")
_numbers = itertools.count(1)
Json = dict[str, Any]


class House:
    """An installation. `services` and `app` are those of its API process."""

    def __init__(self, settings: Settings, services: Services) -> None:
        self.settings = settings
        self.services = services
        self.app: OrderHistoryApi = create_app(services)
        self._issuer = issuer(settings.data_dir)

    def token(
        self,
        role: str,
        tenants: Sequence[str],
        *,
        subject: str | None = None,
        ttl: int = 3600,
        more: Sequence[str] = (),
    ) -> str:
        """`more`: roles."""
        return self._issuer.mint(subject or f"a {role}", tenants, [role, *more], ttl)

    def client(
        self, role: str | None, *tenants: str, address: str = "127.0.0.1", **token: Any
    ) -> httpx.AsyncClient:
        """A client with a token for these tenants; without a role, one without a token. `address`:
        another one for who sends many tokens that do not hold."""
        headers = {"Authorization": f"Bearer {self.token(role, tenants, **token)}"} if role else {}
        transport = httpx.ASGITransport(
            cast(Any, self.app), raise_app_exceptions=False, client=(address, 123)
        )
        return httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers)

    def shop(self) -> Shop:
        """A tenant that nobody has met."""
        return Shop(self, f"shop-{next(_numbers)}")

    @asynccontextmanager
    async def served(self) -> AsyncIterator[str]:
        """A real server on a loopback port; yields its URL. Its end sets `services.stopping`."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            config = uvicorn.Config(
                self.app, http=BoundedHttp, ws="none", lifespan="off", log_config=None,
                access_log=False, timeout_graceful_shutdown=5,
            )  # fmt: skip
            server = uvicorn.Server(config)
            task = asyncio.create_task(server._serve(sockets=[listener]))
            while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
                await asyncio.sleep(0.005)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
            self.services.stopping.set()
            server.should_exit = True
            await task
            self.services.stopping = asyncio.Event()


class Shop:
    """One tenant of a house, with a client for each role."""

    def __init__(self, house: House, tenant: str) -> None:
        self.house = house
        self.tenant = tenant
        self._clients: dict[str, httpx.AsyncClient] = {}
        self._ids = itertools.count(1)

    def as_role(self, role: str) -> httpx.AsyncClient:
        if role not in self._clients:
            self._clients[role] = self.house.client(role, self.tenant)
        return self._clients[role]

    def event(self, order_id: str = "ord_1", **changed: Any) -> Json:
        """A good event. A field changed to None is left out."""
        event = {
            "event_id": f"evt_{next(self._ids)}",
            "order_id": order_id,
            "occurred_at": "2025-01-01T10:00:00Z",
            "source": "shop",
            "type": "order.note.added",
            "schema_version": "v1",
            "payload": {},
            **changed,
        }
        return {name: value for name, value in event.items() if value is not None}

    async def send(self, event: Json, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.as_role("producer").post(f"{BASE}/events", json=event, headers=named)

    async def record(self, order_id: str = "ord_1", **changed: Any) -> Json:
        """Record an event that is new; the stored event."""
        answer = await self.send(self.event(order_id, **changed))
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def record_all(self, events: Iterable[Json]) -> None:
        """Many at once, in their order within the ledger; all must be new."""
        answers = await asyncio.gather(*(self.send(event) for event in events))
        bad = [answer.text for answer in answers if answer.status_code != 201]
        assert not bad, bad[:3]

    async def get(
        self, path: str, role: str = "history_reader", *, headers: Json | None = None, **query: Any
    ) -> httpx.Response:
        """Read below the base path, once the read model has what was written before."""
        head = await self.head()
        return await self.as_role(role).get(
            BASE + path,
            params={name.rstrip("_"): value for name, value in query.items()} or None,
            headers={"X-Min-Sequence": str(head), **(headers or {})},
        )

    async def read(self, path: str, role: str = "history_reader", **query: Any) -> Any:
        answer = await self.get(path, role, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def walk(self, path: str, role: str = "history_reader", **query: Any) -> list[Any]:
        """All items of a list, page by page."""
        items: list[Any] = []
        cursor: Json = {}
        while True:
            page = await self.read(path, role, **query, **cursor)
            items += page["items"]
            if page["next_cursor"] is None:
                return items
            cursor = {"cursor": page["next_cursor"]}

    async def head(self) -> int:
        """The sequence of the tenant's last event; 0 before the first."""
        return (await self.house.services.reader.head(self.tenant)).sequence


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[House]:
    """API and worker, until left."""
    async with api(settings) as services, working(settings) as loops:
        tasks = [asyncio.ensure_future(run()) for run in loops]
        try:
            yield House(settings, services)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def states(shop: Shop, event_id: str) -> dict[str, str]:
    """pointer -> the state of each personal value of an event, whose proof must hold."""
    verified = await shop.read(f"/events/{event_id}/verify", "admin")
    assert verified["verified"], verified
    return {one["pointer"]: one["state"] for one in verified["disclosures"]}


async def over(client: httpx.AsyncClient, where: str) -> Json:
    """The job at this location, when it is over."""
    for _ in range(600):
        job: Json = (await client.get(where)).json()
        if job["status"] not in ("queued", "running"):
            return job
        await asyncio.sleep(0.05)
    raise AssertionError(job)


def pointers(answer: httpx.Response) -> list[str]:
    """What a problem document points at, after checking that it is one."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem = answer.json()
    assert {"type", "title", "status", "detail", "instance"} <= set(problem)
    assert problem["status"] == answer.status_code
    return [error["pointer"] for error in problem.get("errors", [])]
