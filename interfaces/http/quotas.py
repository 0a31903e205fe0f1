"""What the caller's tenant may send, and what of that is used."""

from __future__ import annotations

import msgspec
from litestar.types import ASGIApp

from application.tenancy.quotas import Usage
from domain.access.permissions import Permission
from interfaces.http.answers import json_answer
from interfaces.http.caller import ApiRequest
from interfaces.http.endpoint import Reply, endpoint, problems


@endpoint(
    "GET",
    "/quotas",
    permission=Permission.QUOTAS_READ,
    summary="Quotas, and what is used of them",
    tag="Operations",
    replies={200: Reply("As of now.", Usage), **problems(503)},
)
async def get_quotas(request: ApiRequest) -> ASGIApp:
    """Events by day of UTC, by the ledger itself: `used` is how many it has since midnight, the
    service's own among them. A producer's event beyond the quota is 429 until the next midnight, as
    Retry-After says; one that is recorded already is answered as ever. Requests by minute are
    counted by each API process for itself: as many as the quota may come at once, and further ones
    as time goes by. Operators set quotas at the command line."""
    usage = await request.services.quotas.usage(request.caller.tenant_id)
    return json_answer(
        msgspec.json.encode(usage), headers=((b"cache-control", b"private, no-store"),)
    )


HANDLERS = (get_quotas,)
