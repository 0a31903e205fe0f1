"""The checkpoint that a proof rests on: waited for, and anchored in the global log."""

from __future__ import annotations

import asyncio

from application.ledger.ports import GLOBAL, LedgerReader, SignedHead
from application.ledger.trees import Tree, inclusion_proof
from domain.errors import Unavailable
from domain.ledger.anchors import Anchor, head_leaf
from domain.ledger.merkle import HASH
from domain.ledger.notes import SignedNote

PATIENCE = 2.0
"""Seconds that a proof waits for the next checkpoint."""

_PAUSE = 0.05


class NotSigned(Unavailable):
    """No checkpoint covers this yet, or no witnessed one. Try again shortly."""


class Covering:
    """Finds checkpoints. Both methods raise Unavailable while the store is away."""

    def __init__(self, ledger: LedgerReader, patience: float = PATIENCE) -> None:
        self._ledger = ledger
        self._patience = patience

    async def checkpoint(self, tenant_id: str, sequence: int) -> SignedHead:
        """The newest trusted checkpoint, once it covers a sequence that is on the ledger. Raises
        NotSigned when it does not in time; holds no connection while it waits."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._patience
        while True:
            head = await self._ledger.newest(tenant_id, trusted=True)
            if head is not None and head.size >= sequence:
                return head
            if loop.time() + _PAUSE > end:
                raise NotSigned
            await asyncio.sleep(_PAUSE)

    async def anchor(self, head: SignedHead) -> Anchor | None:
        """From a tenant's checkpoint to the newest trusted one of the global log; None where no
        round is kept that has it as a head."""
        whole = await self._ledger.newest(GLOBAL, trusted=True)
        place = await self._ledger.place(head.tenant_id)
        if whole is None or place is None or whole.epoch != head.epoch:
            return None
        leaf = head_leaf(SignedNote.parse(head.note).text)
        # While a log does not grow, every round has the same head of it.
        for number in dict.fromkeys((whole.size, head.round)):
            found = await self._ledger.round(number) if number <= whole.size else None
            leaves = _hashes(found.head_leaves) if found else []
            if found and leaf in leaves[place : place + 1]:
                tree = Tree(self._ledger, GLOBAL, whole.size)
                return Anchor(
                    place=place,
                    places=len(leaves),
                    head_proof=tuple(inclusion_proof(leaves, place)),
                    round_text=found.text,
                    global_index=number - 1,
                    global_proof=tuple(await tree.inclusion(number - 1)),
                    global_checkpoint=whole.note,
                )
        return None


def _hashes(data: bytes) -> list[bytes]:
    return [data[at : at + HASH] for at in range(0, len(data), HASH)]
