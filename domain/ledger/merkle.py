"""The Merkle tree over a ledger's leaves, and its proofs (RFC 6962, section 2.1).

Leaves and nodes are hashes of 32 bytes; a leaf's index is its event's sequence less one. A proof
names subtrees of the tree of one size. Those at its right edge are not complete; each is a fold of
complete ones, which never change as the tree grows and are what the tiles hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

from domain.ledger.faults import DoesNotHold, Malformed
from domain.ledger.hashing import EMPTY_ROOT, node_hash

Node = tuple[int, int]
"""(level, index): the complete subtree over the leaves [index << level, (index + 1) << level)."""

Span = tuple[int, int]
"""(start, end): a subtree of a tree of some size, complete or not, over the leaves [start, end)."""

HASH = 32
"""Bytes of a hash."""


class Frontier:
    """The right edge of a growing tree: all that appending to it and its root need.

    size: number of leaves. peaks: the roots of the complete subtrees that the tree consists of,
    largest first, one for each bit that is set in its size.
    Raises ValueError where peaks and size do not go together.
    """

    __slots__ = ("_peaks", "size")

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        if size < 0 or len(peaks) != size.bit_count():
            raise ValueError(f"a tree of size {size} has not {len(peaks)} peaks")
        if any(len(peak) != HASH for peak in peaks):
            raise ValueError(f"a peak has {HASH} bytes")
        self.size = size
        self._peaks = list(peaks)

    @property
    def peaks(self) -> tuple[bytes, ...]:
        """Largest first."""
        return tuple(self._peaks)

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash."""
        peaks, node, below = self._peaks, leaf, self.size
        while below & 1:
            # node_hash, inline, here and in `extend`: once for each event of a ledger.
            node = sha256(b"\x01" + peaks.pop() + node).digest()
            below >>= 1
        peaks.append(node)
        self.size += 1

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add leaf hashes, in order: as `append` for each, in half the time."""
        peaks, size = self._peaks, self.size
        for leaf in leaves:
            node, below = leaf, size
            while below & 1:
                node = sha256(b"\x01" + peaks.pop() + node).digest()
                below >>= 1
            peaks.append(node)
            size += 1
        self.size = size

    def add(self, level: int, root: bytes) -> None:
        """Add a complete subtree of 1 << level leaves, of which only the root is known.

        Raises ValueError where the size is not a multiple of it.
        """
        if self.size & ((1 << level) - 1):
            raise ValueError(f"no subtree of level {level} begins at leaf {self.size}")
        node, below = root, self.size >> level
        while below & 1:
            node = node_hash(self._peaks.pop(), node)
            below >>= 1
        self._peaks.append(node)
        self.size += 1 << level

    def root(self) -> bytes:
        """The Merkle root of the tree."""
        return fold(self._peaks) if self._peaks else EMPTY_ROOT

    def copy(self) -> Frontier:
        """One that grows apart from this one."""
        return Frontier(self.size, self._peaks)

    def to_bytes(self) -> bytes:
        """The peaks, largest first, 32 bytes each."""
        return b"".join(self._peaks)

    @classmethod
    def from_bytes(cls, size: int, data: bytes) -> Frontier:
        """The frontier of a tree of this size, from what `to_bytes` gave. Raises ValueError."""
        return cls(size, [data[at : at + HASH] for at in range(0, len(data), HASH)])


def tree_root(leaves: Iterable[bytes]) -> bytes:
    """The Merkle root over leaf hashes."""
    frontier = Frontier()
    frontier.extend(leaves)
    return frontier.root()


def fold(hashes: Sequence[bytes]) -> bytes:
    """One hash of at least one: h0 | (h1 | (h2 ...)), as a tree is made of its peaks."""
    node = hashes[-1]
    for left in reversed(hashes[:-1]):
        node = node_hash(left, node)
    return node


def covering(start: int, end: int) -> list[Node]:
    """The largest complete subtrees that together are the leaves [start, end), in tree order."""
    if not 0 <= start <= end:
        raise ValueError(f"no range of leaves: {start} to {end}")
    nodes = []
    while start < end:
        level = (end - start).bit_length() - 1
        if start:
            level = min(level, (start & -start).bit_length() - 1)
        nodes.append((level, start >> level))
        start += 1 << level
    return nodes


def inclusion_path(index: int, size: int) -> list[list[Node]]:
    """What proves the leaf `index` in a tree of `size`: for each hash of the proof (RFC 6962, PATH:
    from the leaf up) the complete nodes that it is the fold of. Raises ValueError.
    """
    return [covering(*span) for span in _siblings(index, size)]


def consistency_path(old: int, new: int) -> list[list[Node]]:
    """What proves that a tree of size `new` goes on from that of size `old`: for each hash of the
    proof (RFC 6962, PROOF) the complete nodes that it is the fold of. Empty where the older tree
    is empty or the same. Raises ValueError.
    """
    shared, siblings = _parting(old, new)
    return [covering(*span) for span in ([shared] if shared[0] else []) + siblings]


def root_from_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root of the tree of `size` in which this proof puts the leaf hash at `index`.

    Raises Malformed where it cannot be a proof of this index and size.
    """
    if not 0 <= index < size:
        raise Malformed(f"index {index} is not in a tree of size {size}")
    siblings = _siblings(index, size)
    _check(proof, len(siblings), f"an inclusion proof of index {index} in a tree of size {size}")
    _check([leaf], 1, "a leaf")
    node = leaf
    for (start, _), sibling in zip(siblings, proof, strict=True):
        node = node_hash(node, sibling) if start > index else node_hash(sibling, node)
    return node


