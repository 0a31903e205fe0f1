"""A key store in files: the embedded default, beside the database and never inside it.

Layout: `tenants/<tenant>.keys` holds a tenant's bucket keys, `secrets/<tenant>.<purpose>.key` its
key for one purpose, `jobs/<hash>.<purpose>.key` one job's key; `tenants/<tenant>.destroyed` says
that this tenant gets no keys any more. Directories are 0700, files 0600; `durable.py` says how they
are written. One lock for the whole store orders its writers; readers take none.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from itertools import chain
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
from msgspec import Struct

from application.ports import KeyMissing, KeysDestroyed
from domain.errors import KeyUnavailable
from infrastructure.key_store import durable

BUCKETS = 1024
KEY_BYTES = 32
LOCK = ".lock"
"""Of the whole store, and of what must not change while it is copied (`backup.py`)."""

_TENANT_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}", re.ASCII)
_PURPOSE = re.compile(r"[a-z]{1,20}", re.ASCII)


class _Key(Struct, frozen=True):
    id: UUID
    key: bytes


class _Tenant(Struct):
    """A tenant's file. `retired`: replaced, and kept until nothing is wrapped under them."""

    tenant_id: str
    buckets: list[_Key]
    retired: dict[int, list[_Key]] = {}


class FileKeyStore:
    """application.ports.KeyStore over a directory; safe from threads and processes at once.

    Other processes may rotate and destroy: each call looks whether the file is still the one that
    was read, so that no key outlives its destruction in here.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._tenants = directory / "tenants"
        self._secrets = directory / "secrets"
        self._jobs = directory / "jobs"
        for folder in (directory, self._tenants, self._secrets, self._jobs):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
            durable.flush_directory(folder.parent)
        self._cache: dict[str, tuple[durable.Stamp, _Tenant]] = {}

    def bucket(self, tenant_id: str, bucket: int) -> tuple[UUID, bytes]:
        """The tenant's current key of a bucket (0..1023): its id and 32 bytes."""
        tenant = self._cached(tenant_id) or self._make(tenant_id)
        current = tenant.buckets[_checked(bucket)]
        return current.id, current.key

    def bucket_key(self, tenant_id: str, bucket: int, key_id: UUID) -> bytes:
        """A given key of a bucket, current or retired. Raises KeyMissing, KeyUnavailable."""
        tenant = self._cached(tenant_id)
        if tenant is not None:
            current = tenant.buckets[_checked(bucket)]
            for one in (current, *tenant.retired.get(bucket, [])):
                if one.id == key_id:
                    return one.key
        if not self._tenants.is_dir():  # a medium that is not there, as after an unmount
            raise KeyUnavailable("the key store is not there")
        self._refuse_destroyed(tenant_id)
        raise KeyMissing(f"the key store has no key {key_id} for bucket {bucket}")

    def rotate_bucket(self, tenant_id: str, bucket: int) -> tuple[UUID, bytes]:
        """Give the bucket a new current key; the old one stays until it is destroyed."""
        with self._alone():
            tenant = self._load(tenant_id) or self._new(tenant_id)
            retired = tenant.retired.setdefault(_checked(bucket), [])
            retired.append(tenant.buckets[bucket])
            fresh = tenant.buckets[bucket] = _new_key()
            durable.write(self._path(tenant_id), msgspec.json.encode(tenant))
        return fresh.id, fresh.key

    def rotate_buckets(self, tenant_id: str, buckets: Collection[int]) -> None:
        """Give each of these buckets a new current key, in one write; the old ones stay until they
        are destroyed. The tenant must be known."""
        with self._alone():
            tenant = self._load(tenant_id) or self._new(tenant_id)
            for bucket in buckets:
                retired = tenant.retired.setdefault(_checked(bucket), [])
                retired.append(tenant.buckets[bucket])
                tenant.buckets[bucket] = _new_key()
            durable.write(self._path(tenant_id), msgspec.json.encode(tenant))

    def destroy_retired(self, tenant_id: str, buckets: Collection[int]) -> None:
        """Remove the keys that others have replaced in these buckets, in one write that leaves
        nothing of them. Nothing may be wrapped under them any more."""
        with self._alone():
            tenant = self._load(tenant_id)
            if tenant is None:
                return
            for bucket in buckets:
                tenant.retired.pop(_checked(bucket), None)
            durable.write(self._path(tenant_id), msgspec.json.encode(tenant), wipe=True)

    def destroy_bucket_key(self, tenant_id: str, bucket: int, key_id: UUID) -> None:
        """Remove a key that `rotate_bucket` replaced; one that is gone already is no error.

        Raises ValueError for the bucket's current key: rotate first.
        """
        with self._alone():
            tenant = self._load(tenant_id)
            if tenant is None:
                return
            if tenant.buckets[_checked(bucket)].id == key_id:
                raise ValueError("the current key of a bucket cannot be destroyed; rotate it first")
            kept = [one for one in tenant.retired.pop(bucket, ()) if one.id != key_id]
            if kept:
                tenant.retired[bucket] = kept
            durable.write(self._path(tenant_id), msgspec.json.encode(tenant), wipe=True)

    def job_key(self, job_id: str, purpose: str) -> bytes:
        """The 32 bytes of a job's key for a purpose, made on first use."""
        return self._key_at(self._job_path(job_id, purpose))

    def has_job_key(self, job_id: str, purpose: str) -> bool:
        """Whether it was made, and not destroyed."""
        found = _read_key(self._job_path(job_id, purpose)) is not None
        if not found and not self._jobs.is_dir():
            raise KeyUnavailable("the key store is not there")
        return found

    def destroy_job_key(self, job_id: str, purpose: str) -> None:
        """Remove a job's key; one that is gone already is no error."""
        with self._alone():
            durable.remove(self._job_path(job_id, purpose))

    def tenant_key(self, tenant_id: str, purpose: str) -> bytes:
        """The 32 bytes of a tenant's key for a purpose, made on first use. Raises KeysDestroyed."""
        path = self._secret_path(tenant_id, purpose)
        return self._key_at(path, lambda: self._refuse_destroyed(tenant_id))

    def destroy_tenant_key(self, tenant_id: str, purpose: str) -> None:
        """Remove a tenant's key for a purpose; one that is gone already is no error."""
        with self._alone():
            durable.remove(self._secret_path(tenant_id, purpose))

    def destroy_job_keys(self, job_ids: Collection[str]) -> None:
        """Remove all keys of these jobs, of whatever purpose."""
        with self._alone():
            for path in self._job_keys(job_ids):
                durable.remove(path)

    def job_keys(self, job_ids: Collection[str]) -> int:
        """How many keys of these jobs there are, of whatever purpose."""
        return len(self._job_keys(job_ids))

    def destroy_tenant(self, tenant_id: str) -> None:
        """Remove all keys of a tenant, beyond recovery. It gets none any more."""
        with self._alone():
            durable.write(self._destroyed(tenant_id), b"")
            for path in (self._path(tenant_id), *self._secrets_of(tenant_id)):
                durable.remove(path)

    def tenant_keys(self, tenant_id: str) -> int:
        """How many keys a tenant has, current and retired; none are made."""
        tenant, secrets_ = self._load(tenant_id), len(self._secrets_of(tenant_id))
        if tenant is None:
            return secrets_
        return secrets_ + len(tenant.buckets) + sum(map(len, tenant.retired.values()))

    def _key_at(self, path: Path, check: Callable[[], None] = lambda: None) -> bytes:
        """`check`: raises what is against making one."""
        found = _read_key(path)
        if found is not None:
            return found
        with self._alone():
            found = _read_key(path)
            if found is None:
                check()
                found = secrets.token_bytes(KEY_BYTES)
                durable.write(path, found)
            return found

    def _make(self, tenant_id: str) -> _Tenant:
        with self._alone():
            tenant = self._load(tenant_id)
            if tenant is None:
                tenant = self._new(tenant_id)
                durable.write(self._path(tenant_id), msgspec.json.encode(tenant))
            return tenant

    def _cached(self, tenant_id: str) -> _Tenant | None:
        stamp = durable.stamp(self._path(tenant_id))
        if stamp is None:
            self._cache.pop(tenant_id, None)
            return None
        cached = self._cache.get(tenant_id)
        if cached is not None and cached[0] == stamp:
            return cached[1]
        tenant = self._load(tenant_id)
        if tenant is not None:
            # A change after the stamp was taken shows as another stamp at the next call.
            self._cache[tenant_id] = (stamp, tenant)
        return tenant

    def _load(self, tenant_id: str) -> _Tenant | None:
        content = durable.read(self._path(tenant_id))
        if content is None:
            return None
        try:
            tenant = msgspec.json.decode(content, type=_Tenant)
        except msgspec.DecodeError:
            raise _damaged() from None
        keys = chain(tenant.buckets, *tenant.retired.values())
        whole = len(tenant.buckets) == BUCKETS and all(len(one.key) == KEY_BYTES for one in keys)
        if not whole or tenant.tenant_id != tenant_id:
            raise _damaged()
        return tenant

    def _new(self, tenant_id: str) -> _Tenant:
        self._refuse_destroyed(tenant_id)
        return _Tenant(tenant_id, [_new_key() for _ in range(BUCKETS)])

    def _refuse_destroyed(self, tenant_id: str) -> None:
        if durable.stamp(self._destroyed(tenant_id)) is not None:
            raise KeysDestroyed

    def _destroyed(self, tenant_id: str) -> Path:
        return self._path(tenant_id).with_name(f"{tenant_id}.destroyed")

    def _path(self, tenant_id: str) -> Path:
        return self._tenants / f"{_tenant(tenant_id)}.keys"

    def _secret_path(self, tenant_id: str, purpose: str) -> Path:
        return self._secrets / f"{_tenant(tenant_id)}.{_purpose(purpose)}.key"

    def _secrets_of(self, tenant_id: str) -> list[Path]:
        """A tenant's id may have full stops in it, a purpose has none."""
        found = self._secrets.glob("*.key")
        return [one for one in found if one.name.rsplit(".", 2)[0] == tenant_id]

    def _job_keys(self, job_ids: Collection[str]) -> list[Path]:
        wanted = set(map(_job_name, job_ids))
        return [one for one in self._jobs.glob("*.key") if one.name.partition(".")[0] in wanted]

    def _job_path(self, job_id: str, purpose: str) -> Path:
        return self._jobs / f"{_job_name(job_id)}.{_purpose(purpose)}.key"

    def _alone(self) -> AbstractContextManager[None]:
        return durable.locked(self._directory / LOCK)


def _job_name(job_id: str) -> str:
    return hashlib.sha256(job_id.encode()).hexdigest()[:40]


def _checked(bucket: int) -> int:
    if not 0 <= bucket < BUCKETS:
        raise ValueError(f"a bucket is 0 to {BUCKETS - 1}, not {bucket}")
    return bucket


def _tenant(tenant_id: str) -> str:
    if _TENANT_ID.fullmatch(tenant_id) is None:
        raise ValueError("not a tenant id")
    return tenant_id


def _purpose(purpose: str) -> str:
    if _PURPOSE.fullmatch(purpose) is None:
        raise ValueError("not a purpose of a key")
    return purpose


def _new_key() -> _Key:
    return _Key(uuid4(), secrets.token_bytes(KEY_BYTES))


def _read_key(path: Path) -> bytes | None:
    found = durable.read(path)
    if found is not None and len(found) != KEY_BYTES:
        raise _damaged()
    return found


def _damaged() -> KeyUnavailable:
    return KeyUnavailable("a key file is damaged: restore the key store from its backup")
