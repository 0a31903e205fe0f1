"""What a witness is asked and what it decides, without signatures and state."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ledger.checkpoints import Checkpoint
from domain.ledger.faults import Malformed
from domain.ledger.hashing import EMPTY_ROOT
from domain.ledger.notes import SignedNote
from domain.ledger.witnessing import (
    BAD_REQUEST,
    COSIGNED,
    INCONSISTENT,
    MAX_BODY,
    OTHER_SIZE,
    Known,
    Submission,
    decide,
    format_submission,
)
from tests.domain.ledger.growing import GrowingLog
from tests.domain.ledger.signing import signed

# The example of C2SP tlog-witness.md.
EXAMPLE = """old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

\N{EM DASH} example.com/behind-the-sofa \
Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
\N{EM DASH} example.com/behind-the-sofa \
opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
"""
HASH = base64.b64encode(bytes(32)).decode()
LOG = GrowingLog(40)


def judged(known: Known, old: int, proof: list[bytes], head: Checkpoint) -> int:
    note = SignedNote.parse(signed(head.text()))
    return decide(known, Submission(old, tuple(proof), note, head)).status


def known(size: int) -> Known:
    return Known(size, LOG.head(size).root)


def test_the_request_of_the_specification() -> None:
    read = Submission.parse(EXAMPLE.encode())
    assert (read.old_size, len(read.proof)) == (20852014, 4)
    assert (read.checkpoint.origin, read.checkpoint.size) == (
        "example.com/behind-the-sofa",
        20852163,
    )
    assert len(read.note.signatures) == 2
    assert format_submission(read.old_size, read.proof, read.note.format()) == EXAMPLE.encode()


@given(st.integers(0, 40), st.integers(0, 40))
def test_what_is_written_is_read(old: int, new: int) -> None:
    old, new = sorted((old, new))
    body = LOG.submission(old, new)
    read = Submission.parse(body)
    assert (read.old_size, list(read.proof)) == (old, LOG.proof(old, new))
    assert read.checkpoint == LOG.head(new)


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("old 20852014\n", "", "line 1"),
        ("old 20852014", "old  20852014", "old size"),
        ("old 20852014", "old 020852014", "old size"),
        ("old 20852014", "old -1", "old size"),
        ("old 20852014", "old ", "old size"),
        ("old 20852014", "old 9223372036854775808", "old size"),
        ("old 20852014", "old \u0662", "ASCII"),
        ("old 20852014", "OLD 1", "line 1"),
        ("PlRNCrwH", "PlRNCrw", "hash 1"),
        ("5+pKlUdi", "5-pKlUdi", "hash 3"),
        ("j/0=\n\n", "j/0=\n", "hash 5"),
        ("j/0=\n", "j/0=\r\n", "hash 4"),
        ("\n20852163\n", "\n020852163\n", "size"),
        ("CsUYapGG", "CsUY", "root"),
        ("\N{EM DASH} example", "- example", "signature"),
        (EXAMPLE, "", "no empty line"),
        (EXAMPLE, "old 0\n\n", "no empty line"),
        (EXAMPLE, "old 0\n" + f"{HASH}\n" * 64 + "\n", "over 63"),
        (EXAMPLE, "x" * (MAX_BODY + 1), "bytes"),
    ],
)
def test_what_is_no_request(before: str, after: str, says: str) -> None:
    assert before in EXAMPLE
    with pytest.raises(Malformed, match=says):
        Submission.parse(EXAMPLE.replace(before, after, 1).encode())


@given(st.binary(max_size=300))
def test_anything_else_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        Submission.parse(body)


def test_63_hashes_may_be_sent() -> None:
    body = EXAMPLE.replace("old 20852014\n", "old 20852014\n" + f"{HASH}\n" * 59)
    assert len(Submission.parse(body.encode()).proof) == 63


# -- decisions -------------------------------------------------------------------------------------


@given(st.integers(0, 40), st.integers(0, 40))
def test_what_goes_on_from_what_is_known_is_cosigned(old: int, new: int) -> None:
    old, new = sorted((old, new))
    assert judged(known(old), old, LOG.proof(old, new), LOG.head(new)) == COSIGNED


@pytest.mark.parametrize(("at", "old", "new"), [(0, 5, 9), (5, 0, 9), (5, 4, 9), (5, 6, 9)])
def test_another_size_than_the_known_one(at: int, old: int, new: int) -> None:
    assert judged(known(at), old, LOG.proof(old, new), LOG.head(new)) == OTHER_SIZE


def test_an_old_size_beyond_the_checkpoint_comes_before_all_else() -> None:
    assert judged(known(9), 9, [], LOG.head(5)) == BAD_REQUEST
    assert judged(known(3), 9, [], LOG.head(5)) == BAD_REQUEST


def test_an_older_checkpoint_does_not_roll_back() -> None:
    assert judged(known(9), 5, [], LOG.head(5)) == OTHER_SIZE


def test_an_empty_log_has_the_empty_root() -> None:
    assert judged(Known(), 0, [], Checkpoint("x", 0, EMPTY_ROOT)) == COSIGNED
    assert judged(Known(), 0, [], Checkpoint("x", 0, bytes(32))) == INCONSISTENT


def test_the_same_size_with_another_root() -> None:
    other = Checkpoint("x", 9, LOG.head(10).root)
    assert judged(known(9), 9, [], LOG.head(9)) == COSIGNED
    assert judged(known(9), 9, [], other) == INCONSISTENT
    assert judged(known(9), 9, [bytes(32)], LOG.head(9)) == INCONSISTENT


def test_a_proof_from_nothing_must_be_empty() -> None:
    assert judged(Known(), 0, [bytes(32)], LOG.head(9)) == INCONSISTENT


@given(st.data())
def test_a_wrong_proof_is_inconsistent(data: st.DataObject) -> None:
    new = data.draw(st.integers(2, 40))
    old = data.draw(st.integers(1, new - 1))
    proof = LOG.proof(old, new)
    kind = data.draw(st.sampled_from(["flipped", "short", "long", "root", "forked"]))
    head = LOG.head(new)
    if kind == "flipped" and proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        proof[at] = bytes([proof[at][0] ^ 1]) + proof[at][1:]
    elif kind == "short" and proof:
        proof.pop()
    elif kind == "long":
        proof.append(bytes(32))
    elif kind == "root":
        head = Checkpoint("x", new, bytes(32))
    else:
        other = GrowingLog(new, branch="other")
        proof, head = other.proof(old, new), other.head(new)
    assert judged(known(old), old, proof, head) == INCONSISTENT
