"""Who is asking, and may they: the only way from request headers to a caller with a right.

Each endpoint names its permission in its declaration (`endpoint.py`), which calls `authorize`
before the handler sees the request; litestar's guards would copy the handler on every request.
"""

from __future__ import annotations

from typing import Protocol, cast

from litestar import Request
from litestar.datastructures import State

from application.access_log.recording import Read
from domain.access.caller import Caller
from domain.access.permissions import Permission
from domain.audit.acts import Doer
from domain.errors import AccessError, Invalid, Unreadable
from domain.privacy.revealing import Shown
from interfaces.http.problems import ParameterError
from interfaces.http.services import Services
from interfaces.http.turns import Turns

SLASH = "\x1f"
"""Stands for an encoded slash (%2F) in `scope["path"]`: no id may contain a control character."""

_READ, _SHOWN = "order_history_read", "order_history_shown"


class Authenticator(Protocol):
    async def authenticate(
        self, authorization: str | None, tenant: str | None, address: str | None
    ) -> Caller:
        """The caller of these headers, whose peer has this address. Raises Unauthenticated,
        TooManyFailures, Forbidden for a tenant that the token does not hold, Invalid when it holds
        several and none is named."""
        ...


class ApiRequest(Request[Caller, None, State]):
    """A request to this API, with what every handler needs."""

    @property
    def caller(self) -> Caller:
        """Set by `authorize`, so that no handler of a guarded route runs without it."""
        return cast(Caller, self.scope["user"])

    @property
    def services(self) -> Services:
        return cast(Services, self.scope["litestar_app"].state.services)

    @property
    def turns(self) -> Turns:
        return cast(Turns, self.scope["litestar_app"].state.turns)

    @property
    def doer(self) -> Doer:
        """The caller, as the ledger remembers who did something."""
        client = self.scope["client"]
        return Doer(self.caller.subject, client[0] if client else None)

    @property
    def read(self) -> Read:
        """What the access log is told of this request; only where its endpoint `reveals`."""
        return cast(Read, self.scope["state"][_READ])

    @read.setter
    def read(self, read: Read) -> None:
        self.scope["state"][_READ] = read
        self.scope["state"][_SHOWN] = Shown()

    @property
    def shown(self) -> Shown:
        """Where it is noted what the answer shows; as `read`."""
        return cast(Shown, self.scope["state"][_SHOWN])

    def path_value(self, name: str) -> str:
        """A path parameter, decoded; `%2F` in it is a slash."""
        return str(self.scope["path_params"][name]).replace(SLASH, "/")

    def header(self, name: bytes) -> str | None:
        """A header, by its lower-case name. Raises Unreadable when it is given twice."""
        found: bytes | None = None
        for key, value in self.scope["headers"]:
            if key == name:
                if found is not None:
                    raise Unreadable(f"The header {name.decode()} is given twice.")
                found = value
        return None if found is None else found.decode("latin-1")


async def authorize(request: ApiRequest, permission: Permission) -> None:
    """Make the caller of this request known as `request.caller`.

    Raises Unauthenticated (401), TooManyFailures (429), Invalid (422) when X-Tenant-ID is needed,
    Forbidden (403) for a tenant that the token does not hold and for a permission that no role of
    the caller gives, or QuotaExceeded (429).
    """
    try:
        caller = await _authenticated(request)
    except Invalid as error:
        detail = error.errors[0].detail
        raise Invalid([ParameterError("/X-Tenant-ID", detail, place="header")]) from None
    caller.require(permission)
    await request.services.quotas.admit(caller.tenant_id)
    request.scope["user"] = caller


async def is_unchanged(request: ApiRequest) -> bool:
    """Whether the caller of this request still has the rights that it came with. Raises
    Unavailable."""
    try:
        return await _authenticated(request) == request.caller
    except AccessError:
        return False


async def _authenticated(request: ApiRequest) -> Caller:
    authorization, tenant = request.header(b"authorization"), request.header(b"x-tenant-id")
    peer = request.scope.get("client")
    address = peer[0] if peer else None
    return await request.services.authenticator.authenticate(authorization, tenant, address)
