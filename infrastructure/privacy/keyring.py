"""Data keys: one per order and one per actor, wrapped under a bucket key of the key store.

    disclosures --AES-256-GCM--> data key --AES-256-GCM--> bucket key (key store, never in here)

A sealed value is nonce (12 bytes) || ciphertext || tag, and is bound by its additional data to the
place where it lies, so that rows cannot be swapped unnoticed.
"""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from collections.abc import Callable
from time import monotonic
from uuid import UUID, uuid4

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from application.ports import KeyStore
from domain.errors import KeyUnavailable

BUCKETS = 1024
_NONCE = 12
_CACHED_KEYS = 10_000
KEPT_SECONDS = 60.0
"""So long an unwrapped key is remembered: after an erasure, no process has it longer."""

Owner = tuple[str, str, str]
"""(tenant, "order", "actor" or "reader", its id)."""


class KeyRow(Struct, frozen=True):
    """A row of data_keys. `wrapped` is None once the owner has been erased."""

    owner: Owner
    key_id: UUID
    bucket: int
    bucket_key_id: UUID
    wrapped: bytes | None


def bucket_of(subject: str) -> int:
    """The bucket (0..1023) of an order id or actor id."""
    return int.from_bytes(hashlib.sha256(subject.encode()).digest()[:4]) % BUCKETS


def seal(cipher: AESGCM, plain: bytes, place: bytes) -> bytes:
    """Encrypt under a fresh nonce, bound to `place`."""
    nonce = os.urandom(_NONCE)
    return nonce + cipher.encrypt(nonce, plain, place)


class DoesNotOpen(KeyUnavailable):
    """A sealed value does not open with its key."""


def unseal(cipher: AESGCM, sealed: bytes, place: bytes) -> bytes:
    """The plain bytes; DoesNotOpen when key, place or bytes do not belong together."""
    try:
        return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], place)
    except (InvalidTag, ValueError) as error:
        raise DoesNotOpen from error


class Keyring:
    """Makes and unwraps data keys, remembering the newest unwrapped ones by key id.

    Whether a data key is still alive is decided by its row, which the caller has just read; the
    memory only saves the unwrapping.
    """

    def __init__(self, key_store: KeyStore, now: Callable[[], float] = monotonic) -> None:
        self._key_store = key_store
        self._now = now
        self._ciphers: OrderedDict[UUID, AESGCM] = OrderedDict()
        self._until = now() + KEPT_SECONDS

    def warm(self, tenant_id: str) -> None:
        """Have the key store make the tenant's bucket keys now, not under the committer's lock."""
        self._key_store.bucket(tenant_id, 0)

    def create(self, owner: Owner) -> tuple[KeyRow, AESGCM]:
        """A new data key for an order or actor, wrapped under its bucket's current key."""
        bucket = bucket_of(owner[2])
        bucket_key_id, bucket_key = self._key_store.bucket(owner[0], bucket)
        data_key, key_id = os.urandom(32), uuid4()
        wrapped = seal(AESGCM(bucket_key), data_key, key_id.bytes)
        return KeyRow(owner, key_id, bucket, bucket_key_id, wrapped), self._keep(key_id, data_key)

    def cipher(self, row: KeyRow) -> AESGCM:
        """The cipher of a live data key. Raises KeyUnavailable."""
        if self._now() >= self._until:
            self.forget()
        cached = self._ciphers.get(row.key_id)
        if cached is not None:
            self._ciphers.move_to_end(row.key_id)
            return cached
        if row.wrapped is None:
            raise KeyUnavailable("this data key has been erased")
        bucket_key = self._key_store.bucket_key(row.owner[0], row.bucket, row.bucket_key_id)
        return self._keep(row.key_id, unseal(AESGCM(bucket_key), row.wrapped, row.key_id.bytes))

    def forget(self) -> None:
        """Drop every unwrapped key."""
        self._ciphers.clear()
        self._until = self._now() + KEPT_SECONDS

    def _keep(self, key_id: UUID, data_key: bytes) -> AESGCM:
        cipher = self._ciphers[key_id] = AESGCM(data_key)
        if len(self._ciphers) > _CACHED_KEYS:
            self._ciphers.popitem(last=False)
        return cipher
