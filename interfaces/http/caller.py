"""Who is asking, and may they: the only way from request headers to a caller with a right.

Each endpoint names its permission in its declaration (`endpoint.py`), which calls `authorize`
before the handler sees the request; litestar's guards would copy the handler on every request.
"""

from __future__ import annotations

from typing import Any, Protocol, cast

from litestar import Request
from litestar.datastructures import State

from domain.errors import Unreadable
from interfaces.http.services import Services

SLASH = "\x1f"
"""Stands for an encoded slash (%2F) in `scope["path"]`: no id may contain a control character."""


class Caller(Protocol):
    """A token that held: for one tenant, with the rights of its roles."""

    @property
    def tenant_id(self) -> str: ...

    def require(self, permission: Any) -> None:
        """Raises Forbidden when no role of the caller has this right."""
        ...


class Authenticator(Protocol):
    async def authenticate(self, authorization: str | None, tenant: str | None) -> Any:
        """The Caller of these headers. Raises Unauthenticated, and Forbidden for a tenant that
        the token does not hold."""
        ...


class ApiRequest(Request[Any, Any, State]):
    """A request to this API, with what every handler needs."""

    @property
    def caller(self) -> Any:
        """Set by `authorize`, so that no handler of a guarded route runs without it."""
        return self.scope["user"]

    @property
    def services(self) -> Services:
        return cast(Services, self.scope["litestar_app"].state.services)

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


async def authorize(request: ApiRequest, permission: str) -> None:
    """Make the caller of this request known as `request.caller`.

    Raises Unauthenticated (401), or Forbidden (403) for a tenant that the token does not hold and
    for a permission that no role of the caller gives.
    """
    services = request.services
    caller: Caller = await services.authenticator.authenticate(
        request.header(b"authorization"), request.header(b"x-tenant-id")
    )
    caller.require(permission)
    request.scope["user"] = caller
