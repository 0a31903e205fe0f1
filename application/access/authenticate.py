"""From the headers of a request to a Caller: token, tenant, permissions.

Authorization --verify--> Claims
                            |--- X-Tenant-ID --> tenant --- role lookup --> Caller
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from application.ports import Clock
from domain.access.caller import Caller, is_tenant_id
from domain.access.permissions import RoleLookup
from domain.errors import Forbidden, Invalid, Unauthenticated
from domain.privacy.classify import holds_email
from domain.times import SECOND

MAX_TOKEN = 16 * 1024
"""The longest token that is looked at, in characters."""

_REMEMBER_US = 600 * SECOND
_SCHEME = "bearer "


class Claims(Struct, frozen=True):
    """What a token says about its holder, verified. Holds before `expires_us`."""

    subject: str
    tenants: tuple[str, ...]
    roles: frozenset[str]
    expires_us: int


class TokenVerifier(Protocol):
    """Checks a token: signature, issuer, audience, times, shape."""

    async def verify(self, token: str) -> Claims:
        """The token's claims. Any number of callers at once.

        Raises Unauthenticated when it does not hold, saying why and never quoting it; Unavailable
        when that cannot be found out now.
        """
        ...


class Authenticator:
    """Knows callers by their headers, and remembers those it has met.

    A caller is remembered under the SHA-256 of its header, so that no usable token lies in memory,
    and for ten minutes at most, so that a withdrawn key or a changed role takes effect. A subject
    that is an email address goes by its `pseudonym` from here on.
    """

    def __init__(
        self,
        verifier: TokenVerifier,
        roles: RoleLookup,
        clock: Clock,
        *,
        pseudonym: Callable[[str], str] = str,
        capacity: int = 10_000,
    ) -> None:
        self._verifier = verifier
        self._roles = roles
        self._clock = clock
        self._pseudonym = pseudonym
        self._capacity = capacity
        self._met: OrderedDict[tuple[bytes, str | None], tuple[int, Caller]] = OrderedDict()

    async def authenticate(self, authorization: str | None, tenant: str | None) -> Caller:
        """The caller behind `Authorization` and `X-Tenant-ID` (None: the header was not sent).

        Raises Unauthenticated, Forbidden (a tenant that the token does not hold), Invalid (several
        tenants and none named) and Unavailable (the issuer's keys are out of reach).
        """
        token = _bearer_token(authorization)
        key = (hashlib.sha256(token.encode("ascii")).digest(), tenant)
        now = self._clock()
        met = self._met.get(key)
        if met is not None and now < met[0]:
            self._met.move_to_end(key)
            return met[1]
        caller = self._caller(await self._verifier.verify(token), tenant)
        self._remember(key, min(caller.expires_us, now + _REMEMBER_US), caller)
        return caller

    def _caller(self, claims: Claims, tenant: str | None) -> Caller:
        tenant_id = _choose_tenant(claims.tenants, tenant)
        return Caller(
            # Subjects stand in jobs and on the ledger, where nothing personal may be.
            subject=self._pseudonym(claims.subject)
            if holds_email(claims.subject)
            else claims.subject,
            tenant_id=tenant_id,
            roles=claims.roles,
            permissions=self._roles.permissions_of(tenant_id, claims.roles),
            expires_us=claims.expires_us,
        )

    def _remember(self, key: tuple[bytes, str | None], until_us: int, caller: Caller) -> None:
        self._met[key] = (until_us, caller)
        self._met.move_to_end(key)
        if len(self._met) > self._capacity:
            self._met.popitem(last=False)


def _bearer_token(authorization: str | None) -> str:
    if not authorization:
        raise Unauthenticated("A bearer token is needed.")
    if len(authorization) > MAX_TOKEN + len(_SCHEME):
        raise Unauthenticated(f"The token is longer than {MAX_TOKEN} characters.")
    if not authorization.isascii() or authorization[: len(_SCHEME)].lower() != _SCHEME:
        raise Unauthenticated("The Authorization header is not of the form: Bearer <token>.")
    return authorization[len(_SCHEME) :].strip(" ")


def _choose_tenant(held: tuple[str, ...], named: str | None) -> str:
    usable = {tenant for tenant in held if is_tenant_id(tenant)}
    if named is not None:
        if named not in usable:
            raise Forbidden("The token does not hold the tenant that X-Tenant-ID names.")
        return named
    if not usable:
        raise Forbidden("The token holds no tenant.")
    if len(usable) > 1:
        raise Invalid.field(
            "X-Tenant-ID", "the token holds several tenants; this header must name one"
        )
    return usable.pop()
