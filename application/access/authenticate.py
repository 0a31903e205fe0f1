"""From the headers of a request to a Caller: token, tenant, permissions.

Authorization --verify--> Claims
                            |--- X-Tenant-ID --> tenant --- its roles --> grants --> Caller
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from application.access.api_keys import DOES_NOT_HOLD
from application.access.failures import FailedTokens
from application.ports import Clock
from application.tenancy.ports import ServedTenants
from domain.access.api_keys import PREFIX
from domain.access.caller import Caller, is_tenant_id, together
from domain.access.permissions import BUILT_IN
from domain.access.roles import Roles
from domain.errors import Forbidden, Invalid, TokenMissing, Unauthenticated, Unavailable
from domain.privacy.classify import holds_email
from domain.times import SECOND

MAX_TOKEN = 16 * 1024
"""The longest token that is looked at, in characters."""

_REMEMBER_US = 600 * SECOND
_SCHEME = "bearer "
_OTHER_TENANT = "The token does not hold the tenant that X-Tenant-ID names."
_NO_TENANT = "The token holds no tenant."


class Claims(Struct, frozen=True):
    """What a token says about its holder, verified. Holds before `expires_us`; whether the issuer
    still has the key is to be asked again at `known_until_us`."""

    subject: str
    tenants: tuple[str, ...]
    roles: frozenset[str]
    expires_us: int
    known_until_us: int = 2**62


class TokenVerifier(Protocol):
    """Checks a token: signature, issuer, audience, times, shape."""

    async def verify(self, token: str) -> Claims:
        """The token's claims. Any number of callers at once.

        Raises Unauthenticated when it does not hold, saying why and never quoting it; Unavailable
        when that cannot be found out now.
        """
        ...


class TenantRoles(Protocol):
    """The roles of tenants, as they were a second ago at most."""

    def known(self, tenant_id: str) -> Roles | None:
        """What was looked at within that time; without waiting."""
        ...

    async def of(self, tenant_id: str) -> Roles:
        """Raises Unavailable when nothing is known of them."""
        ...


class KnowsKeys(Protocol):
    """Knows callers by their API keys."""

    async def caller(self, text: str, tenant: str | None) -> Caller:
        """The caller with this key; `tenant`: of X-Tenant-ID. Raises Unauthenticated, Forbidden for
        another tenant than the key's, Unavailable when that cannot be told now."""
        ...


class _Met(Struct, frozen=True):
    """A token that was verified, and who it is of while the tenant's roles are these."""

    until_us: int
    claims: Claims
    roles: Roles
    caller: Caller


