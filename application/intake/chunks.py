"""Lines in chunks of one transaction each, and the sealed form in which a chunk is spooled.

lines ──msgpack──▶ frame ──zlib──▶ ──AES-256-GCM, the job's key──▶ nonce || ciphertext || tag
"""

from __future__ import annotations

import asyncio
import os
import zlib
from collections.abc import AsyncIterator

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from application.intake.lines import LineSplitter, RawLine
from application.intake.scrubbing import Line, scrub
from application.ports import KeyStore
from domain.errors import OrderHistoryError

CHUNK_LINES = 250
"""As many as the door takes at once."""

CHUNK_BYTES = 512 * 1024

LINES = ("lines", "linesagain")
"""Purposes of the keys of a job's kept lines, of which one is in use: the first one, until some of
the lines are erased and the others are given the other."""

_NONCE = 12
_FAST = 1
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Line]).decode


class Chunk(Struct, frozen=True):
    """The lines of one transaction. `number` counts from 0."""

    number: int
    lines: list[Line]


class SpoolDamaged(OrderHistoryError):
    """What the job had spooled does not open with its key."""


class Chunker:
    """Collects lines, scrubbed, until they are a chunk."""

    def __init__(self) -> None:
        self._number = 0
        self._lines: list[Line] = []
        self._bytes = 0

    def add(self, raw: RawLine) -> Chunk | None:
        """The chunk that this line makes full."""
        line = scrub(raw)
        self._lines.append(line)
        self._bytes += len(line.text)
        if len(self._lines) == CHUNK_LINES or self._bytes >= CHUNK_BYTES:
            return self.finish()
        return None

    def finish(self) -> Chunk | None:
        """What is left, if anything."""
        if not self._lines:
            return None
        chunk = Chunk(self._number, self._lines)
        self._number, self._lines, self._bytes = self._number + 1, [], 0
        return chunk


async def chunks_of(blocks: AsyncIterator[bytes]) -> AsyncIterator[Chunk]:
    """All chunks of a body that comes in blocks of bounded size."""
    splitter, chunker = LineSplitter(), Chunker()
    async for block in blocks:
        for line in splitter.feed(block):
            if (chunk := chunker.add(line)) is not None:
                yield chunk
        await asyncio.sleep(0)  # a block without an event costs time, too
    for line in splitter.finish():
        if (chunk := chunker.add(line)) is not None:
            yield chunk
    if (chunk := chunker.finish()) is not None:
        yield chunk


class JobCipher:
    """Seals what a job keeps, under a key of its own in the key store."""

    def __init__(self, key_store: KeyStore) -> None:
        self._key_store = key_store

    def seal_chunk(self, tenant_id: str, job_id: str, chunk: Chunk) -> bytes:
        """Raises KeyUnavailable."""
        plain = zlib.compress(_encode(chunk.lines), _FAST)
        return self._seal(job_id, "spool", f"{tenant_id}/{job_id}/{chunk.number}", plain)

    def open_chunk(self, tenant_id: str, job_id: str, number: int, sealed: bytes) -> Chunk:
        """Raises KeyUnavailable; SpoolDamaged when key, place and bytes do not belong together."""
        plain = self._open(job_id, "spool", f"{tenant_id}/{job_id}/{number}", sealed)
        return Chunk(number, _decode(zlib.decompress(plain)))

    def seal_line(self, tenant_id: str, job_id: str, line: Line) -> bytes:
        """A kept line's bytes. Raises KeyUnavailable."""
        return self.sealed_line(tenant_id, job_id, line.number, line.text, LINES[0])

    def sealed_line(
        self, tenant_id: str, job_id: str, number: int, raw: bytes, purpose: str
    ) -> bytes:
        """The same under the key of one of the purposes LINES."""
        return self._seal(job_id, purpose, f"{tenant_id}/{job_id}/{number}", raw)

    def open_line(self, tenant_id: str, job_id: str, number: int, sealed: bytes) -> bytes:
        """As `open_chunk`."""
        return self.opened_line(tenant_id, job_id, number, sealed)[1]

    def opened_line(
        self, tenant_id: str, job_id: str, number: int, sealed: bytes
    ) -> tuple[str, bytes]:
        """The same, with the purpose of the key that opens it."""
        place = f"{tenant_id}/{job_id}/{number}"
        try:
            return LINES[0], self._open(job_id, LINES[0], place, sealed)
        except SpoolDamaged:
            return LINES[1], self._open(job_id, LINES[1], place, sealed)

    def destroy_spool_key(self, job_id: str) -> None:
        self._key_store.destroy_job_key(job_id, "spool")

    def destroy_lines_key(self, job_id: str, *purposes: str) -> None:
        """Of these purposes, or of both."""
        for purpose in purposes or LINES:
            self._key_store.destroy_job_key(job_id, purpose)

    def _seal(self, job_id: str, purpose: str, place: str, plain: bytes) -> bytes:
        nonce = os.urandom(_NONCE)
        cipher = AESGCM(self._key_store.job_key(job_id, purpose))
        return nonce + cipher.encrypt(nonce, plain, place.encode())

    def _open(self, job_id: str, purpose: str, place: str, sealed: bytes) -> bytes:
        cipher = AESGCM(self._key_store.job_key(job_id, purpose))
        try:
            return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], place.encode())
        except InvalidTag:
            raise SpoolDamaged from None
