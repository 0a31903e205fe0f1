"""A clock that stands still, tokens forged by hand, and an issuer that publishes its keys."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwa import JWS_ALGORITHMS
from joserfc.jwk import Key
from joserfc.util import urlsafe_b64encode

from infrastructure.access.jwks import JwksVerifier
from infrastructure.access.local_issuer import LocalIssuer
from tests.infrastructure.access.key_server import EC, ED, ISSUER, ISSUING, RSA, KeyServer

NOW = 1_750_000_000
"""The clock's time, in seconds since 1970."""

Forge = Callable[..., str]


class Clock:
    def __init__(self) -> None:
        self.seconds = NOW

    def __call__(self) -> int:
        return self.seconds * 1_000_000


@pytest.fixture
def clock() -> Clock:
    return Clock()


def encode(part: object) -> str:
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return urlsafe_b64encode(data).decode()


def forged(
    header: Mapping[str, Any] | bytes,
    payload: object,
    key: Key | None,
    algorithm: str,
    signing_input: str | None = None,
) -> str:
    """Sign anything, with any key, under any header: what no library offers."""
    signing_input = signing_input or f"{encode(header)}.{encode(payload)}"
    model = next(model for model in JWS_ALGORITHMS if model.name == algorithm)
    return f"{signing_input}.{encode(model.sign(signing_input.encode(), key))}"


@pytest.fixture
def forge() -> Forge:
    return forged


@pytest.fixture
def good() -> dict[str, Any]:
    """Claims that hold at NOW, for the local issuer."""
    return {
        "iss": "order-history",
        "aud": "order-history",
        "sub": "anna",
        "tenants": ["acme"],
        "roles": ["support"],
        "iat": NOW,
        "exp": NOW + 3600,
    }


@pytest.fixture
def server() -> Iterator[KeyServer]:
    server = KeyServer()
    server.publish(RSA, EC, ED)
    yield server
    server.close()


@pytest.fixture
async def verifier(server: KeyServer, clock: Callable[[], int]) -> AsyncIterator[JwksVerifier]:
    verifier = JwksVerifier(ISSUING, server.url, clock)
    yield verifier
    await verifier.aclose()


@pytest.fixture
def claims(good: dict[str, Any]) -> dict[str, Any]:
    """Claims that hold at NOW, for the issuer that publishes its keys."""
    return good | {"iss": ISSUER, "aud": "history"}


@pytest.fixture
def issuer(tmp_path: Path, clock: Callable[[], int]) -> LocalIssuer:
    return LocalIssuer(tmp_path, clock)
