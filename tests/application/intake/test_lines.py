from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import AsyncIterator

import pytest

from application.intake.lines import STEP, LineSplitter, RawLine, gunzipped, plain_blocks
from domain.errors import TooLarge, Unreadable
from domain.orders.incoming import MAX_EVENT_BYTES
from tests.application.intake.kit import blocks

pytestmark = pytest.mark.anyio


def split(body: bytes, step: int = 7) -> list[RawLine]:
    splitter = LineSplitter()
    found: list[RawLine] = []
    for start in range(0, len(body), step):
        found.extend(splitter.feed(body[start : start + step]))
    return [*found, *splitter.finish()]


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", []),
        (b"\n\n", []),
        (b"a", [(1, b"a")]),
        (b"a\n", [(1, b"a")]),
        (b"a\r\nb\r\n", [(1, b"a"), (2, b"b")]),
        (b"\n \t\r\na\n\r\n\nb", [(2 + 1, b"a"), (6, b"b")]),
        (b"a\rb\n", [(1, b"a\rb")]),
        (b"a\r\r\n", [(1, b"a\r")]),
        (b" a \n", [(1, b" a ")]),
        (b"\x00\n", [(1, b"\x00")]),
    ],
)
async def test_lines(body: bytes, expected: list[tuple[int, bytes]], step: int) -> None:
    assert [(line.number, line.text) for line in split(body, step)] == expected


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
async def test_a_line_of_just_the_limit_is_whole(end: bytes) -> None:
    (line,) = split(b"x" * MAX_EVENT_BYTES + end, 1000)
    assert line.is_whole
    (line,) = split(b"x" * (MAX_EVENT_BYTES + 1) + end, 1000)
    assert not line.is_whole
    assert line.length == MAX_EVENT_BYTES + 1 + end.count(
        b"\r"
    )  # what is not kept is not looked at


async def test_a_huge_line_is_counted_and_not_kept() -> None:
    splitter = LineSplitter()
    for _ in range(100):
        assert list(splitter.feed(b"x" * 100_000)) == []
    assert len(splitter._kept) <= MAX_EVENT_BYTES + 1
    huge, small = splitter.feed(b"\nb\n")
    assert (huge.length, len(huge.text), small.text) == (10_000_000, MAX_EVENT_BYTES, b"b")


@pytest.mark.parametrize("digits", range(1, 17))
async def test_the_cut_leaves_no_part_of_a_card_number(digits: int) -> None:
    number = b"4111 1111-11111111"[:digits]
    text = b"x" * (MAX_EVENT_BYTES - digits) + number + b"1111111111111111" + b"y" * 100
    (line,) = split(text, 1000)
    assert line.text == b"x" * (MAX_EVENT_BYTES - digits)


async def unpacked(body: bytes, size: int = 100) -> bytes:
    parts = [part async for part in gunzipped(blocks(body, size))]
    assert max(map(len, parts), default=0) <= STEP
    return b"".join(parts)


@pytest.mark.parametrize("size", [1, 100, 10**6])
async def test_gzip_in_any_pieces(size: int) -> None:
    plain = os.urandom(3000) + bytes(3000)
    assert await unpacked(gzip.compress(plain), size) == plain


async def test_gzip_of_several_members_and_padding() -> None:
    body = gzip.compress(b"a\n") + gzip.compress(b"") + gzip.compress(b"b\n") + bytes(512)
    assert await unpacked(body, 13) == b"a\nb\n"


@pytest.mark.parametrize("size", [1, 10**6])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        gzip.compress(b"abc" * 100, mtime=0)[:-1],
        gzip.compress(b"abc" * 100, mtime=0)[:-8],
        gzip.compress(b"abc" * 100, mtime=0)[:5],
        gzip.compress(b"abc", mtime=0) + b"garbage",
        gzip.compress(b"abc", mtime=0) + b"\x1f",
        gzip.compress(b"abc", mtime=0)[:-8] + bytes(8),
        zlib.compress(b"abc"),
    ],
)
async def test_what_is_not_whole_gzip_is_unreadable(body: bytes, size: int) -> None:
    with pytest.raises(Unreadable):
        await unpacked(body, size)


async def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = gzip.compress(bytes(200_000_000), 9)
    seen = 0

    async def counted() -> AsyncIterator[bytes]:
        nonlocal seen
        async for block in gunzipped(blocks(bomb)):
            seen += len(block)
            yield block

    with pytest.raises(TooLarge):
        async for _ in counted():
            pass
    assert seen < 40_000_000


async def test_events_that_are_much_alike_are_no_bomb() -> None:
    lines = b"".join(
        b'{"event_id":"%032x","payload":{"note":"%s"}}\n' % (n * 7919**5, b"so" * 400)
        for n in range(60_000)
    )
    assert len(await unpacked(gzip.compress(lines), 65536)) == len(lines)


async def test_plain_blocks_are_bounded() -> None:
    parts = [part async for part in plain_blocks(blocks(bytes(3 * STEP + 5), 10**7))]
    assert [len(part) for part in parts] == [STEP, STEP, STEP, 5]