def check_consistency(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """That the newer tree has the older one's leaves as its first ones.

    Raises DoesNotHold where it has not, Malformed where it cannot be a proof of these sizes.
    """
    if old_size < 0 or new_size < 0:
        raise Malformed(f"no tree has the size {min(old_size, new_size)}")
    _check([old_root, new_root], 2, "a pair of roots")
    if new_size < old_size:
        raise DoesNotHold(
            f"the newer tree has {new_size} leaves, the older one {old_size}", new_size + 1
        )
    given_old, given_new = _roots_from_consistency(old_size, old_root, new_size, new_root, proof)
    if given_old != old_root:
        raise DoesNotHold(f"the root at size {old_size} is not the one that the proof gives")
    if given_new != new_root and old_size == new_size:
        raise DoesNotHold(f"two trees of size {new_size} have different roots")
    if given_new != new_root:
        raise DoesNotHold(
            f"the tree of size {new_size} does not go on from that of size {old_size}"
        )


def _roots_from_consistency(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> tuple[bytes, bytes]:
    """The older and the newer root that a proof gives."""
    shared, siblings = _parting(old_size, new_size)
    begun = shared[0] > 0  # Else what both trees share is the older one, whole.
    count = begun + len(siblings)
    _check(proof, count, f"a consistency proof from size {old_size} to {new_size}")
    if old_size == 0:
        return EMPTY_ROOT, new_root if new_size else EMPTY_ROOT
    old = new = proof[0] if begun else old_root
    for (start, _), sibling in zip(siblings, proof[begun:], strict=True):
        if start < old_size:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
        else:
            new = node_hash(new, sibling)
    return old, new


def root_from_range(
    leaves: Sequence[bytes],
    start: int,
    size: int,
    left: Sequence[bytes],
    right: Sequence[bytes],
) -> bytes:
    """The root of the tree of `size` in which these are the leaf hashes from `start` on.

    left, right: the hashes of `covering` what is before and after them.
    Raises Malformed where they cannot be a proof of this range and size.
    """
    end = start + len(leaves)
    if start < 0 or not start < end <= size:
        raise Malformed(f"no leaves {start} to {end} are in a tree of size {size}")
    before, after = covering(0, start), covering(end, size)
    _check(left, len(before), f"what is left of leaf {start}")
    _check(right, len(after), f"what is right of leaf {end - 1} in a tree of size {size}")
    _check(leaves, len(leaves), "a range")
    frontier = Frontier(start, left)
    frontier.extend(leaves)
    for (level, _), root in zip(after, right, strict=True):
        frontier.add(level, root)
    return frontier.root()


def _split(count: int) -> int:
    """The largest power of two below a count of at least two: where its tree splits."""
    return 1 << ((count - 1).bit_length() - 1)


def _siblings(index: int, size: int) -> list[Span]:
    """The subtrees beside the way from a leaf up to the root."""
    if not 0 <= index < size:
        raise ValueError(f"index {index} is not in a tree of size {size}")
    spans: list[Span] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    return spans[::-1]


def _parting(old: int, new: int) -> tuple[Span, list[Span]]:
    """The last subtree that both trees have whole, where the older one ends, and those beside the
    way from it up to the newer root."""
    if not 0 <= old <= new:
        raise ValueError(f"no tree of size {new} goes on from one of size {old}")
    if old == 0:
        return (0, 0), []
    spans: list[Span] = []
    start, end = 0, new
    while old < end:
        middle = start + _split(end - start)
        if old <= middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    return (start, end), spans[::-1]


def _check(hashes: Sequence[bytes], count: int, what: str) -> None:
    """Raises Malformed unless there are so many hashes, each of 32 bytes."""
    if len(hashes) != count:
        raise Malformed(f"{what} takes {count} hashes, not {len(hashes)}")
    for at, one in enumerate(hashes):
        if len(one) != HASH:
            raise Malformed(f"hash {at + 1} of {what} has {len(one)} bytes, not {HASH}")
