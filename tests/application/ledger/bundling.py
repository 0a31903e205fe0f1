"""Bundles of made-up events, for tests: laid out by the formats alone, without our tiles' code."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from domain.ledger.checkpoints import Checkpoint
from tests.domain.ledger.signing import LOG, Signer, signed

SIZE = 600  # two full tiles and one of 88; above them a tile of 2


def events(count: int, length: int = 0) -> list[bytes]:
    """JSON objects, each of about `length` bytes."""
    return [
        json.dumps(
            {"event_id": f"evt_{n}", "pad": "é" * (length // 2)}, ensure_ascii=False
        ).encode()
        for n in range(1, count + 1)
    ]


STATES = events(SIZE)


def leaves_of(states: Sequence[bytes]) -> list[bytes]:
    return [sha256(b"\0" + sha256(one).digest()).digest() for one in states]


def root_of(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962, 2.1, as it stands there."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return sha256(b"\1" + root_of(leaves[:split]) + root_of(leaves[split:])).digest()


def write_bundle(
    directory: Path,
    states: Sequence[bytes],
    *signers: Signer,
    origin: str = LOG.name,
    with_events: bool = True,
) -> Checkpoint:
    """A bundle of these events; signed by LOG and LOG_PQ unless others are named."""
    directory.mkdir(parents=True)
    if with_events:
        (directory / "events.ndjson").write_bytes(b"".join(one + b"\n" for one in states))
    for at in range(0, len(states), 256):
        digests = [sha256(one).digest() for one in states[at : at + 256]]
        _write(directory, "entries", at // 256, [b"\0\x20" + one for one in digests])
    hashes, level = leaves_of(states), 0
    while hashes:
        tiles = [hashes[at : at + 256] for at in range(0, len(hashes), 256)]
        for index, tile in enumerate(tiles):
            _write(directory, str(level), index, tile)
        hashes, level = [root_of(tile) for tile in tiles if len(tile) == 256], level + 1
    checkpoint = Checkpoint(origin, len(states), root_of(leaves_of(states)))
    (directory / "checkpoint").write_text(signed(checkpoint.text(), *signers))
    return checkpoint


def _write(directory: Path, level: str, index: int, parts: Sequence[bytes]) -> None:
    number = f"{index:03}" if index < 1000 else f"x{index // 1000:03}/{index % 1000:03}"
    partial = "" if len(parts) == 256 else f".p/{len(parts)}"
    path = directory / "tile" / level / f"{number}{partial}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(parts))
