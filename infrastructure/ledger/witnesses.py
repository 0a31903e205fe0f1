"""Reaches witnesses over HTTP. Nothing of an answer is believed here, only its size bounded."""

from __future__ import annotations

import asyncio
import ipaddress

import httpx

from application.ledger.witnessing import Told
from domain.errors import Unavailable
from domain.ledger.faults import Malformed

TIMEOUT_SECONDS = 5.0
"""For a whole request."""
MAX_ANSWER = 64 * 1024
"""Bytes: some twenty cosignatures."""


class WitnessClient:
    """Implements `application.ledger.witnessing.AddCheckpoint`. One event loop; `aclose` when done.

    Connections are kept. Redirects are not followed, and answers never unpacked.
    """

    def __init__(self) -> None:
        given = {
            "Content-Type": "text/plain; charset=utf-8",
            "Accept-Encoding": "identity",
            "User-Agent": "order-history",
        }
        # A proxy of the environment is for hosts outside, and would not reach this one's loopback.
        self._outside = httpx.AsyncClient(timeout=TIMEOUT_SECONDS, headers=given)
        self._loopback = httpx.AsyncClient(timeout=TIMEOUT_SECONDS, headers=given, trust_env=False)

    async def aclose(self) -> None:
        await self._outside.aclose()
        await self._loopback.aclose()

    async def __call__(self, url: str, body: bytes) -> Told:
        target = httpx.URL(f"{url.rstrip('/')}/add-checkpoint")
        client = self._loopback if is_loopback(target.host) else self._outside
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                return await _post(client, target, body)
        except TimeoutError as error:
            raise Unavailable(f"it did not answer within {TIMEOUT_SECONDS:g} s") from error
        except httpx.HTTPError as error:
            raise Unavailable(f"it cannot be reached ({type(error).__name__})") from error


def check_url(url: str) -> None:
    """Raises Malformed unless it may be a submission prefix, or a timestamp authority's address:
    http or https, without a user."""
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise Malformed(f"not a URL: {error}") from None
    bare = not (parts.userinfo or parts.query or parts.fragment)
    if parts.scheme not in {"http", "https"} or not parts.host or not bare:
        raise Malformed("the URL must be http or https, with nothing but a host and a path")


async def _post(client: httpx.AsyncClient, target: httpx.URL, body: bytes) -> Told:
    answer = bytearray()
    async with client.stream("POST", target, content=body) as response:
        async for chunk in response.aiter_raw():
            answer += chunk
            if len(answer) > MAX_ANSWER:
                raise Unavailable(f"it answered with over {MAX_ANSWER} bytes")
    return Told(response.status_code, bytes(answer))


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, by its look."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return False
