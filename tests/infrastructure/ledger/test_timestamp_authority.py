"""Timestamps by a real authority, verified before they are taken and by openssl after it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from domain.errors import Unavailable
from infrastructure.ledger import timestamp_authority
from infrastructure.ledger.timestamp_authority import (
    MAX_ANSWER,
    AuthorityRefused,
    TimestampAuthority,
    read_roots,
)
from tests.infrastructure.ledger.authority import Authority, openssl, verified

pytestmark = pytest.mark.anyio
NOTE = b"origin\n1\nroot\n\n\xe2\x80\x94 origin AAAA\n"


async def test_a_timestamp(
    authority: Authority, client: TimestampAuthority, tmp_path: Path
) -> None:
    before = int(time.time())
    stamp = await client.stamp(NOTE)
    assert before * 10**6 <= stamp.stamped_us <= (int(time.time()) + 1) * 10**6
    assert verified(authority, tmp_path, NOTE, stamp.response) == "Verification: OK\n"


async def refused(client: TimestampAuthority) -> str:
    with pytest.raises(AuthorityRefused) as told:
        await client.stamp(NOTE)
    line = str(told.value)
    assert "\n" not in line
    return line


async def test_a_timestamp_of_something_else(
    authority: Authority, client: TimestampAuthority, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"another checkpoint")
    query = tmp_path / "query"
    openssl("ts", "-query", "-data", other, "-sha256", "-cert", "-no_nonce", "-out", query)
    authority.instead = lambda _: authority.reply(query.read_bytes())
    assert "does not hold" in await refused(client)


async def test_an_old_timestamp_played_again(
    authority: Authority, client: TimestampAuthority
) -> None:
    first = await client.stamp(NOTE)
    authority.instead = lambda _: first.response
    assert "Nonce" in await refused(client)


async def test_an_authority_below_another_root(
    authority: Authority, client: TimestampAuthority, tmp_path: Path
) -> None:
    other = Authority(tmp_path / "other")
    authority.instead = other.reply
    assert "certificate" in await refused(client)


async def test_a_refusal_of_the_authority(authority: Authority, client: TimestampAuthority) -> None:
    authority.instead = lambda _: authority.reply(b"not a query")
    assert "does not hold" in await refused(client)


@pytest.mark.parametrize("answer", [b"", b"<html>", b"\x30\x03\x02\x01\x00", b"\x30\x80"])
async def test_what_is_no_timestamp(
    authority: Authority, client: TimestampAuthority, answer: bytes
) -> None:
    authority.instead = lambda _: answer
    await refused(client)


@pytest.mark.parametrize("place", range(4, 100, 16))
async def test_a_changed_byte_of_what_is_signed(
    authority: Authority, client: TimestampAuthority, place: int
) -> None:
    begins = bytes.fromhex("060b2a864886f70d0109100104")  # id-ct-TSTInfo; what follows is signed

    def change(query: bytes) -> bytes:
        reply = bytearray(authority.reply(query))
        reply[reply.index(begins) + len(begins) + place] ^= 1
        return bytes(reply)

    authority.instead = change
    await refused(client)


async def unavailable(client: TimestampAuthority) -> str:
    with pytest.raises(Unavailable) as told:
        await client.stamp(NOTE)
    return str(told.value)


async def test_an_authority_that_is_away(
    authority: Authority, client: TimestampAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.status = 503
    assert "status 503" in await unavailable(client)
    authority.status, authority.instead = 200, lambda _: b"x" * (MAX_ANSWER + 1)
    assert "over 65536 bytes" in await unavailable(client)
    monkeypatch.setattr(timestamp_authority, "TIMEOUT_SECONDS", 0.0)
    assert "within 0 s" in await unavailable(client)
    nowhere = TimestampAuthority("http://127.0.0.1:9/", read_roots(authority.roots))
    monkeypatch.undo()
    assert "cannot be reached" in await unavailable(nowhere)
    await nowhere.aclose()


@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN CERTIFICATE-----\n"])
def test_roots_that_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "roots.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AuthorityRefused, match=r"roots\.pem"):
        read_roots(path)
