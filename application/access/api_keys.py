"""API keys: making, rotating and revoking them, and knowing a caller by one."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from uuid import uuid4

from msgspec import Struct

from application.audit.acts import Acts
from application.audit.newest import Newest
from application.ports import Clock
from domain.access.api_keys import (
    NO_KEY,
    ApiKey,
    ApiKeys,
    Secret,
    granted,
    read_key,
    write_key,
)
from domain.access.caller import Caller
from domain.access.reading_keys import read_key_asked, read_rotation
from domain.audit.acts import Doer
from domain.errors import Forbidden, Unauthenticated

DOES_NOT_HOLD = "The API key does not hold: it is unknown, expired or revoked."
_SECRET_BYTES = 32


class KeyUses(Protocol):
    """When keys were used last, to the minute."""

    def used(self, tenant_id: str, key_id: str, now_us: int) -> None:
        """Note it, without waiting and without failing."""
        ...

    async def last(self, tenant_id: str) -> Mapping[str, int]:
        """key_id -> microseconds since 1970, of those that were ever used. Raises Unavailable."""
        ...


class Made(Struct, frozen=True):
    """A key with its secret, which nobody can tell again."""

    key: ApiKey
    text: str


class KnowKeys:
    """Knows callers by their API keys, as they were a second ago at most."""

    def __init__(self, newest: Newest[ApiKeys], uses: KeyUses, clock: Clock) -> None:
        self._newest = newest
        self._uses = uses
        self._clock = clock

    async def caller(self, text: str, tenant: str | None) -> Caller:
        """The caller with this key; `tenant`: of X-Tenant-ID. Raises Unauthenticated, Forbidden for
        another tenant than the key's, Unavailable when it cannot be told now."""
        written = read_key(text)
        if written is None:
            raise Unauthenticated("The API key is not whole: a character is wrong or missing.")
        keys = (await self._newest.of(written.tenant_id)).keys
        key, now_us = keys.get(written.key_id, NO_KEY), self._clock()
        expires_us = key.expiry_of(written.secret, now_us)
        if expires_us is None:
            raise Unauthenticated(DOES_NOT_HOLD)
        if tenant not in (None, written.tenant_id):
            raise Forbidden("The API key does not hold the tenant that X-Tenant-ID names.")
        self._uses.used(written.tenant_id, written.key_id, now_us)
        return Caller(
            subject=key.key_id,
            tenant_id=written.tenant_id,
            roles=frozenset(),
            permissions=key.permissions,
            expires_us=expires_us,
            grants=(granted(key),),
        )


class ManageApiKeys:
    """Every change is an act on the tenant's ledger, in force at once where it was made, and within
    a second in other processes."""

    def __init__(
        self,
        acts: Acts,
        newest: Newest[ApiKeys],
        uses: KeyUses,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._acts = acts
        self._newest = newest
        self._uses = uses
        self._clock = clock
        self._random_bytes = random_bytes

    async def listed(self, tenant_id: str) -> list[tuple[ApiKey, int | None]]:
        """All that were ever made, the newest first, with when each was used last."""
        keys, uses = await self._load(tenant_id), await self._uses.last(tenant_id)
        newest_first = sorted(keys.keys.values(), key=lambda one: (-one.created_us, one.key_id))
        return [(key, uses.get(key.key_id)) for key in newest_first]

    async def get(self, tenant_id: str, key_id: str) -> tuple[ApiKey, int | None]:
        """Raises NotFound."""
        key = (await self._load(tenant_id)).key(key_id)
        return key, (await self._uses.last(tenant_id)).get(key_id)

    async def create(self, caller: Caller, doer: Doer, value: Any) -> Made:
        """Raises Invalid, and Forbidden for more than the caller may do itself."""
        now_us = self._clock()
        asked = read_key_asked(value, now_us)
        key_id, secret = f"key_{uuid4().hex}", self._secret()
        key = ApiKey(
            key_id,
            asked.label,
            asked.permissions,
            asked.scope,
            (Secret(_sha256(secret), asked.expires_us),),
            None,
            now_us,
        )
        keys, _ = await self._acts.act(
            caller.tenant_id, doer, ApiKeys, lambda all_: all_.create(key, caller, now_us)
        )
        return self._made(caller, keys, key_id, secret)

    async def rotate(self, caller: Caller, doer: Doer, key_id: str, value: Any) -> Made:
        """A further secret; the one before it holds for the overlap. Raises NotFound, Invalid,
        Forbidden for a key that permits more than the caller may do itself."""
        now_us = self._clock()
        overlap_us, expires_us = read_rotation(value, now_us)
        text = self._secret()
        secret = Secret(_sha256(text), expires_us)
        keys, _ = await self._acts.act(
            caller.tenant_id,
            doer,
            ApiKeys,
            lambda all_: all_.rotate(key_id, secret, caller, now_us + overlap_us, now_us),
        )
        return self._made(caller, keys, key_id, text)

    async def revoke(self, caller: Caller, doer: Doer, key_id: str) -> None:
        """Raises NotFound."""
        keys, _ = await self._acts.act(
            caller.tenant_id, doer, ApiKeys, lambda all_: all_.revoke(key_id)
        )
        self._newest.put(caller.tenant_id, keys)

    def _made(self, caller: Caller, keys: ApiKeys, key_id: str, secret: str) -> Made:
        self._newest.put(caller.tenant_id, keys)
        return Made(keys.key(key_id), write_key(caller.tenant_id, key_id, secret))

    def _secret(self) -> str:
        return urlsafe_b64encode(self._random_bytes(_SECRET_BYTES)).rstrip(b"=").decode()

    async def _load(self, tenant_id: str) -> ApiKeys:
        return self._newest.put(tenant_id, await self._acts.load(tenant_id, ApiKeys()))


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
