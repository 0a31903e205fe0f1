"""Tokens of an identity provider, checked with the keys it publishes (RFC 7517)."""

from __future__ import annotations

import asyncio
import ipaddress
import warnings
from collections.abc import Iterable
from typing import Any

import httpx
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import JWKRegistry, Key, RSAKey
from msgspec import Struct, structs

from application.access.authenticate import Claims
from application.ports import Clock
from domain.errors import Unauthenticated, Unavailable
from domain.times import SECOND
from infrastructure.access.tokens import (
    ALGORITHMS,
    Issuer,
    SignedToken,
    check_algorithm,
    check_signature,
    fits,
    read_claims,
    read_token,
)

_FRESH_US = 600 * SECOND
"""So long keys serve without asking again; a withdrawn key is refused after it."""
_STALE_US = 3600 * SECOND
"""So long keys serve while the endpoint does not answer."""
_REFETCH_US = 30 * SECOND
"""At most one fetch in this time, however many unknown key ids are thrown at the service."""
_RETRY_US = 5 * SECOND
"""The same after a fetch that failed."""
_TIMEOUT_SECONDS = 2.0
_MAX_BYTES = 256 * 1024
_MIN_RSA_BITS = 2048
_TYPES = ("RSA", "EC", "OKP")


class _KeySet(Struct):
    keys: list[dict[str, Any]]


class JwksVerifier:
    """Verifies the tokens of one issuer. One event loop; `aclose` when done.

    Raises ValueError as `check_source` does.
    """

    def __init__(self, issuer: Issuer, jwks_url: str, clock: Clock) -> None:
        self._issuer = issuer
        self._url, loopback = check_source(jwks_url, issuer.algorithms)
        self._clock = clock
        # A proxy of the environment is for hosts outside, and would not reach this one's loopback.
        self._client = httpx.AsyncClient(
            timeout=_TIMEOUT_SECONDS,
            trust_env=not loopback,
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
        )
        self._lock = asyncio.Lock()
        self._keys: tuple[Key, ...] = ()
        self._fetched_us = self._tried_us = -_STALE_US
        self._failed = False

    async def aclose(self) -> None:
        await self._client.aclose()

    async def verify(self, token: str) -> Claims:
        """The claims of a token. Raises Unauthenticated; Unavailable when no key is at hand."""
        return await self.verify_signed(read_token(token))

    async def verify_signed(self, signed: SignedToken) -> Claims:
        """The same of a token that was taken apart."""
        algorithm = check_algorithm(signed, self._issuer)
        check_signature(signed, await self._key_for(signed), algorithm)
        claims = read_claims(signed.payload, self._issuer, self._clock())
        # As long as the key may serve, so that whoever remembers the token adds nothing to that.
        span_us = _FRESH_US if self._is_within(self._fetched_us, _FRESH_US) else _STALE_US
        return structs.replace(claims, known_until_us=self._fetched_us + span_us)

    async def _key_for(self, token: SignedToken) -> Key:
        key = self._find(token)
        if key is not None and self._is_within(self._fetched_us, _FRESH_US):
            return key
        async with self._lock:
            if not self._is_within(self._tried_us, _RETRY_US if self._failed else _REFETCH_US):
                await self._refresh()
        key = self._find(token)
        if key is not None and self._is_within(self._fetched_us, _STALE_US):
            return key
        if self._failed:
            raise Unavailable("The keys of the token's issuer cannot be fetched now.")
        raise Unauthenticated("The token is signed with a key that its issuer does not publish.")

    def _find(self, token: SignedToken) -> Key | None:
        """The key that the token names; without a `kid`, the only one that its algorithm fits."""
        algorithm = ALGORITHMS[token.alg]
        found = [
            key
            for key in self._keys
            if (token.kid is None or key.kid == token.kid) and fits(key, algorithm)
        ]
        return found[0] if len(found) == 1 or (found and token.kid is not None) else None

    def _is_within(self, since_us: int, span_us: int) -> bool:
        # A clock that was set back must not make keys fresh for longer.
        return 0 <= self._clock() - since_us < span_us

    async def _refresh(self) -> None:
        self._tried_us = self._clock()
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                published = msgspec.json.decode(await self._fetch(), type=_KeySet)
        except (httpx.HTTPError, TimeoutError, ValueError, RecursionError):
            self._failed = True  # what that means depends on the keys at hand: see _key_for
            return
        self._keys = tuple(_usable(published.keys))
        self._fetched_us, self._failed = self._tried_us, False

    async def _fetch(self) -> bytes:
        body = bytearray()
        async with self._client.stream("GET", self._url) as response:
            if response.status_code != 200:
                raise ValueError("the endpoint did not answer with its keys")
            async for chunk in response.aiter_raw():  # never unpacked
                body += chunk
                if len(body) > _MAX_BYTES:
                    raise ValueError("the key set is over the size limit")
        return bytes(body)


def _usable(published: Iterable[dict[str, Any]]) -> Iterable[Key]:
    """The public keys for signatures; others are left out, as RFC 7517, section 5, asks."""
    for jwk in published:
        if jwk.get("kty") not in _TYPES or "d" in jwk:
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SecurityWarning)  # a short RSA key: see below
                key = JWKRegistry.import_key(jwk)
        except (JoseError, ValueError, TypeError, KeyError, UnsupportedAlgorithm):
            continue
        if isinstance(key, RSAKey) and key.public_key.key_size < _MIN_RSA_BITS:
            continue
        yield key


def check_source(url: str, algorithms: Iterable[str]) -> tuple[httpx.URL, bool]:
    """The URL of an issuer's keys, and whether it is on this machine.

    Raises ValueError unless it is https, or http on a loopback address, and the algorithms are
    some of ALGORITHMS.
    """
    if not set(algorithms) or not set(algorithms) <= ALGORITHMS.keys():
        raise ValueError("algorithms must be some of " + ", ".join(ALGORITHMS))
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ValueError(f"the JWKS URL is not one: {error}") from None
    try:
        loopback = parts.host == "localhost" or ipaddress.ip_address(parts.host).is_loopback
    except ValueError:  # a name
        loopback = False
    secure = parts.scheme == "https" or (parts.scheme == "http" and loopback)
    if not parts.host or not secure or parts.userinfo:
        raise ValueError("a JWKS URL is https without a user, or http on a loopback address")
    return parts, loopback
