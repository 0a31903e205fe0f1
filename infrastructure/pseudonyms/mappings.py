"""What pseudonyms stand for, in files that no database has.

`<data directory>/pseudonyms/<tenant>/<hash of the owner>.map`: the owner and its original
disclosures by sequence, under AES-256-GCM with a key of the key store that has no other purpose
(nonce, then ciphertext and tag; bound to the tenant). Backups hold them with the keys. They change
under the key store's lock, which a backup holds from the snapshot of its dump until it has copied
the files: so what is replaced in a dump can be put back from the files beside it.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from application.erasure.ports import Owner
from application.ports import KeyStore
from infrastructure.key_store import durable
from infrastructure.privacy.keyring import DoesNotOpen

DIRECTORY = "pseudonyms"
_PURPOSE = "mappings"
_NONCE = 12
_ENDING = ".map"


class _File(Struct):
    owner: Owner
    texts: dict[int, str]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_File).decode


class FileMappings:
    """Implements `application.pseudonyms.ports.Mappings`. lock: the key store's. Any number of
    processes at once."""

    def __init__(self, data_dir: Path, key_store: KeyStore, lock: Path) -> None:
        self._directory = data_dir / DIRECTORY
        self._key_store = key_store
        self._lock = lock

    async def are_any(self, tenant_id: str) -> bool:
        return await asyncio.to_thread(durable.stamp, self._directory / tenant_id) is not None

    async def load(self, tenant_id: str, owner: Owner) -> Mapping[int, str]:
        return await asyncio.to_thread(self._load, tenant_id, owner)

    async def keep(self, tenant_id: str, owner: Owner, texts: Mapping[int, str]) -> None:
        # A flush takes milliseconds, in which the worker has other things to do.
        await asyncio.to_thread(self._keep, tenant_id, owner, texts)

    def count(self, tenant_id: str) -> int:
        """Of how many owners there is one."""
        return len(self._files(tenant_id))

    def destroy(self, tenant_id: str) -> None:
        """Remove all of a tenant's, beyond recovery."""
        with durable.locked(self._lock):
            for path in self._files(tenant_id):
                durable.remove(path)

    def _files(self, tenant_id: str) -> list[Path]:
        """With those that a killed writer has left half written."""
        return list((self._directory / tenant_id).glob(f"*{_ENDING}*"))

    def _load(self, tenant_id: str, owner: Owner) -> Mapping[int, str]:
        content = durable.read(self._path(tenant_id, owner))
        return {} if content is None else self._open(tenant_id, content).texts

    def _keep(self, tenant_id: str, owner: Owner, texts: Mapping[int, str]) -> None:
        path = self._path(tenant_id, owner)
        if not texts:
            if path.parent.is_dir():
                with durable.locked(self._lock):
                    durable.remove(path)
            return
        sealed = self._seal(tenant_id, _File(owner, dict(texts)))
        for folder in (self._directory, path.parent):
            if not folder.is_dir():
                folder.mkdir(mode=0o700, exist_ok=True)
                durable.flush_directory(folder.parent)
        with durable.locked(self._lock):
            durable.write(path, sealed, wipe=True)

    def _seal(self, tenant_id: str, file: _File) -> bytes:
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher(tenant_id).encrypt(nonce, _encode(file), tenant_id.encode())

    def _open(self, tenant_id: str, content: bytes) -> _File:
        nonce, sealed = content[:_NONCE], content[_NONCE:]
        try:
            return _decode(self._cipher(tenant_id).decrypt(nonce, sealed, tenant_id.encode()))
        except (InvalidTag, msgspec.MsgspecError, ValueError) as error:
            raise DoesNotOpen(
                "what pseudonyms stand for does not open: restore it with its keys from a backup"
            ) from error

    def _cipher(self, tenant_id: str) -> AESGCM:
        return AESGCM(self._key_store.tenant_key(tenant_id, _PURPOSE))

    def _path(self, tenant_id: str, owner: Owner) -> Path:
        name = hashlib.sha256("\0".join((tenant_id, *owner)).encode()).hexdigest()[:40]
        return self._directory / tenant_id / f"{name}{_ENDING}"
