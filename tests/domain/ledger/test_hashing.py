from __future__ import annotations

from hashlib import sha256

from domain.ledger.hashing import EMPTY_ROOT, GENESIS, chain, entry, leaf_hash, node_hash

ONE, TWO = b"\x01" * 32, b"\x02" * 32


def test_prefixes_keep_the_kinds_of_hash_apart() -> None:
    assert entry(b"x") == sha256(b"x").digest()
    assert leaf_hash(GENESIS) == sha256(b"\x00" + bytes(32)).digest()
    assert node_hash(ONE, TWO) == sha256(b"\x01" + ONE + TWO).digest()
    assert chain(ONE, TWO) == sha256(b"\x02" + ONE + TWO).digest()


def test_the_root_of_nothing() -> None:
    known = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert EMPTY_ROOT.hex() == known
