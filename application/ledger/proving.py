"""What the ledger proves to those who ask: its status, ranges of events, receipts."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from msgspec import UNSET, Struct, UnsetType, field

from application.ledger.covering import Covering
from application.ledger.ports import LedgerReader, SignedHead
from application.ledger.trees import Trees, checkpoint_of
from application.ports import EventReader
from domain.errors import FieldError, Invalid, NotFound
from domain.ledger.receipts import TlogProof
from domain.times import format_us

LONGEST_RANGE = 10_000


class Witnessing(Protocol):
    """How a log stands with a witness; times in microseconds since 1970."""

    @property
    def name(self) -> str: ...

    @property
    def size(self) -> int: ...

    @property
    def lag(self) -> int: ...

    @property
    def status(self) -> str: ...

    @property
    def cosigned_us(self) -> int | None: ...


class WitnessStatus(Struct, frozen=True):
    """A witness of the policy. size: the largest of this log that it has cosigned, itself or with a
    round of the global log; lag: by how much the newest checkpoint is larger. status: `ok`,
    `behind`, or what is wrong. cosigned_at: when it did so last."""

    name: str
    size: int
    lag: int
    status: str
    cosigned_at: str | None


class LedgerStatus(Struct, frozen=True):
    """A tenant's ledger. Hashes are hex; root_hash is the checkpoint's. unsigned: events after it.

    Before the first checkpoint `checkpoint`, `root_hash` and `signed_at` are null.
    """

    tenant_id: str
    sequence: int
    ledger_hash: str
    chain_length: int
    root_hash: str | None
    checkpoint: str | None
    checkpoint_size: int
    unsigned: int
    signed_at: str | None
    witnesses: list[WitnessStatus]


class Consistency(Struct, frozen=True):
    """That the tree goes on from the one of an earlier size (RFC 6962, 2.1.2); base64."""

    from_size: int
    hashes: list[str]


class RangeProof(Struct, frozen=True, omit_defaults=True):
    """Proves the events with sequences `from` to `to` at once. entries: SHA-256 of each event's
    bytes, hex. left, right: base64, the roots of the largest complete subtrees before and after
    them, in tree order. checkpoint: the signed note of the tree of `tree_size`."""

    tenant_id: str
    from_: int = field(name="from")
    to: int
    tree_size: int
    entries: list[str]
    left: list[str]
    right: list[str]
    checkpoint: str
    consistency: Consistency | UnsetType = UNSET


class ProveLedger:
    """Answers of one log each. witnesses: those of the policy, of a tenant's log.

    All methods raise Unavailable while the store is away, LedgerDamaged where signed events are not
    in it, and NotSigned when the checkpoint that is needed does not come in time.
    """

    def __init__(
        self,
        ledger: LedgerReader,
        events: EventReader,
        covering: Covering,
        witnesses: Callable[[str], Awaitable[Sequence[Witnessing]]],
    ) -> None:
        self._ledger = ledger
        self._events = events
        self._covering = covering
        self._witnesses = witnesses

    async def status(self, tenant_id: str) -> LedgerStatus:
        """As of now: the newest checkpoint, trusted or not."""
        signed = await self._ledger.newest(tenant_id, trusted=False)
        witnesses = await self._witnesses(tenant_id)
        head = await self._events.head(tenant_id)
        size = signed.size if signed else 0
        return LedgerStatus(
            tenant_id=tenant_id,
            sequence=head.sequence,
            ledger_hash=head.ledger_hash.hex(),
            chain_length=head.sequence,
            root_hash=checkpoint_of(signed.note).root.hex() if signed else None,
            checkpoint=signed.note if signed else None,
            checkpoint_size=size,
            unsigned=max(0, head.sequence - size),
            signed_at=format_us(signed.signed_us) if signed else None,
            witnesses=[_witness(one) for one in witnesses],
        )

    async def range(self, tenant_id: str, first: int, last: int, since: int | None) -> RangeProof:
        """That the events first..last are on the ledger, and with `since` that it goes on from
        that size. Raises Invalid, naming the parameter and its bounds."""
        _check_range(first, last, since)
        signed = await self._ledger.newest(tenant_id, trusted=True)
        if signed is None or signed.size < max(last, since or 0):
            end = (await self._events.head(tenant_id)).sequence
            _check_end(last, since, end)
            signed = await self._covering.checkpoint(tenant_id, max(last, since or 0), signed)
        tree = self._covering.trees.of(signed)
        left, right, older = await tree.range(first, last, since)
        entries = await self._ledger.entries(tenant_id, first, last)
        return RangeProof(
            tenant_id=tenant_id,
            from_=first,
            to=last,
            tree_size=signed.size,
            entries=[entry.hex() for entry in entries],
            left=_base64(left),
            right=_base64(right),
            checkpoint=signed.note,
            consistency=UNSET if since is None else Consistency(since, _base64(older)),
        )

    async def receipt(self, tenant_id: str, wanted: str | int) -> str:
        """The `.tlog-proof` of the event with this event_id or sequence, anchored in the global log
        where that still has the checkpoint's round. Raises NotFound."""
        found = await self._ledger.event(tenant_id, wanted)
        if found is None:
            raise NotFound("there is no such event")
        sequence = found.row.sequence
        signed = await self._covering.checkpoint(tenant_id, sequence, found.trusted)
        anchor = await self._covering.anchor(signed)
        proof = await inclusion(self._covering.trees, signed, sequence)
        extra = None if anchor is None else anchor.format()
        return TlogProof(proof.index, proof.hashes, proof.checkpoint, extra).format()


async def inclusion(trees: Trees, signed: SignedHead, sequence: int) -> TlogProof:
    """That a sequence is in the tree of a checkpoint, not anchored. Raises LedgerDamaged."""
    tree = trees.of(signed)
    return TlogProof(sequence - 1, tuple(await tree.inclusion(sequence - 1)), signed.note)


def _witness(one: Witnessing) -> WitnessStatus:
    cosigned_at = None if one.cosigned_us is None else format_us(one.cosigned_us)
    return WitnessStatus(one.name, one.size, one.lag, one.status, cosigned_at)


def _check_range(first: int, last: int, since: int | None) -> None:
    wrong = []
    if first < 1:
        wrong.append(FieldError("/from", f"is {first}; must be at least 1"))
    if last < first:
        wrong.append(FieldError("/to", f"is {last}; must be at least from, which is {first}"))
    elif last - first >= LONGEST_RANGE:
        most = f"{first + LONGEST_RANGE - 1}, for {LONGEST_RANGE} events from {first} on"
        wrong.append(FieldError("/to", f"is {last}; must be at most {most}"))
    if since is not None and since < 0:
        wrong.append(FieldError("/since", f"is {since}; must be at least 0"))
    if wrong:
        raise Invalid(wrong)


def _check_end(last: int, since: int | None, end: int) -> None:
    wrong = []
    if last > end:
        wrong.append(FieldError("/to", f"is {last}; must be at most {end}, the last sequence"))
    if since is not None and since > end:
        wrong.append(FieldError("/since", f"is {since}; must be at most {end}, the last sequence"))
    if wrong:
        raise Invalid(wrong)


def _base64(hashes: Sequence[bytes]) -> list[str]:
    return [b64encode(one).decode() for one in hashes]
