"""The issuer of an installation without an identity provider: an Ed25519 key in a file.

`issuer.json` in the data directory is a private JWK (RFC 8037). Whoever reads it can mint any
token, so it belongs to one user alone. The program's `token` command and a running service share
it through the directory; nothing else passes between them.
"""

from __future__ import annotations

import json
import os
import stat
import tempfile
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from application.access.authenticate import Claims
from application.ports import Clock
from domain.access.caller import SERVICE, is_tenant_id
from domain.errors import Invalid, KeyUnavailable, Unauthenticated
from domain.times import SECOND
from infrastructure.access.tokens import (
    Issuer,
    SignedToken,
    check_algorithm,
    check_signature,
    read_claims,
    read_token,
)

ISSUER = AUDIENCE = "order-history"
_ALGORITHM = "Ed25519"  # its name in JOSE since RFC 9864, which deprecates "EdDSA"
_SELF = Issuer(ISSUER, (AUDIENCE,), (_ALGORITHM,))
_MAX_TTL_SECONDS = 10 * 366 * 24 * 3600


class LocalIssuer:
    """Mints and verifies the tokens of one data directory. Any number of processes at once."""

    def __init__(self, data_dir: Path, clock: Clock) -> None:
        self._path = data_dir / "issuer.json"
        self._clock = clock

    def mint(
        self, subject: str, tenants: Sequence[str], roles: Sequence[str], ttl_seconds: int
    ) -> str:
        """A signed token, valid from now for `ttl_seconds` (at most ten years).

        Makes the key on first use. Raises Invalid, and KeyUnavailable as `key` does.
        """
        _check_mint(subject, tenants, ttl_seconds)
        now = self._clock() // SECOND
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": subject,
            "tenants": list(tenants),
            "roles": list(roles),
            "iat": now,
            "nbf": now,
            "exp": now + ttl_seconds,
        }
        header = {"alg": _ALGORITHM, "kid": self.key.kid}
        return jwt.encode(header, claims, self.key, algorithms=[_ALGORITHM])

    async def verify(self, token: str) -> Claims:
        """The claims of a token that this key signed. Raises Unauthenticated, KeyUnavailable."""
        return await self.verify_signed(read_token(token))

    async def verify_signed(self, signed: SignedToken) -> Claims:
        """The same of a token that was taken apart."""
        algorithm = check_algorithm(signed, _SELF)
        if signed.kid != self.key.kid:
            raise Unauthenticated("The token is signed with a key that is not known here.")
        check_signature(signed, self.key, algorithm)
        return read_claims(signed.payload, _SELF, self._clock())

    @cached_property
    def key(self) -> OKPKey:
        """The private key, read once, made if there is none.

        Raises KeyUnavailable when the file cannot be read, is no key, or is open to others.
        """
        try:
            if not self._path.exists():
                _create(self._path)
            return _load(self._path)
        except OSError as error:
            raise KeyUnavailable(
                f"{self._path.name} in the data directory cannot be used: {error.strerror}"
            ) from error


def _check_mint(subject: str, tenants: Sequence[str], ttl_seconds: int) -> None:
    if not 1 <= len(subject) <= 255 or not subject.isprintable():
        raise Invalid.field("subject", "must be 1 to 255 printable characters")
    if subject == SERVICE:
        raise Invalid.field("subject", f"must not be {SERVICE}: that is the service itself")
    if not tenants or not all(is_tenant_id(tenant) for tenant in tenants):
        raise Invalid.field("tenant", "must match [a-z0-9][a-z0-9._-]{0,62}")
    if not 0 < ttl_seconds <= _MAX_TTL_SECONDS:
        raise Invalid.field("ttl", "must be more than 0 seconds and at most ten years")


def _create(path: Path) -> None:
    """Put a new key at `path`, whole, unless another process was first."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = OKPKey.generate_key("Ed25519", auto_kid=True)
    descriptor, name = tempfile.mkstemp(prefix=".issuer-", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            json.dump(key.as_dict(private=True), file)
            file.flush()
            os.fsync(file.fileno())
        # A link appears with its whole content and, unlike a rename, never replaces a key.
        os.link(name, path)
    except FileExistsError:
        return
    finally:
        Path(name).unlink()


def _load(path: Path) -> OKPKey:
    with path.open() as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if os.name == "posix" and mode & 0o077:
            raise KeyUnavailable(
                f"{path.name} in the data directory is open to other users (mode {mode:04o}); "
                "make it yours alone with chmod 600, or remove it to have a new key made"
            )
        try:
            key = OKPKey.import_key(json.load(file))
        except (JoseError, ValueError, TypeError, KeyError):
            # `from None`: an error about the content may quote the key.
            raise KeyUnavailable(f"{path.name} in the data directory is not a JWK") from None
    if not key.is_private or key.curve_name != _ALGORITHM:
        raise KeyUnavailable(f"{path.name} in the data directory is not an Ed25519 private key")
    key.ensure_kid()
    return key
