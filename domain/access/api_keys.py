"""API keys of producers: an aggregate of the tenant's ledger.

    history.api_key.created    what it permits, until when, the hash of its secret
    history.api_key.rotated    a further secret; the one before it ends after an overlap
    history.api_key.revoked    it holds no more

A key is text, shown once: `ohk1~<tenant>~<key id>~<secret>~<checksum>`. The secret is 256 random
bits in base64url, and the ledger has the SHA-256 of it, which tells nothing of what cannot be
guessed. The checksum (CRC-32, hex) lets a scanner for lost secrets, and a slip of the hand, be told
from a key that does not hold.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from binascii import crc32
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct, structs

from domain.access.caller import Caller, Grant
from domain.access.permissions import BUILT_IN, Permission
from domain.access.roles import permissions_said, refuse_more_than_own, said_of
from domain.access.scope import EVERYTHING, Scope
from domain.audit.acts import Act, Fact, Values
from domain.errors import Invalid, NotFound
from domain.times import format_us, parse_us

CREATED = "history.api_key.created"
ROTATED = "history.api_key.rotated"
REVOKED = "history.api_key.revoked"
STREAM = "api-keys"

PREFIX = "ohk1~"
MOST_KEYS = 1000
MOST_SECRETS = 2
"""That hold at a time: one, and during an overlap the one before it."""
PERMITTED = BUILT_IN["producer"]
"""What a key may permit."""

_KEY = re.compile(r"ohk1~([a-z0-9][a-z0-9._-]{0,62})~(key_[0-9a-f]{32})~([\w-]{43})~([0-9a-f]{8})",
                  re.ASCII)  # fmt: skip
_NOBODYS = hashlib.sha256(b"").hexdigest()


class Secret(Struct, frozen=True):
    """sha256: of the secret as it is written, hex."""

    sha256: str
    expires_us: int


class ApiKey(Struct, frozen=True):
    """A key as it is now. `secrets`: the newest last."""

    key_id: str
    label: str
    permissions: frozenset[Permission]
    scope: Scope
    secrets: tuple[Secret, ...]
    created_by: str | None
    created_us: int
    revoked_us: int | None = None

    @property
    def expires_us(self) -> int:
        """When its newest secret holds no more."""
        return self.secrets[-1].expires_us

    def holds(self, now_us: int) -> bool:
        """Whether it can be used at all."""
        return self.revoked_us is None and now_us < self.expires_us

    def expiry_of(self, secret: str, now_us: int) -> int | None:
        """Until when this secret of it holds, None if it does not hold now. All are compared, each
        in the same time."""
        digest = hashlib.sha256(secret.encode()).hexdigest()
        holds = None
        for one in self.secrets:
            same = hmac.compare_digest(one.sha256, digest)
            if same and self.revoked_us is None and now_us < one.expires_us:
                holds = one.expires_us
        return holds


NO_KEY = ApiKey("", "", frozenset(), EVERYTHING, (Secret(_NOBODYS, -(2**62)),), None, 0)
"""What a secret is compared with where there is no key, so that this takes no less time."""


class Written(Struct, frozen=True):
    """What a key says of itself."""

    tenant_id: str
    key_id: str
    secret: str


def write_key(tenant_id: str, key_id: str, secret: str) -> str:
    """The key as it is shown."""
    text = f"{PREFIX}{tenant_id}~{key_id}~{secret}"
    return f"{text}~{crc32(text.encode()):08x}"


def read_key(text: str) -> Written | None:
    """None for what cannot be a key."""
    match = _KEY.fullmatch(text)
    if match is None or f"{crc32(text[:-9].encode()):08x}" != match[4]:
        return None
    return Written(*match.groups()[:3])


class ApiKeys:
    """The keys of one tenant. Decisions are as in `Roles`."""

    def __init__(self) -> None:
        self.stream = STREAM
        self.version = 0
        self.keys: dict[str, ApiKey] = {}

    def key(self, key_id: str) -> ApiKey:
        """Raises NotFound."""
        if key_id not in self.keys:
            raise NotFound("there is no such API key")
        return self.keys[key_id]

    def create(self, key: ApiKey, caller: Caller, now_us: int) -> Act:
        """Raises Forbidden for more than the caller may do itself, Invalid for too many."""
        refuse_more_than_own(f"The key {key.label!r}", key.permissions, key.scope, caller)
        if sum(one.holds(now_us) for one in self.keys.values()) >= MOST_KEYS:
            raise Invalid.field("", f"{MOST_KEYS:,} API keys hold, which is the most: revoke some")
        after = {
            "label": key.label,
            "permissions": permissions_said(key.permissions),
            "scope": said_of(key.scope),
            "secrets": _secrets(key.secrets),
        }
        return Act(CREATED, f"api_key/{key.key_id}", None, after)

    def rotate(
        self, key_id: str, secret: Secret, caller: Caller, until_us: int, now_us: int
    ) -> Act:
        """Give a key a further secret; those before it end at `until_us` at the latest. Raises
        NotFound, Invalid for a key that holds no more, and Forbidden for one that permits more than
        the caller may do itself: who gets the new secret can use it."""
        key = self.key(key_id)
        refuse_more_than_own(f"The key {key.label!r}", key.permissions, key.scope, caller)
        if not key.holds(now_us):
            raise Invalid.field("", "the key has expired or was revoked: make a new one")
        still = [one for one in key.secrets if now_us < one.expires_us][-(MOST_SECRETS - 1) :]
        kept = [structs.replace(one, expires_us=min(one.expires_us, until_us)) for one in still]
        before, after = _secrets(key.secrets), _secrets([*kept, secret])
        return Act(ROTATED, f"api_key/{key_id}", {"secrets": before}, {"secrets": after})

    def revoke(self, key_id: str) -> Act | None:
        """Raises NotFound."""
        if self.key(key_id).revoked_us is not None:
            return None
        return Act(REVOKED, f"api_key/{key_id}", {"revoked": False}, {"revoked": True})

    def apply(self, fact: Fact) -> None:
        """Take a fact."""
        key_id, after = fact.target.partition("/")[2], fact.after or {}
        if fact.type == CREATED:
            self.keys[key_id] = _created(key_id, fact, after)
        elif fact.type == ROTATED and key_id in self.keys:
            self.keys[key_id] = structs.replace(self.keys[key_id], secrets=_read(after["secrets"]))
        elif fact.type == REVOKED and key_id in self.keys:
            revoked = structs.replace(self.keys[key_id], revoked_us=fact.received_us)
            self.keys[key_id] = revoked


def granted(key: ApiKey) -> Grant:
    """What who holds the key may do."""
    return Grant(key.permissions, key.scope)


def _created(key_id: str, fact: Fact, said: Values) -> ApiKey:
    known = {permission.value: permission for permission in PERMITTED}
    return ApiKey(
        key_id,
        said["label"],
        frozenset(known[name] for name in said["permissions"] if name in known),
        msgspec.convert(said["scope"], Scope),
        _read(said["secrets"]),
        fact.actor,
        fact.received_us,
    )


def _secrets(secrets: Iterable[Secret]) -> list[dict[str, Any]]:
    return [{"sha256": one.sha256, "expires_at": format_us(one.expires_us)} for one in secrets]


def _read(secrets: Iterable[Values]) -> tuple[Secret, ...]:
    return tuple(Secret(one["sha256"], parse_us(one["expires_at"])) for one in secrets)
