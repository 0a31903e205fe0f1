"""Verifying one event: does what is stored at this moment hold, down to the byte?"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import msgspec
from msgspec import Struct

from application.ledger.covering import Covering
from application.ledger.ports import (
    GLOBAL,
    KeptDisclosures,
    LedgerDamaged,
    LedgerReader,
    LogKeys,
    SignedHead,
)
from application.ledger.proving import inclusion
from application.ledger.signatures import Opened, open_checkpoint, satisfies
from application.ledger.signing import origin_of
from domain.access.caller import Caller
from domain.errors import NotFound
from domain.ledger.faults import DoesNotHold, Malformed
from domain.ledger.hashing import chain, entry, leaf_hash
from domain.ledger.merkle import root_from_inclusion
from domain.ledger.policy import Policy
from domain.ledger.receipts import TlogProof
from domain.ledger.recompute import LedgerRow
from domain.ledger.said import Copies, decode
from domain.privacy.disclosing import FAILURES, NOTHING, Beside, Checked, check, told
from domain.privacy.revealing import holds_personal


class Verified(Struct, frozen=True):
    """What verifying an event gave. `verified`: everything holds.

    stored_sha256: the ledger's entry, computed_sha256: of the bytes in the store at this moment;
    hex. ledger_hash_ok: the chain goes on from the event before. inclusion_ok: the event is in the
    trusted checkpoint, whose signatures hold. tlog_proof: null where none can be made.
    """

    event_id: str
    verified: bool
    stored_sha256: str
    computed_sha256: str
    ledger_hash_ok: bool
    inclusion_ok: bool
    disclosures: list[Checked]
    tlog_proof: str | None


class VerifyEvent:
    """policy: of the witnesses; without one the log's own signatures are what is trusted."""

    def __init__(
        self,
        ledger: LedgerReader,
        kept: KeptDisclosures,
        keys: LogKeys,
        covering: Covering,
        policy: Policy | None = None,
    ) -> None:
        self._ledger = ledger
        self._kept = kept
        self._keys = keys
        self._covering = covering
        self._policy = policy

    async def __call__(self, caller: Caller, wanted: str | int) -> Verified:
        """The event with this event_id, or this sequence.

        Raises NotFound; NotSigned when no trusted checkpoint covers it in time; KeyUnavailable when
        the key store does not answer, Unavailable when the store does not.
        """
        found = await self._ledger.event(caller.tenant_id, wanted)
        if found is None:
            raise NotFound("there is no such event")
        row, computed = found.row, entry(found.row.state)
        before = found.ledger_hash_before
        follows = before is not None and chain(before, computed) == row.ledger_hash
        signed = await self._covering.checkpoint(caller.tenant_id, row.sequence, found.trusted)
        proof = await self._proof(signed, row.sequence)
        included = proof is not None and await self._holds(signed, proof, computed)
        disclosures, readable = await self._disclosures(caller, row)
        failed = any(one.state in FAILURES for one in disclosures)
        return Verified(
            event_id=row.event_id,
            verified=row.entry == computed and follows and included and readable and not failed,
            stored_sha256=row.entry.hex(),
            computed_sha256=computed.hex(),
            ledger_hash_ok=follows,
            inclusion_ok=included,
            disclosures=disclosures,
            tlog_proof=None if proof is None else proof.format(),
        )

    async def _proof(self, signed: SignedHead, sequence: int) -> TlogProof | None:
        try:
            return await inclusion(self._covering.trees, signed, sequence)
        except LedgerDamaged:
            return None

    async def _holds(self, signed: SignedHead, proof: TlogProof, computed: bytes) -> bool:
        """Whether the proof leads to a checkpoint that our keys have signed, and the witnesses."""
        try:
            opened = self._opened(signed)
            size, root = opened.checkpoint.size, opened.checkpoint.root
            if root_from_inclusion(leaf_hash(computed), proof.index, size, proof.hashes) != root:
                return False
            return await self._witnessed(signed, opened)
        except (Malformed, DoesNotHold):
            return False

    def _opened(self, signed: SignedHead) -> Opened:
        origin = origin_of(self._keys.service_origin, signed.tenant_id, signed.epoch)
        return _open(signed.note, self._keys.verifier_keys(origin))

    async def _witnessed(self, signed: SignedHead, opened: Opened) -> bool:
        """Whether the policy accepts the checkpoint, or one of the global log that covers it."""
        if self._policy is None or satisfies(opened, self._policy):
            return True
        anchor = await self._covering.anchor(signed)
        if anchor is None:
            return False
        origin = origin_of(self._keys.service_origin, GLOBAL, signed.epoch)
        whole = _open(anchor.global_checkpoint, self._keys.verifier_keys(origin))
        anchor.check(opened.note.text, lambda _: whole.checkpoint)
        return satisfies(whole, self._policy)

    async def _disclosures(self, caller: Caller, row: LedgerRow) -> tuple[list[Checked], bool]:
        """The personal values, and whether the bytes are an event and the columns beside them what
        they say."""
        kept = NOTHING
        if holds_personal(row.state):
            kept = await self._kept.kept(caller.tenant_id, row.sequence)
        try:
            checked = check(row.state, kept)
            said = Copies(caller.tenant_id).of(decode(row.state))
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return [], False
        erased: frozenset[str] = frozenset()
        replaced = erased
        if any(one.found == "missing" for one in checked):
            erased = await self._erased(row, checked, caller.tenant_id)
        if any(one.found == "replaced" for one in checked):
            replaced = await self._ledger.replaced(caller.tenant_id, row.sequence)
        agree = all(getattr(row, name) == value for name, value in said.items())
        return told(checked, erased, replaced, shown=caller.sees_all_personal), agree

    async def _erased(
        self, row: LedgerRow, checked: Sequence[Beside], tenant_id: str
    ) -> frozenset[str]:
        """The pointers at which nothing is there because it was erased, or is of an order of which
        all was: what came after that, or, after a restore, before the ledger was told so again."""
        erased = await self._ledger.erased(tenant_id, row.sequence)
        missing = {one.pointer for one in checked if one.found == "missing"} - erased
        order_id = decode(row.state).order_id
        others = frozenset(one for one in missing if one.startswith("/payload/"))
        if not others or order_id is None:
            return erased
        if await self._ledger.order_erased(tenant_id, order_id):
            return erased | others
        return erased


_open = lru_cache(maxsize=64)(open_checkpoint)
"""A note and keys are all that decides; the newest checkpoint is asked about for each event."""
