"""The idempotency fingerprint of a body: tells a repeated upload from another one with its key.

    HMAC-SHA-256(key, who sent it under which Idempotency-Key || number, length, text of each line)

Bodies hold personal data that can be guessed from a plain hash, so the key comes from a bucket key
of the tenant, which never lies in the database. The lines are those that are spooled: unpacked, so
that packing a body anew changes nothing, and without card numbers, which may not even be hashed.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct

from application.intake.scrubbing import Line
from application.ports import KeyMissing, KeyStore

_BUCKET = 0
_PURPOSE = b"order-history fingerprint of a bulk body"


class Fingerprint(Struct, frozen=True):
    """As a job's `request` keeps it. `mac`: 64 hex digits."""

    key_id: UUID
    mac: str


class Fingerprinting:
    """A fingerprint in the making; feed it every line, in order."""

    def __init__(self, key_id: UUID, key: bytes, who: Sequence[str]) -> None:
        self._key_id = key_id
        self._mac = hmac.new(hmac.digest(key, _PURPOSE, "sha256"), digestmod="sha256")
        for part in who:
            self._add(0, part.encode())

    def feed(self, lines: Sequence[Line]) -> None:
        for line in lines:
            self._add(line.number, line.text)

    def finish(self) -> Fingerprint:
        return Fingerprint(self._key_id, self._mac.hexdigest())

    def _add(self, number: int, text: bytes) -> None:
        self._mac.update(number.to_bytes(8) + len(text).to_bytes(8))
        self._mac.update(text)


class Fingerprinter:
    """Begins fingerprints of uploads. `who`: tenant, submitter, Idempotency-Key."""

    def __init__(self, key_store: KeyStore) -> None:
        self._key_store = key_store

    def begin(self, who: tuple[str, str, str]) -> Fingerprinting:
        """Of an upload that may be the first. Raises KeyUnavailable."""
        return Fingerprinting(*self._key_store.bucket(who[0], _BUCKET), who)

    def begin_again(self, who: tuple[str, str, str], earlier: Fingerprint) -> Fingerprinting | None:
        """Of an upload to be compared with an earlier one; None when that one's key was destroyed.
        Raises KeyUnavailable when the key store does not answer."""
        try:
            key = self._key_store.bucket_key(who[0], _BUCKET, earlier.key_id)
        except KeyMissing:
            return None
        return Fingerprinting(earlier.key_id, key, who)


def same(one: Fingerprint, other: Fingerprint) -> bool:
    """Whether both are of one body, if their keys are the same."""
    return hmac.compare_digest(one.mac, other.mac)
