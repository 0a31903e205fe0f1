"""What somebody could change in what is published of a ledger, or in what is claimed of it."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from domain.ledger.hashing import leaf_hash
from domain.ledger.notes import ED25519, VerifierKey
from tests.long.peers.samples import Published

Change = Callable[[Published], None]


@dataclass(frozen=True)
class Tampering:
    """name: what is changed. part: what a program must read to see it."""

    name: str
    part: str
    change: Change

    def of(self, published: Published, place: Path) -> Published:
        """A copy at `place`, with this changed."""
        copy = Published(place / "site", place / "claims.json")
        shutil.copytree(published.directory, copy.directory)
        shutil.copy(published.claims, copy.claims)
        self.change(copy)
        return copy


def _flip(data: bytes, at: int) -> bytes:
    """With one bit of one byte turned over."""
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)


def _flip_text(encoded: str, at: int) -> str:
    """The same of base64."""
    return base64.b64encode(_flip(base64.b64decode(encoded), at)).decode()


def _in_file(pattern: str, at: int) -> Change:
    def change(published: Published) -> None:
        (file,) = published.directory.glob(pattern)
        file.write_bytes(_flip(file.read_bytes(), at))

    return change


def _without(path: str) -> Change:
    return lambda published: (published.directory / path).unlink()


def _in_line(number: int, at: int) -> Change:
    """In the last word, which is base64, of a line of the checkpoint, counted from 0."""

    def change(published: Published) -> None:
        lines = published.checkpoint.read_text().split("\n")
        words = lines[number].split(" ")
        lines[number] = " ".join([*words[:-1], _flip_text(words[-1], at)])
        published.checkpoint.write_text("\n".join(lines))

    return change


def _in_claims(of: str, field: str) -> Change:
    """In the last claim that has such a field, and in the last hash of it where it is a list."""

    def change(published: Published) -> None:
        claims = published.read_claims()
        claim = [one for one in claims[of] if one[field]][-1]
        if field == "entry":
            claim[field] = _flip(bytes.fromhex(claim[field]), 0).hex()
        elif field == "index":
            claim[field] -= 1
        elif isinstance(claim[field], list):
            claim[field][-1] = _flip_text(claim[field][-1], 0)
        else:
            claim[field] = _flip_text(claim[field], 0)
        published.write_claims(claims)

    return change


def _cut_proof(published: Published) -> None:
    claims = published.read_claims()
    claims["inclusion"][-1]["hashes"].pop()
    published.write_claims(claims)


def _other_key(published: Published) -> None:
    claims = published.read_claims()
    name = claims["key"].split("+")[0]
    public = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    claims["key"] = str(VerifierKey.of(name, ED25519, public))
    published.write_claims(claims)


def _other_size(published: Published) -> None:
    text = published.checkpoint.read_text()
    origin, size, rest = text.split("\n", 2)
    published.checkpoint.write_text("\n".join([origin, str(int(size) - 1), rest]))


def _other_origin(published: Published) -> None:
    text = published.checkpoint.read_text()
    published.checkpoint.write_text(text.replace("\n", "0\n", 1))


def _other_entry(published: Published) -> None:
    """An entry, and the leaf in the tile to match."""
    bundle, tile = (published.directory / "tile" / path for path in ("entries/000", "0/000"))
    changed = _flip(bundle.read_bytes(), 2)
    bundle.write_bytes(changed)
    tile.write_bytes(leaf_hash(changed[2:34]) + tile.read_bytes()[32:])


def tamperings() -> Iterator[Tampering]:
    """All; for a ledger of 257 to 511 entries: two tiles, the second partial, and one above."""
    yield Tampering("the first byte of a tile", "tiles", _in_file("tile/0/000", 0))
    yield Tampering("the last byte of a tile", "tiles", _in_file("tile/0/000", 8191))
    yield Tampering("a byte of a partial tile", "tiles", _in_file("tile/0/001.p/*", 100))
    yield Tampering("a byte of an upper tile", "tiles", _in_file("tile/1/000.p/*", 5))
    yield Tampering("no tile", "tiles", _without("tile/0/000"))
    yield Tampering("a byte of an entry", "entries", _in_file("tile/entries/000", 2))
    yield Tampering("a byte of the last entry", "entries", _in_file("tile/entries/001.p/*", -1))
    yield Tampering("an entry with its leaf", "entries", _other_entry)
    yield Tampering("a byte of the root", "root", _in_line(2, 31))
    yield Tampering("the size", "root", _other_size)
    yield Tampering("the origin", "root", _other_origin)
    yield Tampering("a byte of the signature", "signature", _in_line(4, 20))
    yield Tampering("the key", "key", _other_key)
    yield Tampering("a byte of a claimed entry", "leaves", _in_claims("inclusion", "entry"))
    yield Tampering("the index of a claim", "inclusion", _in_claims("inclusion", "index"))
    yield Tampering("a byte of an inclusion proof", "inclusion", _in_claims("inclusion", "hashes"))
    yield Tampering("an inclusion proof cut short", "inclusion", _cut_proof)
    consistency = "consistency"
    yield Tampering("a byte of a consistency proof", consistency, _in_claims(consistency, "hashes"))
    yield Tampering("a byte of the older root", consistency, _in_claims(consistency, "root"))
