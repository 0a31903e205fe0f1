"""RFC 6962, section 2.1, word for word, to hold ours against: made of nothing that is ours."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256


def number(index: int) -> bytes:
    """Leaf hashes that all differ."""
    return sha256(b"leaf %d" % index).digest()


class Tree:
    """The tree over as many leaves as are asked for. A list D[start:end] is (start, end)."""

    def __init__(self, leaf: Callable[[int], bytes] = number) -> None:
        self.leaf = leaf
        self._known: dict[tuple[int, int], bytes] = {}

    def mth(self, start: int, end: int) -> bytes:
        """MTH(D[start:end])."""
        if (start, end) not in self._known:
            self._known[start, end] = self._mth(start, end)
        return self._known[start, end]

    def _mth(self, start: int, end: int) -> bytes:
        if start == end:
            return sha256(b"").digest()
        if end - start == 1:
            return self.leaf(start)
        middle = start + split(end - start)
        return sha256(b"\x01" + self.mth(start, middle) + self.mth(middle, end)).digest()

    def path(self, m: int, start: int, end: int) -> list[bytes]:
        """PATH(m, D[start:end])."""
        if end - start == 1:
            return []
        k = split(end - start)
        if m < k:
            return [*self.path(m, start, start + k), self.mth(start + k, end)]
        return [*self.path(m - k, start + k, end), self.mth(start, start + k)]

    def proof(self, m: int, n: int) -> list[bytes]:
        """PROOF(m, D[n]), for 0 < m <= n."""
        return self.subproof(m, 0, n, whole=True)

    def subproof(self, m: int, start: int, end: int, *, whole: bool) -> list[bytes]:
        """SUBPROOF(m, D[start:end], b)."""
        if m == end - start:
            return [] if whole else [self.mth(start, end)]
        k = split(end - start)
        if m <= k:
            return [*self.subproof(m, start, start + k, whole=whole), self.mth(start + k, end)]
        return [
            *self.subproof(m - k, start + k, end, whole=False),
            self.mth(start, start + k),
        ]


class Uniform(Tree):
    """The tree whose leaves are all the same: one that may have 2**60 of them."""

    def __init__(self) -> None:
        super().__init__(lambda _: number(0))

    def mth(self, start: int, end: int) -> bytes:
        return super().mth(0, end - start)


def split(count: int) -> int:
    """The largest power of two smaller than the count."""
    k = 1
    while k * 2 < count:
        k *= 2
    return k
