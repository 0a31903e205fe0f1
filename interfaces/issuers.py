"""The issuers whose tokens are accepted beside the local one: a JSON file, or three variables.

docs/identity.md says what each field means.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from domain import canonical
from domain.errors import Unreadable

_Text = Annotated[str, Meta(min_length=1)]
_Texts = Annotated[tuple[_Text, ...], Meta(min_length=1)]


class IssuerSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """An issuer whose keys are published (RFC 7517).

    audiences: of which a token must name one. tenants_claim, roles_claim: the name of a claim, or
    the names that lead to one inside others. leeway: seconds by which its clock and ours may
    differ; None: 60 for `nbf` and `iat`, none for `exp`.
    """

    issuer: _Text
    jwks_url: _Text
    audiences: _Texts
    algorithms: _Texts = ("RS256", "ES256", "EdDSA")
    tenants_claim: _Text | _Texts = "tenants"
    roles_claim: _Text | _Texts = "roles"
    leeway: Annotated[int, Meta(ge=0, le=300)] | None = None


def issuers_from(env: Mapping[str, str]) -> tuple[IssuerSettings, ...]:
    """Those of the file that ORDER_HISTORY_ISSUERS names, and the one of ORDER_HISTORY_JWKS_URL
    with _JWKS_ISSUER and _JWKS_AUDIENCE.

    Raises ValueError, naming the variable, and of the file the field.
    """
    path = env.get("ORDER_HISTORY_ISSUERS")
    return (*(_read(Path(path)) if path else ()), *_from_variables(env))


def _read(path: Path) -> tuple[IssuerSettings, ...]:
    said = f"ORDER_HISTORY_ISSUERS: {path}"
    try:
        decoded = canonical.decode(path.read_bytes())
        return msgspec.convert(decoded, tuple[IssuerSettings, ...])
    except OSError as error:
        raise ValueError(f"{said} cannot be read: {error.strerror}") from error
    except Unreadable as error:
        raise ValueError(f"{said} is not JSON: {error}") from error
    except msgspec.ValidationError as error:
        raise ValueError(f"{said} is not as docs/identity.md says: {error}") from error


def _from_variables(env: Mapping[str, str]) -> tuple[IssuerSettings, ...]:
    url = env.get("ORDER_HISTORY_JWKS_URL")
    if not url:
        return ()
    issuer, audience = env.get("ORDER_HISTORY_JWKS_ISSUER"), env.get("ORDER_HISTORY_JWKS_AUDIENCE")
    if not issuer or not audience:
        raise ValueError(
            "ORDER_HISTORY_JWKS_URL needs ORDER_HISTORY_JWKS_ISSUER and "
            "ORDER_HISTORY_JWKS_AUDIENCE as well"
        )
    return (IssuerSettings(issuer, url, (audience,)),)
