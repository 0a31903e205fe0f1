"""Who leaves, or has left, written down apart from the database: `erased/<tenant>.left` in the data
directory, beside what was erased, which no backup holds and no restore removes."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from application.tenancy.ports import Leaving
from domain.errors import Conflict, KeyUnavailable
from infrastructure.erasure.journal import DIRECTORY, LEFT
from infrastructure.key_store import durable

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Leaving).decode


class FileLeavings:
    """Implements `application.tenancy.ports.Leavings` in a data directory. Any number of processes
    at once; nothing is remembered."""

    def __init__(self, data_dir: Path) -> None:
        self._directory = data_dir / DIRECTORY

    def tenants(self) -> frozenset[str]:
        if not self._directory.is_dir():
            return frozenset()
        found = self._directory.glob(f"*{LEFT}")
        return frozenset(one.name.removesuffix(LEFT) for one in found)

    def certified(self) -> frozenset[str]:
        leavings = (self.of(one) for one in self.tenants())
        return frozenset(one.tenant_id for one in leavings if one and one.certificate is not None)

    def of(self, tenant_id: str) -> Leaving | None:
        content = durable.read(self._path(tenant_id))
        if content is None:
            return None
        try:
            return _decode(content)
        except msgspec.MsgspecError:
            raise KeyUnavailable(
                f"what is known of the leaving of {tenant_id} is damaged"
            ) from None

    def keep(self, leaving: Leaving) -> None:
        self._directory.mkdir(mode=0o700, exist_ok=True)
        with durable.locked(self._directory / ".lock"):
            durable.write(self._path(leaving.tenant_id), _encode(leaving))

    @contextmanager
    def alone(self, tenant_id: str) -> Iterator[None]:
        """Of two that off-board a tenant at once, each would certify what the other one has left.
        Raises Conflict while another process does it; a killed one's lock falls at once."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._directory / f"{tenant_id}.leaving"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Conflict(f"tenant {tenant_id} is being off-boarded by another run") from None
            yield
        finally:
            os.close(descriptor)

    def _path(self, tenant_id: str) -> Path:
        return self._directory / f"{tenant_id}{LEFT}"
