"""All that is kept of a tenant, as a directory that a stranger can read and check.

ledger/          as `ledger export --events` writes it; the closing event is its last
*.ndjson         what is kept beside it, a file for each source, one thing a line
manifest.json    what each file holds, its lines, bytes and SHA-256; written last
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Struct

from application.ledger.exporting import Bundle, ExportLedger
from application.ledger.ports import SignedHead
from application.ledger.verifying.bundles import CHECKPOINT, EVENTS
from application.ports import Clock
from application.tenancy.ports import ExportPlace, Leaving, Progress, Source
from domain.errors import Conflict, Unavailable
from domain.ledger.checkpoints import Checkpoint
from domain.ledger.notes import SignedNote
from domain.tenancy.closing import Closed
from domain.times import format_us

FORMAT = 1
MANIFEST = "manifest.json"
_LEDGER = "ledger"
_PAGE_BYTES = 1 << 20
_HOLDS = {
    CHECKPOINT: "the newest checkpoint of the log, signed; it covers all of it, and"
    " `order-history verify bundle ledger --key VKEY` checks the directory",
    EVENTS: "the hashed bytes of an event: canonical JSON, personal values as digests",
}


class ExportedFile(Struct, frozen=True):
    """holds: what it is, or what a line of it is. bytes: its size."""

    path: str
    holds: str
    lines: int
    bytes: int
    sha256: str


class Manifest(Struct, frozen=True):
    """What an export says of itself. closed: sequence, at, by; checkpoint: origin, size, root. The
    tiles of the ledger are not listed: the checkpoint covers them."""

    format: int
    tenant_id: str
    closed: dict[str, Any]
    checkpoint: dict[str, Any]
    exported_at: str
    files: Sequence[ExportedFile]


class ExportTenant:
    """Writes exports. sources: what is kept beside the ledger, by file."""

    def __init__(self, ledger: ExportLedger, sources: Sequence[Source], clock: Clock) -> None:
        self._ledger = ledger
        self._sources = sources
        self._clock = clock

    async def __call__(
        self, tenant_id: str, closed: Closed, place: ExportPlace, progress: Progress
    ) -> Leaving:
        """An export of all of a closed tenant, or the one that is there already. Raises Conflict
        for another one, ExportRefused, Unavailable, KeyUnavailable."""
        there = place.manifest()
        if there is None:
            with place.new() as bundle:
                there = await self._write(tenant_id, closed, bundle, progress)
        return _leaving(tenant_id, closed, place, there)

    async def _write(
        self, tenant_id: str, closed: Closed, bundle: Bundle, progress: Progress
    ) -> bytes:
        ledger = _Noting(bundle, f"{_LEDGER}/")
        signed = await self._ledger(tenant_id, ledger, progress, events=True)
        if signed.size != closed.sequence:
            raise Unavailable(
                f"the newest checkpoint covers {signed.size} events, and {closed.sequence} are"
                " recorded: is a worker running?"
            )
        files = [ledger.file(name, holds) for name, holds in _HOLDS.items()]
        files += [await _written(source, tenant_id, bundle) for source in self._sources]
        manifest = msgspec.json.format(
            msgspec.json.encode(
                Manifest(
                    FORMAT, tenant_id, _said(closed), _checkpoint(signed),
                    format_us(self._clock()), files,
                )
            )
        )  # fmt: skip
        bundle.add(MANIFEST, manifest)
        return manifest


class _Noting:
    """A bundle below a directory of another one, that notes what its files come to."""

    def __init__(self, bundle: Bundle, below: str) -> None:
        self._bundle = bundle
        self._below = below
        self._noted: dict[str, _Sum] = {}

    def add(self, path: str, content: bytes) -> None:
        if path in _HOLDS:
            self._noted.setdefault(path, _Sum()).take(content)
        self._bundle.add(self._below + path, content)

    def append(self, path: str, content: bytes) -> None:
        self._noted.setdefault(path, _Sum()).take(content)
        self._bundle.append(self._below + path, content)

    def file(self, path: str, holds: str) -> ExportedFile:
        return self._noted[path].file(self._below + path, holds)


class _Sum:
    """Of what goes into a file."""

    def __init__(self) -> None:
        self._lines = self._bytes = 0
        self._hash = sha256()

    def take(self, content: bytes) -> None:
        self._lines += content.count(b"\n")
        self._bytes += len(content)
        self._hash.update(content)

    def file(self, path: str, holds: str) -> ExportedFile:
        return ExportedFile(path, holds, self._lines, self._bytes, self._hash.hexdigest())


async def _written(source: Source, tenant_id: str, bundle: Bundle) -> ExportedFile:
    """A page at a time, so that memory stays bounded."""
    noted, page = _Sum(), bytearray()
    async for line in source.lines(tenant_id):
        page += line + b"\n"
        if len(page) >= _PAGE_BYTES:
            noted.take(bytes(page))
            bundle.append(source.name, bytes(page))
            page.clear()
    noted.take(bytes(page))
    bundle.append(source.name, bytes(page))
    return noted.file(source.name, source.holds)


def _leaving(tenant_id: str, closed: Closed, place: ExportPlace, raw: bytes) -> Leaving:
    try:
        manifest = msgspec.json.decode(raw, type=Manifest)
    except msgspec.MsgspecError:
        raise Conflict(f"{MANIFEST} in the export's directory is none of an export") from None
    if (manifest.tenant_id, manifest.closed) != (tenant_id, _said(closed)):
        raise Conflict(f"the directory holds another export: of tenant {manifest.tenant_id}")
    for one in manifest.files:
        if place.digest(one.path) != one.sha256:
            raise Conflict(f"the export is damaged: {one.path} is not what was written")
    said = manifest.checkpoint
    digest = sha256(raw).hexdigest()
    return Leaving(tenant_id, closed, said["origin"], said["size"], said["root"], digest)


def _said(closed: Closed) -> dict[str, Any]:
    return {"sequence": closed.sequence, "at": format_us(closed.closed_us), "by": closed.by}


def _checkpoint(signed: SignedHead) -> dict[str, Any]:
    head = Checkpoint.parse(SignedNote.parse(signed.note).text)
    root = base64.b64encode(head.root).decode()
    return {"origin": head.origin, "size": head.size, "root": root}
