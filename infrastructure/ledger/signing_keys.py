"""The keys that sign the ledger, in a file: the default behind `application.ledger.ports.LogKeys`.

`signing/keys` in the data directory holds the service's origin and the keys, newest first
(`durable.py` says how it is written). An origin's name goes into every signature and every key id,
so one pair of keys serves all logs of an installation.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct, field

from application.ports import Clock
from domain.errors import Conflict, KeyUnavailable
from domain.ledger.checkpoints import Checkpoint, subtree_message
from domain.ledger.notes import COSIGNED_MLDSA44, ED25519, NoteSignature, VerifierKey, key_id
from infrastructure.key_store import durable

try:
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
except ImportError:  # a cryptography without ML-DSA: Ed25519 alone
    MLDSA44PrivateKey = None  # type: ignore[assignment,misc]

_SEED = 32


class _Key(Struct, frozen=True):
    ed25519: bytes
    mldsa44: bytes | None
    made_us: int
    retired: bool = False


class _Keys(Struct):
    service_origin: str
    keys: list[_Key] = field(default_factory=list)


class FileLogKeys:
    """Safe from several processes at once: a key added by one is used by all from then on."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._path = directory / "keys"
        self._lock = directory / ".lock"
        self._directory = directory
        self._clock = clock
        self._read: tuple[durable.Stamp, _Signers] | None = None

    @property
    def service_origin(self) -> str:
        return self._signers().service_origin

    def sign(
        self, checkpoint: Checkpoint, time_s: int, *, brief: bool = False
    ) -> tuple[NoteSignature, ...]:
        return self._signers().sign(checkpoint, time_s, brief=brief)

    def sign_text(self, origin: str, text: str) -> tuple[NoteSignature, ...]:
        """The signatures of a note that is no checkpoint, by Ed25519, under an origin's name. Its
        text must not read as a checkpoint's. Raises KeyUnavailable."""
        return self._signers().sign_text(origin, text)

    def verifier_keys(self, origin: str) -> tuple[VerifierKey, ...]:
        return self._signers().verifier_keys(origin)

    def rotate(self) -> None:
        """Make a new key the current one. The one before signs beside it until `retire`."""
        with self._locked():
            keys = self._load() or self._first()
            keys.keys.insert(0, self._new())
            self._write(keys)

    def retire(self) -> None:
        """Let the current key sign alone. Those before it stay listed: what they signed holds.

        Raises Conflict when no other signs.
        """
        with self._locked():
            keys = self._load() or self._first()
            if all(key.retired for key in keys.keys[1:]):
                raise Conflict("only the current key signs; rotate before retiring one")
            current, *before = keys.keys
            retired = [msgspec.structs.replace(key, retired=True) for key in before]
            self._write(_Keys(keys.service_origin, [current, *retired]))

    def _signers(self) -> _Signers:
        stamp = durable.stamp(self._path)
        if stamp is None and self._read is None:
            self._make()
            stamp = durable.stamp(self._path)
        if self._read is None or self._read[0] != stamp:
            keys = self._load()
            if stamp is None or keys is None:
                raise KeyUnavailable("the signing keys are gone: restore them from a backup")
            if self._read is not None and keys.service_origin != self._read[1].service_origin:
                raise KeyUnavailable("the signing keys are others now: restore those from a backup")
            self._read = (stamp, _Signers(keys))
        return self._read[1]

    def _make(self) -> None:
        with self._locked():
            if self._load() is None:
                self._write(self._first())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise KeyUnavailable(f"no signing keys can be made: {error.strerror}") from error
        with durable.locked(self._lock):
            yield

    def _first(self) -> _Keys:
        origin = f"order-history.internal/{secrets.token_hex(8)}"
        return _Keys(origin, [self._new()])

    def _new(self) -> _Key:
        seed = os.urandom(_SEED)
        return _Key(os.urandom(_SEED), seed if _mldsa44(seed) else None, self._clock())

    def _load(self) -> _Keys | None:
        content = durable.read(self._path)
        try:
            return None if content is None else msgspec.json.decode(content, type=_Keys)
        except msgspec.DecodeError:
            # `from None`: an error about the content may quote a key.
            raise KeyUnavailable("the signing keys cannot be read") from None

    def _write(self, keys: _Keys) -> None:
        durable.write(self._path, msgspec.json.encode(keys))


def _mldsa44(seed: bytes) -> MLDSA44PrivateKey | None:
    """None where this Python's `cryptography` does not offer ML-DSA."""
    try:
        return None if MLDSA44PrivateKey is None else MLDSA44PrivateKey.from_seed_bytes(seed)
    except UnsupportedAlgorithm:
        return None


class _Signer:
    """One pair of keys."""

    def __init__(self, key: _Key) -> None:
        self.retired = key.retired
        self._ed25519 = Ed25519PrivateKey.from_private_bytes(key.ed25519)
        self._mldsa44 = None
        self.publics = [(ED25519, self._ed25519.public_key().public_bytes_raw())]
        if key.mldsa44 is not None:
            self._mldsa44 = _mldsa44(key.mldsa44)
        if self._mldsa44 is not None:
            self.publics.append((COSIGNED_MLDSA44, self._mldsa44.public_key().public_bytes_raw()))

    def sign(self, checkpoint: Checkpoint, time_s: int, *, brief: bool) -> list[NoteSignature]:
        origin = checkpoint.origin
        ids = self.ids(origin)
        signed = self._ed25519.sign(checkpoint.text().encode())
        signatures = [NoteSignature(origin, ids[0], signed)]
        if self._mldsa44 is not None and not brief:
            message = subtree_message(origin, time_s, origin, 0, checkpoint.size, checkpoint.root)
            signed = time_s.to_bytes(8, "big") + self._mldsa44.sign(message)
            signatures.append(NoteSignature(origin, ids[1], signed))
        return signatures

    def sign_text(self, origin: str, text: str) -> NoteSignature:
        return NoteSignature(origin, self.ids(origin)[0], self._ed25519.sign(text.encode()))

    def ids(self, origin: str) -> tuple[bytes, ...]:
        return _ids(origin, tuple(self.publics))


class _Signers:
    """What is in the file, ready to sign."""

    def __init__(self, keys: _Keys) -> None:
        self.service_origin = keys.service_origin
        self._all = [_Signer(key) for key in keys.keys]

    def sign(
        self, checkpoint: Checkpoint, time_s: int, *, brief: bool
    ) -> tuple[NoteSignature, ...]:
        signers = [one for one in self._all if not one.retired]
        return tuple(line for one in signers for line in one.sign(checkpoint, time_s, brief=brief))

    def sign_text(self, origin: str, text: str) -> tuple[NoteSignature, ...]:
        return tuple(one.sign_text(origin, text) for one in self._all if not one.retired)

    def verifier_keys(self, origin: str) -> tuple[VerifierKey, ...]:
        return tuple(
            VerifierKey(origin, identifier, algorithm, public)
            for one in self._all
            for identifier, (algorithm, public) in zip(one.ids(origin), one.publics, strict=True)
        )


@lru_cache(maxsize=20_000)  # a log signs each second
def _ids(origin: str, publics: tuple[tuple[int, bytes], ...]) -> tuple[bytes, ...]:
    return tuple(key_id(origin, algorithm, public) for algorithm, public in publics)
