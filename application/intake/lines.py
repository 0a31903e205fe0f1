"""A body, as it comes, cut into lines; in constant memory, whatever comes."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Iterator

from msgspec import Struct

from domain.errors import TooLarge, Unreadable
from domain.orders.incoming import MAX_EVENT_BYTES

STEP = 256 * 1024
"""Bytes that are unpacked at once."""

SUSPECT_FROM = 32 * 1024 * 1024
SUSPECT_RATIO = 200
"""Order events, however alike, shrink to a fiftieth at best (each has ids of its own); deflate can
go to a thousandth. A body that unpacks to more than this many bytes, at more than this ratio, is
not one of events."""

_SUSPECT = f"The body unpacks to more than {SUSPECT_RATIO} times its size; send it less packed."
_GZIP = 31  # zlib's word for: a gzip header, nothing else
_BLANK = b" \t\r"
_MID_NUMBER = b"0123456789 .-\x00\\udDeE"
"""What a card number may be spelt with, escapes included."""


class RawLine(Struct, frozen=True, array_like=True):
    """A line that is not blank. `number` counts all lines from 1; `length` is the true one, in
    bytes, of which `text` holds at most MAX_EVENT_BYTES."""

    number: int
    text: bytes
    length: int

    @property
    def is_whole(self) -> bool:
        return self.length == len(self.text)


class LineSplitter:
    """Feed it blocks; lines come out once their ends are known. Ends are LF or CR LF."""

    def __init__(self) -> None:
        self._number = 0
        self._kept = bytearray()
        self._length = 0

    def feed(self, block: bytes) -> Iterator[RawLine]:
        """The lines that end in this block."""
        *ended, rest = block.split(b"\n")
        for part in ended:
            if self._length:
                self._extend(part)
                line = self._take(bytes(self._kept))
            else:
                self._length = len(part)
                line = self._take(part)
            if line is not None:
                yield line
        self._extend(rest)

    def finish(self) -> Iterator[RawLine]:
        """The last line, if it had no end."""
        line = self._take(bytes(self._kept))
        if line is not None:
            yield line

    def _extend(self, part: bytes) -> None:
        self._length += len(part)
        # One byte more than an event may have, for the CR of a line's end.
        self._kept += part[: MAX_EVENT_BYTES + 1 - len(self._kept)]

    def _take(self, text: bytes) -> RawLine | None:
        length = self._length
        self._number += 1
        self._length = 0
        self._kept.clear()
        if length == len(text) and text.endswith(b"\r"):
            text, length = text[:-1], length - 1
        if length > MAX_EVENT_BYTES:
            # No part of a card number that stood across the cut may stay.
            return RawLine(self._number, text[:MAX_EVENT_BYTES].rstrip(_MID_NUMBER), length)
        return RawLine(self._number, text, length) if text.strip(_BLANK) else None


async def plain_blocks(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The stream in blocks of at most STEP bytes."""
    async for received in stream:
        for start in range(0, len(received), STEP):
            yield received[start : start + STEP]


async def gunzipped(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The stream's gzip members (RFC 1952), unpacked in blocks of at most STEP bytes.

    Raises Unreadable for what is not gzip, is damaged, ends early or has something after its end;
    TooLarge for what shrank more than events can.
    """
    inflate = zlib.decompressobj(_GZIP)
    packed = unpacked = 0
    async for received in stream:
        packed += len(received)
        rest = received
        while rest:
            if inflate.eof:
                rest = rest.lstrip(b"\0")  # padding, as tapes and gzip itself have it
                inflate = zlib.decompressobj(_GZIP) if rest else inflate
                continue
            block = _inflate(inflate, rest)
            rest = inflate.unused_data or inflate.unconsumed_tail
            unpacked += len(block)
            if unpacked > SUSPECT_FROM and unpacked > SUSPECT_RATIO * packed:
                raise TooLarge(_SUSPECT)
            if block:
                yield block
    if not inflate.eof:
        raise Unreadable("The body ends before its gzip data does.")


def _inflate(inflate: zlib._Decompress, packed: bytes) -> bytes:
    try:
        return inflate.decompress(packed, STEP)
    except zlib.error:
        raise Unreadable("The body is not gzip data, or is damaged.") from None
