"""The framework as it comes: `Application.save()` once per request, on the same server.

Run as `python -m bench.stock SOCKET_DIRECTORY DATABASE USER PORT`.
"""

from __future__ import annotations

import sys
from typing import Any

import msgspec
import uvicorn
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from litestar import Litestar, Response, post


class StockOrder(Aggregate):
    """An order as the framework's tutorial would write it."""

    @event("Recorded")
    def record(self, body: dict[str, Any]) -> None:
        self.last = body


def create_app(env: dict[str, str]) -> Litestar:
    """One aggregate, one event and one `save()` for each request."""
    application: Application[Any] = Application(env)

    @post("/events", sync_to_thread=True)
    def record(data: dict[str, Any]) -> Response[bytes]:
        order = StockOrder()
        order.record(data)
        recordings = application.save(order)
        answer = msgspec.json.encode({"id": recordings[-1].notification.id, **data})
        return Response(answer, media_type="application/json", status_code=201)

    return Litestar([record], openapi_config=None)


if __name__ == "__main__":
    directory, database, user, port = sys.argv[1:]
    app = create_app(
        {
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_DBNAME": database,
            "POSTGRES_HOST": directory,
            "POSTGRES_PORT": "5432",
            "POSTGRES_USER": user,
            "POSTGRES_PASSWORD": "unused",
            "POSTGRES_POOL_SIZE": "20",
        }
    )
    uvicorn.run(
        app, host="127.0.0.1", port=int(port), loop="uvloop", log_level="warning", access_log=False
    )
