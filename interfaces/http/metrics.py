"""Metrics as Prometheus text: for a token that may read them, and for this machine without one."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from typing import Protocol

from litestar.types import ASGIApp
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from domain.access.permissions import Permission
from domain.errors import NotFound
from interfaces.http.answers import Answer, RawHeader
from interfaces.http.caller import ApiRequest
from interfaces.http.endpoint import Reply, endpoint, problems

_TEXT = Reply("One line a figure.", {"type": "string"}, CONTENT_TYPE_PLAIN_0_0_4)
_MEDIA: RawHeader = (b"content-type", CONTENT_TYPE_PLAIN_0_0_4.encode())
_PROXIED = frozenset({b"forwarded", b"via", b"x-forwarded-for", b"x-real-ip"})


class Metrics(Protocol):
    """Measures the installation."""

    async def text(self) -> bytes:
        """In Prometheus' text format. Never raises."""
        ...


@endpoint(
    "GET",
    "/metrics",
    permission=Permission.METRICS_READ,
    summary="The metrics",
    tag="Operations",
    replies={200: _TEXT},
)
async def get_metrics(request: ApiRequest) -> ASGIApp:
    """Of the whole installation, and of the API process that answers; at most a second old. Nothing
    in them names a tenant."""
    return await _metrics(request)


@endpoint(
    "GET",
    "/metrics",
    permission=None,
    summary="The metrics, for this machine",
    tag="Operations",
    replies={200: _TEXT, **problems(404)},
)
async def get_local_metrics(request: ApiRequest) -> ASGIApp:
    """The same without a token, for a Prometheus beside the process: 404 from another machine,
    through a proxy, and where ORDER_HISTORY_METRICS=no."""
    if not (request.services.open_metrics and _from_this_machine(request)):
        raise NotFound("There is nothing at this path.")
    return await _metrics(request)


async def _metrics(request: ApiRequest) -> ASGIApp:
    text = await request.services.metrics.text()
    return Answer(200, (_MEDIA, (b"cache-control", b"no-store")), text)


def _from_this_machine(request: ApiRequest) -> bool:
    """By the peer of the connection. Of a proxy on this machine nobody knows whom it speaks for."""
    if any(name in _PROXIED for name, _ in request.scope["headers"]):
        return False
    client = request.scope["client"]
    try:
        address = ip_address(client[0] if client else "")
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback


HANDLERS = (get_metrics,)
PUBLIC_HANDLERS = (get_local_metrics,)
