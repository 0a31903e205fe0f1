"""How the global log covers every tenant's log, and the proof that it covers one checkpoint.

Once a signing interval there is a round. Each tenant has a place, from 0, and its head is the text
of its newest checkpoint; the round's root is over the heads by place, and the round's text is the
round's entry in the global log, at index round - 1. So one witnessed checkpoint covers them all.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields

from domain.ledger.checkpoints import Checkpoint
from domain.ledger.faults import DoesNotHold, Malformed
from domain.ledger.hashing import entry, leaf_hash
from domain.ledger.merkle import root_from_inclusion
from domain.ledger.notes import decode_decimal, decode_hash

_HEADER = "order-history/round/v1"


def head_text(checkpoint: Checkpoint) -> str:
    """What stands for a tenant's log in a round."""
    return checkpoint.text()


def head_leaf(text: str) -> bytes:
    """The leaf of a head in the tree of its round."""
    return leaf_hash(entry(text.encode()))


@dataclass(frozen=True, slots=True)
class Round:
    """number: from 1. places: how many heads; root: over the head leaves, by place."""

    number: int
    places: int
    root: bytes

    @classmethod
    def parse(cls, text: str) -> Round:
        """Read the text of a round. Raises Malformed."""
        lines = text.split("\n")
        if len(lines) != 5 or lines[0] != _HEADER or lines[4]:
            raise Malformed(f"not the text of a round, which is {_HEADER} and three lines more")
        number = decode_decimal(lines[1], "line 2 of the round, its number,")
        places = decode_decimal(lines[2], "line 3 of the round, the places,")
        return cls(number, places, decode_hash(lines[3], "line 4 of the round, the root,"))

    def text(self) -> str:
        """What the global log's entry is the SHA-256 of."""
        root = base64.b64encode(self.root).decode()
        return f"{_HEADER}\n{self.number}\n{self.places}\n{root}\n"


def round_text(number: int, places: int, root: bytes) -> str:
    """The text of the round; number: from 1, root: over `places` head leaves."""
    return Round(number, places, root).text()


@dataclass(frozen=True, slots=True)
class Anchor:
    """From a tenant's checkpoint to the global log. head_proof: inclusion of the head at `place`;
    global_proof: of the round at `global_index`; hashes from the leaf up."""

    place: int
    places: int
    head_proof: tuple[bytes, ...]
    round_text: str
    global_index: int
    global_proof: tuple[bytes, ...]
    global_checkpoint: str

    @classmethod
    def parse(cls, data: bytes) -> Anchor:
        """Read what `format` has written, and nothing else. Raises Malformed."""
        try:
            said = json.loads(data.decode())
        except (ValueError, RecursionError):
            raise Malformed("the anchor (extra) is not JSON") from None
        if not isinstance(said, dict) or said.keys() != _FIELDS:
            raise Malformed("the anchor (extra) has not just the fields of one")
        anchor = cls(
            place=_number(said, "place"),
            places=_number(said, "places"),
            head_proof=_hashes(said, "head_proof"),
            round_text=_text(said, "round_text"),
            global_index=_number(said, "global_index"),
            global_proof=_hashes(said, "global_proof"),
            global_checkpoint=_text(said, "global_checkpoint"),
        )
        if anchor.format() != data:
            raise Malformed("the anchor (extra) is not written as anchors are")
        return anchor

    def format(self) -> bytes:
        """JSON, to be the `extra` of a receipt."""
        said = {name: _plain(value) for name, value in asdict(self).items()}
        return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode(
            errors="surrogatepass"
        )

    def check(self, text: str, open_global: Callable[[str], Checkpoint]) -> Round:
        """The round of the global log that has a tenant's checkpoint as one of its heads.

        text: of the tenant's checkpoint. open_global: verifies the signed note that it is given.
        Raises DoesNotHold or Malformed.
        """
        covering = Round.parse(self.round_text)
        if (self.places, self.global_index) != (covering.places, covering.number - 1):
            raise DoesNotHold("the anchor's round is not the one that its text says")
        head = _root(head_leaf(text), self.place, self.places, self.head_proof, "head")
        if head != covering.root:
            raise DoesNotHold("the round of the global log does not hold this checkpoint")
        checkpoint = open_global(self.global_checkpoint)
        leaf = leaf_hash(entry(self.round_text.encode()))
        root = _root(leaf, self.global_index, checkpoint.size, self.global_proof, "global")
        if root != checkpoint.root:
            raise DoesNotHold("the global log does not hold the round")
        return covering


def _root(leaf: bytes, index: int, size: int, proof: Sequence[bytes], which: str) -> bytes:
    try:
        return root_from_inclusion(leaf, index, size, proof)
    except Malformed as fault:
        raise Malformed(f"the anchor's {which}_proof: {fault}") from None


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [base64.b64encode(one).decode() for one in value]
    return value


def _number(said: dict[str, object], name: str) -> int:
    value = said[name]
    if type(value) is not int or not 0 <= value < 1 << 63:
        raise Malformed(f"{name} of the anchor is not a number from 0 to 2^63 - 1")
    return value


def _text(said: dict[str, object], name: str) -> str:
    value = said[name]
    if not isinstance(value, str):
        raise Malformed(f"{name} of the anchor is not text")
    return value


def _hashes(said: dict[str, object], name: str) -> tuple[bytes, ...]:
    value = said[name]
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise Malformed(f"{name} of the anchor is not a list of hashes")
    return tuple(decode_hash(one, f"a hash of {name} of the anchor") for one in value)


_FIELDS = {one.name for one in fields(Anchor)}
