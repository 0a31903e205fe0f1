"""One round of signing: every log that has grown gets a checkpoint, and the global log a leaf.

Pure but for the keys. The caller loads the heads, gives the entries behind them, and writes what
comes out in one transaction. A checkpoint is made only by appending to the head that was signed
before; so whatever happens to the events below it, the log never says two things of one size.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from application.ledger.ports import LogKeys
from domain.ledger.anchors import head_leaf, round_text
from domain.ledger.checkpoints import Checkpoint
from domain.ledger.hashing import EMPTY_ROOT, entry, leaf_hash
from domain.ledger.merkle import HASH, Frontier, tree_root
from domain.ledger.notes import SignedNote


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
    """What one round adds. `leaves`: head leaves by place, 32 bytes each."""

    number: int
    text: str
    entry: bytes
    leaves: bytes
    logs: Sequence[Signed]
    whole: Signed
    """The global log."""


def origin_of(service_origin: str, tenant_id: str, epoch: int) -> str:
    """The origin of a log. A new epoch is a new log: nobody may take it for the one before."""
    origin = f"{service_origin}/{tenant_id}"
    return origin if epoch == 1 else f"{origin}/{epoch}"


def empty_head(service_origin: str, tenant_id: str, place: int | None, epoch: int) -> LogHead:
    """The head of a log that was never signed."""
    return LogHead(tenant_id, place, epoch, origin_of(service_origin, tenant_id, epoch), Frontier())


class Rounds:
    """The signer's memory: the global log, and the leaf of each tenant's newest head."""

    def __init__(self, keys: LogKeys, whole: LogHead, heads: Iterable[LogHead]) -> None:
        """whole: the global log's head; heads: those of all tenants, places 0 to n - 1."""
        self._keys = keys
        self.whole = whole
        by_place = sorted(heads, key=_place)
        self._leaves = bytearray(b"".join(_leaf(head) for head in by_place))

    @property
    def places(self) -> int:
        """How many there are; the next new log's place."""
        return len(self._leaves) // HASH

    def knows(self, head: LogHead) -> bool:
        """Whether this is the head that was signed last, not one that somebody put there, and its
        frontier gives its root."""
        at = _place(head) * HASH
        return self._leaves[at : at + HASH] == _leaf(head) and head.frontier.root() == head.root

    def sign(
        self, grown: Mapping[str, tuple[LogHead, Sequence[bytes]]], time_s: int
    ) -> SignedRound:
        """The next round: for each log its head and the entries behind that, at least one.

        A log that is new has the next place, those of others following. Nothing of this object
        changes until `commit`. Raises KeyUnavailable.
        """
        number = self.whole.size + 1
        leaves = bytearray(self._leaves)
        logs = []
        for head, entries in grown.values():
            fresh = _grow(head, entries, number)
            at = _place(head) * HASH
            leaves[at : at + HASH] = _leaf(fresh)
            logs.append(self._sign(fresh, time_s))
        places = len(leaves) // HASH
        root = tree_root(bytes(leaves[at : at + HASH]) for at in range(0, len(leaves), HASH))
        text = round_text(number, places, root)
        digest = entry(text.encode())
        whole = self._sign(_grow(self.whole, [digest], number), time_s)
        return SignedRound(number, text, digest, bytes(leaves), logs, whole)

    def commit(self, signed: SignedRound) -> None:
        """It is written: go on from it."""
        self.whole = signed.whole.head
        self._leaves = bytearray(signed.leaves)

    def _sign(self, head: LogHead, time_s: int) -> Signed:
        checkpoint = head.checkpoint
        signatures = self._keys.sign(checkpoint, time_s)
        return Signed(head, SignedNote(checkpoint.text(), signatures).format())


def _grow(head: LogHead, entries: Sequence[bytes], number: int) -> LogHead:
    frontier = head.frontier.copy()
    frontier.extend(map(leaf_hash, entries))
    return LogHead(
        head.tenant_id, head.place, head.epoch, head.origin, frontier, frontier.root(), number
    )


def _leaf(head: LogHead) -> bytes:
    return head_leaf(head.checkpoint.text())


def _place(head: LogHead) -> int:
    assert head.place is not None, "only the global log has no place"
    return head.place
