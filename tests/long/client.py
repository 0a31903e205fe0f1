"""A client that costs little beside the service that it loads."""

from __future__ import annotations

import asyncio
from typing import Self
from urllib.parse import urlsplit

from bench.load import Connection, request_bytes

_SECONDS = 30.0


class Client:
    """One connection to a service on loopback, opened anew when it is lost; closed when left.
    `head`: of the last answer, in lower case."""

    def __init__(self, address: str, token: str) -> None:
        port = urlsplit(address).port
        assert port is not None, "an address with its port"
        self._port = port
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._connection: Connection | None = None
        self.head = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._close()

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """The status and the body of the answer. Raises OSError where none comes."""
        try:
            async with asyncio.timeout(_SECONDS):
                if self._connection is None:
                    self._connection = await Connection.open(self._port)
                request = request_bytes("POST", path, body, self._headers)
                answer = await self._connection.ask(request)
        except OSError:
            self._close()
            raise
        self.head = self._connection.head
        return answer

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
