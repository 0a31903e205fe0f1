"""What an installation may be told: options of the command line, or environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

DEFAULT_DATA_DIR = Path("data/order-history")
CELL = "cell_0"


class JwksSettings(Struct, frozen=True):
    """An issuer whose keys are published (RFC 7517)."""

    issuer: str
    audience: str
    url: str
    algorithms: tuple[str, ...] = ("RS256", "ES256", "EdDSA")


class Settings(Struct, frozen=True):
    """Everything the composition root needs to know.

    `database_url` is a libpq URL. `data_dir` holds keys, and the embedded database if there is
    one. `open_tenants`: a tenant exists from its first event; else it must be in public.tenants.
    """

    database_url: str
    data_dir: Path
    cell: str = CELL
    jwks: JwksSettings | None = None
    open_tenants: bool = True


def jwks_from(env: Mapping[str, str]) -> JwksSettings | None:
    """ORDER_HISTORY_JWKS_URL with _JWKS_ISSUER and _JWKS_AUDIENCE; None when there is no URL.

    Raises ValueError when one of the others is missing.
    """
    url = env.get("ORDER_HISTORY_JWKS_URL")
    if not url:
        return None
    issuer, audience = env.get("ORDER_HISTORY_JWKS_ISSUER"), env.get("ORDER_HISTORY_JWKS_AUDIENCE")
    if not issuer or not audience:
        raise ValueError(
            "ORDER_HISTORY_JWKS_URL needs ORDER_HISTORY_JWKS_ISSUER and "
            "ORDER_HISTORY_JWKS_AUDIENCE as well"
        )
    return JwksSettings(issuer, audience, url)
