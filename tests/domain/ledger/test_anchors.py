from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ledger.anchors import Anchor, Round, head_leaf, head_text, round_text
from domain.ledger.checkpoints import Checkpoint
from domain.ledger.faults import DoesNotHold, Malformed
from domain.ledger.merkle import tree_root
from tests.domain.ledger.proving import inclusion_proof

GLOBAL = "history.example/_global"
HEADS = [Checkpoint(f"history.example/t{n}", n, bytes([n]) * 32) for n in range(5)]
PLACE, ROUND = 3, 6


def anchored() -> tuple[Anchor, Checkpoint]:
    """HEADS[PLACE] in round 6 of 7, the others being of other heads; and the global checkpoint."""
    leaves = [head_leaf(head_text(one)) for one in HEADS]
    texts = [round_text(number, 1, bytes([number]) * 32) for number in range(1, 8)]
    texts[ROUND - 1] = round_text(ROUND, len(HEADS), tree_root(leaves))
    rounds = [sha256(b"\0" + sha256(one.encode()).digest()).digest() for one in texts]
    checkpoint = Checkpoint(GLOBAL, len(rounds), tree_root(rounds))
    anchor = Anchor(
        PLACE,
        len(HEADS),
        inclusion_proof(leaves, PLACE),
        texts[ROUND - 1],
        ROUND - 1,
        inclusion_proof(rounds, ROUND - 1),
        checkpoint.text() + "\nsigned\n",
    )
    return anchor, checkpoint


ANCHOR, CHECKPOINT = anchored()


def open_global(note: str) -> Checkpoint:
    assert note == CHECKPOINT.text() + "\nsigned\n"
    return CHECKPOINT


def test_the_text_of_a_round() -> None:
    root = base64.b64encode(bytes(32)).decode()
    assert round_text(7, 10_000, bytes(32)) == f"order-history/round/v1\n7\n10000\n{root}\n"
    assert Round.parse(round_text(7, 10_000, bytes(32))) == Round(7, 10_000, bytes(32))


def test_the_leaf_of_a_head() -> None:
    text = "history.example/acme\n3\nAAAA\n"
    assert head_leaf(text) == sha256(b"\0" + sha256(text.encode()).digest()).digest()


def test_a_checkpoint_that_is_covered() -> None:
    assert ANCHOR.check(HEADS[PLACE].text(), open_global).number == ROUND


def test_an_anchor_is_read_as_it_is_written() -> None:
    assert Anchor.parse(ANCHOR.format()) == ANCHOR


@pytest.mark.parametrize("head", HEADS[:3] + HEADS[4:])
def test_another_checkpoint(head: Checkpoint) -> None:
    with pytest.raises(DoesNotHold, match="this checkpoint"):
        ANCHOR.check(head.text(), open_global)


SWAPPED = (bytes(32), *ANCHOR.global_proof[1:])
FALSE: dict[str, Callable[[Anchor], Anchor]] = {
    "another place": lambda a: replace(a, place=PLACE - 1),
    "more places": lambda a: replace(a, places=len(HEADS) + 1),
    "another round": lambda a: replace(a, global_index=ROUND),
    "a round of another number": lambda a: replace(
        a, round_text=a.round_text.replace(f"\n{ROUND}\n", f"\n{ROUND + 1}\n")
    ),
    "a round of another number, and its place": lambda a: replace(
        a, round_text=a.round_text.replace(f"\n{ROUND}\n", f"\n{ROUND - 1}\n"), global_index=4
    ),
    "another proof of the head": lambda a: replace(a, head_proof=(bytes(32), *a.head_proof[1:])),
    "another proof of the round": lambda a: replace(a, global_proof=SWAPPED),
}


@pytest.mark.parametrize("change", FALSE.values(), ids=FALSE.keys())
def test_a_false_anchor(change: Callable[[Anchor], Anchor]) -> None:
    with pytest.raises(DoesNotHold):
        change(ANCHOR).check(HEADS[PLACE].text(), open_global)


UNREADABLE: dict[str, Callable[[Anchor], Anchor]] = {
    "a hash too many": lambda a: replace(a, head_proof=(*a.head_proof, bytes(32))),
    "a hash too few": lambda a: replace(a, global_proof=a.global_proof[1:]),
    "a round that is none": lambda a: replace(a, round_text="round 6"),
    "a padded number": lambda a: replace(a, round_text=a.round_text.replace("\n6\n", "\n06\n")),
    "a place behind the last": lambda a: replace(
        a, places=2, round_text=a.round_text.replace("\n5\n", "\n2\n")
    ),
}


@pytest.mark.parametrize("change", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_an_anchor_that_makes_no_sense(change: Callable[[Anchor], Anchor]) -> None:
    with pytest.raises(Malformed):
        change(ANCHOR).check(HEADS[PLACE].text(), open_global)


SAID = json.loads(ANCHOR.format())
BAD = {
    "nothing": b"",
    "no JSON": b"{",
    "no UTF-8": b'"\xff"',
    "a list": b"[]",
    "deep": b"[" * 100_000,
    "a field missing": json.dumps({k: v for k, v in SAID.items() if k != "place"}).encode(),
    "a field too many": json.dumps(SAID | {"x": 1}).encode(),
    "a place that is true": json.dumps(SAID | {"place": True}).encode(),
    "a negative place": json.dumps(SAID | {"place": -1}).encode(),
    "a huge place": json.dumps(SAID | {"place": 1 << 63}).encode(),
    "a place in words": json.dumps(SAID | {"place": "3"}).encode(),
    "no text": json.dumps(SAID | {"round_text": None}).encode(),
    "no list": json.dumps(SAID | {"head_proof": "x"}).encode(),
    "no hash": json.dumps(SAID | {"head_proof": ["x"]}).encode(),
    "a number for a hash": json.dumps(SAID | {"head_proof": [1]}).encode(),
    "spaces": json.dumps(SAID).encode(),
    "a field twice": ANCHOR.format()[:-1] + b',"place":3}',
    "a lone surrogate": ANCHOR.format().replace(b"signed", b"\\ud800"),
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD.keys())
def test_a_bad_anchor(data: bytes) -> None:
    with pytest.raises(Malformed):
        Anchor.parse(data)


@given(st.integers(0, len(ANCHOR.format()) - 1), st.integers(1, 255))
def test_any_byte_changed(at: int, flip: int) -> None:
    data = bytearray(ANCHOR.format())
    data[at] ^= flip
    try:
        anchor = Anchor.parse(bytes(data))
        anchor.check(HEADS[PLACE].text(), open_global)
    except (Malformed, DoesNotHold):
        return
    except AssertionError:  # the global checkpoint, which its signature holds
        assert anchor.global_checkpoint != ANCHOR.global_checkpoint
        return
    raise AssertionError("a changed anchor holds")
