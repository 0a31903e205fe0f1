"""What the proofs need from outside. Durability and concurrency as stated here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from domain.errors import Unavailable
from domain.ledger.checkpoints import Checkpoint
from domain.ledger.notes import NoteSignature, VerifierKey
from domain.ledger.recompute import LedgerRow
from domain.ledger.tiles import Tile
from domain.privacy.disclosing import Kept

GLOBAL = "_global"
"""Stands for the global log where a tenant's id stands. No tenant's id begins with `_`."""


class LedgerDamaged(Unavailable):
    """Events that were signed are not in the store: no proof over them can be made."""

    retry_after = 60


class SignedHead(Struct, frozen=True):
    """A checkpoint of a log, as a signed note with every cosignature gathered so far.

    `tenant_id` is GLOBAL for the global log. `round`: of the global log, the first that covers it.
    """

    tenant_id: str
    epoch: int
    size: int
    note: str
    round: int
    signed_us: int


class Round(Struct, frozen=True):
    """One round of the global log, with what it is over. head_leaves: by place, 32 bytes each."""

    number: int
    text: str
    head_leaves: bytes


class Anchoring(Struct, frozen=True):
    """What a tenant's checkpoint can be chained to. whole: the newest trusted checkpoint of the
    global log; place: of the tenant, in each of its rounds; rounds: newest first."""

    whole: SignedHead
    place: int
    rounds: Sequence[Round]


class StoredEvent(Struct, frozen=True):
    """An event as it is stored at this moment. ledger_hash_before: that of the event before it,
    GENESIS for the first; None when that event is not there. trusted: the newest trusted checkpoint
    of its log."""

    row: LedgerRow
    ledger_hash_before: bytes | None
    trusted: SignedHead | None


class KeptDisclosures(Protocol):
    """What lies beside events."""

    async def kept(self, tenant_id: str, sequence: int) -> Kept:
        """Of one event. Raises KeyUnavailable when the key store does not answer."""
        ...


class LedgerReader(Protocol):
    """Reads what was signed and the hashes below it. Every method is safe at once.

    What is not in a full tile yet comes from the events themselves; so for any size up to the
    newest checkpoint all hashes are there.
    """

    async def newest(self, tenant_id: str, *, trusted: bool) -> SignedHead | None:
        """The newest checkpoint of the current epoch; `trusted`: that the witness policy accepts.
        None before the first."""
        ...

    async def hashes(self, tenant_id: str, tiles: Sequence[Tile]) -> Mapping[Tile, bytes]:
        """The hashes of these tiles (of the tenant's log, or the global one), 32 bytes each."""
        ...

    async def entries(self, tenant_id: str, first: int, last: int) -> list[bytes]:
        """The entries with sequences first..last, of a tenant's log or (rounds) the global one."""
        ...

    async def event(self, tenant_id: str, wanted: str | int) -> StoredEvent | None:
        """A whole row of the event store, by event_id or by sequence."""
        ...

    async def order_erased(self, tenant_id: str, order_id: str) -> bool:
        """Whether an event of the service's own says that of this order nothing is kept."""
        ...

    async def erased(self, tenant_id: str, sequence: int) -> frozenset[str]:
        """The pointers into this event that later events of the service's own say are erased."""
        ...

    async def replaced(self, tenant_id: str, sequence: int) -> frozenset[str]:
        """Those at which pseudonyms stand, as later events of the service's own say."""
        ...

    async def anchoring(self, head: SignedHead) -> Anchoring | None:
        """For a tenant's checkpoint: of the newest round and the first that covers it those whose
        heads are still kept. None where there is no global log of its epoch yet."""
        ...


class LogKeys(Protocol):
    """The keys of the installation's logs: durable before they are first used."""

    @property
    def service_origin(self) -> str:
        """Made at first start, and kept."""
        ...

    def sign(
        self, checkpoint: Checkpoint, time_s: int, *, brief: bool = False
    ) -> tuple[NoteSignature, ...]:
        """By every key in use, under the checkpoint's origin as their name. Raises KeyUnavailable.

        time_s: seconds since 1970, in signatures that hold a time. brief: by Ed25519 alone, which
        takes a tenth of the time.
        """
        ...

    def verifier_keys(self, origin: str) -> tuple[VerifierKey, ...]:
        """The current key first, each key's Ed25519 before its ML-DSA; then those before it."""
        ...


class ObjectStore(Protocol):
    """Write-once storage, such as a directory, or S3 with Object Lock."""

    async def put(self, objects: Mapping[str, bytes]) -> None:
        """Store objects by key; durable on return. What is there already stays as it is.

        Raises Conflict, having stored the others, when something else is there under a key;
        Unavailable when the storage does not answer or is full.
        """
        ...

    async def get(self, key: str) -> bytes | None: ...

    async def largest(self, prefix: str) -> int | None:
        """The largest of the decimal names directly under a prefix; None when there is none."""
        ...