class Authenticator:
    """Knows callers by their headers, and remembers those it has met.

    A token is remembered under its SHA-256, so that no usable one lies in memory, and for ten
    minutes at most, so that a withdrawn key takes effect. A changed role does at once where it was
    changed, and within a second in other processes. A subject that is an email address goes by its
    `pseudonym` from here on. failures: how many tokens and keys from one address may fail in a
    minute (`failures.py`); 0: any number. Of a tenant that has left nobody is a caller: its tokens
    are answered as those of a tenant that they do not hold, its keys as unknown ones.
    """

    def __init__(
        self,
        verifier: TokenVerifier,
        roles: TenantRoles,
        keys: KnowsKeys,
        served: ServedTenants,
        clock: Clock,
        *,
        pseudonym: Callable[[str], str] = str,
        capacity: int = 10_000,
        failures: int = 20,
    ) -> None:
        self._verifier = verifier
        self._roles = roles
        self._keys = keys
        self._served = served
        self._clock = clock
        self._pseudonym = pseudonym
        self._capacity = capacity
        self._failed = FailedTokens(clock, limit=failures)
        self._met: OrderedDict[tuple[bytes, str | None], _Met] = OrderedDict()
        self._held: OrderedDict[bytes, None] = OrderedDict()

    async def authenticate(
        self, authorization: str | None, tenant: str | None, address: str | None = None
    ) -> Caller:
        """The caller behind `Authorization` and `X-Tenant-ID` (None: the header was not sent), who
        speaks from `address`.

        Raises Unauthenticated (TokenMissing if there is no token), TooManyFailures, Forbidden (a
        tenant that the token does not hold), Invalid (several tenants and none named) and
        Unavailable (the issuer's keys are out of reach).
        """
        token = _bearer_token(authorization)
        key = (hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest(), tenant)
        now = self._clock()
        met = self._met.get(key)
        if met is not None and now < met.until_us:
            self._met.move_to_end(key)
            tenant_id = met.caller.tenant_id
            here = self._served.known_to_be_here(tenant_id)
            if here and self._roles.known(tenant_id) is met.roles:
                return met.caller
            return await self._meet(key, met.claims, met.until_us, tenant_id)
        if token.startswith(PREFIX):
            return await self._by_key(token, tenant, key[0], address)
        if met is None:  # else it held once, and is only looked at again
            self._failed.check(address)
        claims = await self._verified(token, key, address)
        until_us = min(claims.expires_us, claims.known_until_us, now + _REMEMBER_US)
        return await self._meet(key, claims, until_us, _choose_tenant(claims.tenants, tenant))

    async def _verified(
        self, token: str, key: tuple[bytes, str | None], address: str | None
    ) -> Claims:
        try:
            return await self._verifier.verify(_of_fit_length(token))
        except Unauthenticated:
            self._met.pop(key, None)
            self._failed.count(address)
            raise

    async def _by_key(
        self, text: str, tenant: str | None, digest: bytes, address: str | None
    ) -> Caller:
        """The caller with an API key. It is looked at each time; only that it held is remembered,
        so that failures of others at its address do not shut it out."""
        if digest not in self._held:
            self._failed.check(address)
        try:
            caller = await self._held_by(text, tenant)
        except Unauthenticated:
            self._held.pop(digest, None)
            self._failed.count(address)
            raise
        self._held[digest] = None
        self._held.move_to_end(digest)
        if len(self._held) > self._capacity:
            self._held.popitem(last=False)
        return caller

    async def _held_by(self, text: str, tenant: str | None) -> Caller:
        caller = await self._keys.caller(text, tenant)
        if not await self._served.is_here(caller.tenant_id):
            raise Unauthenticated(DOES_NOT_HOLD)
        return caller

    async def _meet(
        self, key: tuple[bytes, str | None], claims: Claims, until_us: int, tenant_id: str
    ) -> Caller:
        # One after the other: mostly both are known, and a task for each costs more than that.
        if not await self._served.is_here(tenant_id):
            raise Forbidden(_OTHER_TENANT if key[1] is not None else _NO_TENANT)
        roles = await self._roles_in(tenant_id, claims)
        # Subjects stand in jobs and on the ledger, where nothing personal may be.
        subject = claims.subject
        if holds_email(subject):
            subject = self._pseudonym(subject)
        names = claims.roles | roles.assigned.get(subject, frozenset())
        grants = roles.grants_of(names)
        caller = Caller(
            subject=subject,
            tenant_id=tenant_id,
            roles=names,
            permissions=together(grants),
            expires_us=claims.expires_us,
            grants=grants,
        )
        self._met[key] = _Met(until_us, claims, roles, caller)
        self._met.move_to_end(key)
        if len(self._met) > self._capacity:
            self._met.popitem(last=False)
        return caller

    async def _roles_in(self, tenant_id: str, claims: Claims) -> Roles:
        try:
            return await self._roles.of(tenant_id)
        except Unavailable:
            if not claims.roles or not claims.roles <= BUILT_IN.keys():
                raise
            return Roles()  # the built-in roles are the same whatever is stored


def _bearer_token(authorization: str | None) -> str:
    """What follows the scheme. Raises TokenMissing if nothing does, or it is another scheme."""
    if authorization and authorization[: len(_SCHEME)].lower() == _SCHEME:
        token = authorization[len(_SCHEME) :].strip(" ")
        if token:
            return token
    raise TokenMissing


def _of_fit_length(token: str) -> str:
    if len(token) > MAX_TOKEN:
        raise Unauthenticated(f"The token is longer than {MAX_TOKEN} characters.")
    return token


def _choose_tenant(held: tuple[str, ...], named: str | None) -> str:
    usable = {tenant for tenant in held if is_tenant_id(tenant)}
    if named is not None:
        if named not in usable:
            raise Forbidden(_OTHER_TENANT)
        return named
    if not usable:
        raise Forbidden(_NO_TENANT)
    if len(usable) > 1:
        raise Invalid.field(
            "X-Tenant-ID", "the token holds several tenants; this header must name one"
        )
    return usable.pop()
