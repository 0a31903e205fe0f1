"""The checkpoint that a proof rests on: waited for, and anchored in the global log."""

from __future__ import annotations

import asyncio

from application.ledger.ports import LedgerReader, SignedHead
from application.ledger.trees import Trees, inclusion_proof
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
        self.trees = Trees(ledger)
        self._patience = patience

    async def checkpoint(
        self, tenant_id: str, sequence: int, seen: SignedHead | None
    ) -> SignedHead:
        """The newest trusted checkpoint, once it covers a sequence that is on the ledger.

        seen: the one that there was just now. Raises NotSigned when none covers it in time; holds
        no connection while it waits.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + self._patience
        while seen is None or seen.size < sequence:
            if loop.time() + _PAUSE > end:
                raise NotSigned
            await asyncio.sleep(_PAUSE)
            seen = await self._ledger.newest(tenant_id, trusted=True)
        return seen

    async def anchor(self, head: SignedHead) -> Anchor | None:
        """From a tenant's checkpoint to the newest trusted one of the global log; None where no
        round is kept that has it as a head."""
        found = await self._ledger.anchoring(head)
        if found is None:
            return None
        whole, place = found.whole, found.place
        leaf = head_leaf(SignedNote.parse(head.note).text)
        for one in found.rounds:
            leaves = one.head_leaves
            if one.number <= whole.size and leaves[place * HASH : (place + 1) * HASH] == leaf:
                tree = self.trees.of(whole)
                return Anchor(
                    place=place,
                    places=len(leaves) // HASH,
                    head_proof=tuple(inclusion_proof(leaves, place)),
                    round_text=one.text,
                    global_index=one.number - 1,
                    global_proof=tuple(await tree.inclusion(one.number - 1)),
                    global_checkpoint=whole.note,
                )
        return None
