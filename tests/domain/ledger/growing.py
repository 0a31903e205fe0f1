"""A log that grows, is signed and proved, for tests; and one that says two things."""

from __future__ import annotations

from hashlib import sha256

from domain.ledger.checkpoints import Checkpoint
from domain.ledger.merkle import tree_root
from domain.ledger.witnessing import format_submission
from tests.domain.ledger.proving import consistency_proof
from tests.domain.ledger.signing import LOG, Signer, signed


class GrowingLog:
    """size: leaves so far. `branch`: another text makes other leaves from the first on."""

    def __init__(self, size: int = 0, *, signer: Signer = LOG, branch: str = "") -> None:
        self.signers: tuple[Signer, ...] = (signer,)
        self.leaves: list[bytes] = []
        self.grow(size, branch)

    def grow(self, leaves: int, branch: str = "") -> GrowingLog:
        start = len(self.leaves)
        self.leaves += [sha256(f"{branch}{start + at}".encode()).digest() for at in range(leaves)]
        return self

    def fork(self, size: int) -> GrowingLog:
        """A log with the first leaves of this one."""
        other = GrowingLog()
        other.signers, other.leaves = self.signers, self.leaves[:size]
        return other

    @property
    def size(self) -> int:
        return len(self.leaves)

    def head(self, size: int | None = None) -> Checkpoint:
        size = self.size if size is None else size
        return Checkpoint(self.signers[0].name, size, tree_root(self.leaves[:size]))

    def note(self, size: int | None = None) -> str:
        return signed(self.head(size).text(), *self.signers)

    def proof(self, old: int, new: int | None = None) -> list[bytes]:
        return list(consistency_proof(self.leaves[:new], old))

    def submission(self, old: int, new: int | None = None) -> bytes:
        """The body of an honest add-checkpoint."""
        return format_submission(old, self.proof(old, new), self.note(new))
