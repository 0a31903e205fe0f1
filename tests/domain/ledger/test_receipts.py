from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ledger.faults import Malformed
from domain.ledger.receipts import TlogProof

HASH = base64.b64encode(bytes(range(32))).decode()
# Laid out as the example of C2SP tlog-proof.md.
TEXT = (
    f"c2sp.org/tlog-proof@v1\nextra AAE=\nindex 73894\n{HASH}\n{HASH}\n\norigin\n1\nx\n\nsigned\n"
)


def test_what_a_proof_says() -> None:
    proof = TlogProof.parse(TEXT)
    assert proof == TlogProof(73894, (bytes(range(32)),) * 2, "origin\n1\nx\n\nsigned\n", b"\0\1")
    assert proof.format() == TEXT


def test_a_tree_of_one_leaf_needs_no_hash() -> None:
    text = "c2sp.org/tlog-proof@v1\nindex 0\n\norigin\n"
    assert TlogProof.parse(text.encode()) == TlogProof(0, (), "origin\n")
    assert TlogProof(0, (), "origin\n").format() == text


BAD = {
    "nothing": ("", "empty line"),
    "another version": (TEXT.replace("@v1", "@v2"), "line 1 "),
    "no checkpoint": (TEXT.partition("\n\n")[0], "empty line"),
    "no index": ("c2sp.org/tlog-proof@v1\n\norigin\n", "line 2 "),
    "only extra": ("c2sp.org/tlog-proof@v1\nextra AAE=\n\norigin\n", "line 3 "),
    "two extras": (TEXT.replace("index", "extra AAE=\nindex"), "line 3 "),
    "an empty extra": (TEXT.replace("extra AAE=", "extra "), "line 2 "),
    "extra in another spelling": (TEXT.replace("AAE=", "AAF="), "line 2 "),
    "a padded index": (TEXT.replace("73894", "073894"), "line 3 "),
    "a negative index": (TEXT.replace("73894", "-1"), "line 3 "),
    "a short hash": (TEXT.replace(HASH, "AAE=", 1), "line 4 "),
    "a hash in hex": (TEXT.replace(HASH, "00" * 32, 1), "line 4 "),
    "too many hashes": (TEXT.replace(HASH, "\n".join([HASH] * 64), 1), "over 64"),
    "carriage returns": (TEXT.replace("\n", "\r\n"), "control"),
    "too long": (TEXT + "x" * 4_000_000, "bytes"),
}


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD.keys())
def test_a_bad_proof(text: str, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        TlogProof.parse(text)


@given(st.integers(0, len(TEXT) - 1), st.characters(), st.integers(0, 3))
def test_what_is_read_is_written_the_same(at: int, put: str, cut: int) -> None:
    text = TEXT[:at] + put + TEXT[at + cut :]
    try:
        proof = TlogProof.parse(text)
    except Malformed:
        return
    assert proof.format() == text
