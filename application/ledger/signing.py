"""One round of signing: every log that has grown gets a checkpoint, and the global log a leaf.

Pure but for the keys. The caller loads the heads, grows their trees by the entries behind them, and
writes what comes out in one transaction. A checkpoint is made only of the head that was signed
before and what is behind it; so whatever happens to the events below it, the log never says two
things of one size.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import nsmallest

from msgspec import Struct

from application.ledger.ports import LogKeys
from domain.ledger.anchors import head_leaf, round_text
from domain.ledger.checkpoints import Checkpoint
from domain.ledger.hashing import EMPTY_ROOT, entry, leaf_hash
from domain.ledger.merkle import HASH, Frontier, tree_root
from domain.ledger.notes import SignedNote

IN_FULL = 100
"""So many tenants' checkpoints a second are signed by every key and published, which costs several
times what the rest of signing does. The others are signed by Ed25519 alone, and covered by the
global log's, which is signed in full and published always (ADR 0022)."""


class LogHead(Struct):
    """What was signed last of a log. `place`: in the rounds of the global log, which has none.
    `round`: the first that covers it, 0 for a log that was never signed."""

    tenant_id: str
    place: int | None
    epoch: int
    origin: str
    frontier: Frontier
    root: bytes = EMPTY_ROOT
    round: int = 0

    @property
    def size(self) -> int:
        return self.frontier.size

    @property
    def checkpoint(self) -> Checkpoint:
        return Checkpoint(self.origin, self.size, self.root)


class Signed(Struct, frozen=True):
    """A log's new head, and the checkpoint as a signed note."""

    head: LogHead
    note: str


class SignedRound(Struct, frozen=True):
    """What one round adds. `leaves`: head leaves by place, 32 bytes each. `in_full`: the places
    of the tenants whose checkpoints have every signature, and are to be published."""

    number: int
    text: str
    entry: bytes
    leaves: bytes
    logs: Sequence[Signed]
    whole: Signed
    """The global log."""
    in_full: frozenset[int]


def origin_of(service_origin: str, tenant_id: str, epoch: int) -> str:
    """The origin of a log. A new epoch is a new log: nobody may take it for the one before."""
    origin = f"{service_origin}/{tenant_id}"
    return origin if epoch == 1 else f"{origin}/{epoch}"


def empty_head(service_origin: str, tenant_id: str, place: int | None, epoch: int) -> LogHead:
    """The head of a log that was never signed."""
    return LogHead(tenant_id, place, epoch, origin_of(service_origin, tenant_id, epoch), Frontier())


def leaf_of(head: LogHead) -> bytes:
    """What stands for a head in a round."""
    return head_leaf(head.checkpoint.text())


class Rounds:
    """The signer's memory: the global log, and the leaf of each tenant's newest head."""

    def __init__(
        self, keys: LogKeys, whole: LogHead, leaves: bytes, *, in_full: int = IN_FULL
    ) -> None:
        """whole: the global log's head; leaves: of the tenants' heads by place, 32 bytes each;
        in_full: how many tenants' checkpoints of a round are signed by every key, at least 1."""
        self._keys = keys
        self.whole = whole
        self._leaves = leaves
        self._in_full = in_full
        self._turns: dict[int, int] = {}  # place -> the last round in which it had its turn

    @property
    def places(self) -> int:
        """How many there are; the next new log's place."""
        return len(self._leaves) // HASH

    def knows(self, head: LogHead) -> bool:
        """Whether this is the head that was signed last, not one that somebody put there, and its
        frontier gives its root."""
        if head.place is None or not 0 <= head.place < self.places:
            return False
        origin = origin_of(self._keys.service_origin, head.tenant_id, self.whole.epoch)
        if (head.epoch, head.origin) != (self.whole.epoch, origin):
            return False
        at = head.place * HASH
        return self._leaves[at : at + HASH] == leaf_of(head) and head.frontier.root() == head.root

    def sign(self, grown: Sequence[tuple[LogHead, Frontier]], time_s: int) -> SignedRound:
        """The next round: each log's head, and its tree as it is now.

        A log that is new has the next place, those of others following. Nothing of this object
        changes until `commit`. Raises KeyUnavailable.
        """
        number = self.whole.size + 1
        fresh = [_grown(head, frontier, number) for head, frontier in grown]
        in_full = self._in_turn([_place(head) for head in fresh])
        leaves = bytearray(self._leaves)
        for head in fresh:
            at = _place(head) * HASH
            leaves[at : at + HASH] = leaf_of(head)
        root = tree_root(bytes(leaves[at : at + HASH]) for at in range(0, len(leaves), HASH))
        text = round_text(number, len(leaves) // HASH, root)
        digest = entry(text.encode())
        frontier = self.whole.frontier.copy()
        frontier.append(leaf_hash(digest))
        logs = [self._sign(head, time_s, brief=head.place not in in_full) for head in fresh]
        whole = self._sign(_grown(self.whole, frontier, number), time_s)
        return SignedRound(number, text, digest, bytes(leaves), logs, whole, in_full)

    def commit(self, signed: SignedRound) -> None:
        """It is written: go on from it."""
        self.whole = signed.whole.head
        self._leaves = signed.leaves
        self._turns.update(dict.fromkeys(signed.in_full, signed.number))

    def _in_turn(self, places: Sequence[int]) -> frozenset[int]:
        """Those that have waited longest."""
        return frozenset(nsmallest(self._in_full, places, key=lambda one: self._turns.get(one, 0)))

    def _sign(self, head: LogHead, time_s: int, *, brief: bool = False) -> Signed:
        checkpoint = head.checkpoint
        signatures = self._keys.sign(checkpoint, time_s, brief=brief)
        return Signed(head, SignedNote(checkpoint.text(), signatures).format())


def _grown(head: LogHead, frontier: Frontier, number: int) -> LogHead:
    return LogHead(
        head.tenant_id, head.place, head.epoch, head.origin, frontier, frontier.root(), number
    )


def _place(head: LogHead) -> int:
    assert head.place is not None, "only the global log has no place"
    return head.place
