"""Deciding and placing: what happens to drafts once the end of the ledger is known and held.

Pure. The committer loads `LedgerEnd` under its lock, asks `place` for each request in turn, and
writes what was accepted. Two processes never hold a `LedgerEnd` of the same cell at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from domain.errors import (
    EventConflict,
    Forbidden,
    HoldsMoved,
    Invalid,
    OrderHistoryError,
    TenantLeft,
)
from domain.ledger.hashing import GENESIS, chain, entry
from domain.ledger.sealing import event_bytes
from domain.orders.events import Draft, Recorded
from domain.tenancy.closing import closing_stream
from domain.tenancy.quotas import Allowance
from domain.times import format_us

IDEMPOTENCY_KEY = "/Idempotency-Key"
"""What an error points at when the key of a request was used before for another event."""


class Located(Struct, frozen=True, gc=False):
    """Where an event_id stands already, and what a correction of it must know."""

    position: int
    sequence: int
    originator: bytes
    is_correction: bool
    entry: bytes


class TenantEnd(Struct):
    """The end of one tenant's ledger. located: event_id -> where; idempotency: (caller, key) ->
    event_id; of these, at least all that the drafts to be placed name. `closed`: the tenant is not
    registered, where registration is asked for. `left`: it was closed, though its ledger may not
    say so: a backup from before was restored. `allowance`: what of its quota for the day of this
    batch is left; None: it has none."""

    sequence: int = 0
    ledger_hash: bytes = GENESIS
    located: dict[str, Located] = field(default_factory=dict)
    idempotency: dict[tuple[str, str], str] = field(default_factory=dict)
    closed: bool = False
    left: bool = False
    allowance: Allowance | None = None


class LedgerEnd(Struct):
    """Everything that decides about a batch, loaded under the lock and moved on by `place`.

    tenants: by tenant_id; versions: originator -> version, of each tenant's closing stream too;
    both absent before their first event.
    `received_us` is the moment of this batch, later than every received_at before it.
    """

    position: int
    received_us: int
    tenants: dict[str, TenantEnd]
    versions: dict[bytes, int]


class Repeated(Struct, frozen=True):
    """The event_id is on the ledger already, at this place, with these bytes' entry."""

    position: int
    sequence: int
    entry: bytes


Placed = Recorded | Repeated | OrderHistoryError
Unmoved = Sequence[tuple[bytes, int]]
"""Streams by their originators, and the versions that they must still have."""


def has_moved(end: LedgerEnd, unless_moved: Unmoved) -> bool:
    """Whether one of the streams has another version by now; `end` knows each that has an event."""
    return any(end.versions.get(stream, 0) != version for stream, version in unless_moved)


def place(
    end: LedgerEnd,
    drafts: Sequence[Draft],
    *,
    atomic: bool = False,
    idempotency: tuple[str, str] | None = None,
    unless_moved: Unmoved = (),
) -> list[Placed]:
    """Append the drafts of one request, all of one tenant, to the end of the ledger; one result
    each, in order.

    `atomic`: if one draft cannot be placed, none is, and each result is its error; drafts that are
    all there already are each Repeated. `idempotency` is (caller, key): a key used before for
    another event is an error. `unless_moved`: if one of these streams has moved on, none is placed;
    what is there already is Repeated, and all others are HoldsMoved.
    """
    end.tenants.setdefault(drafts[0].tenant_id, TenantEnd())
    if has_moved(end, unless_moved):
        located = end.tenants[drafts[0].tenant_id].located
        return [_repeated(located.get(draft.event_id)) or HoldsMoved() for draft in drafts]
    if not atomic:
        return _place(end, drafts, idempotency)
    tried = _place(_copy(end, drafts[0].tenant_id), drafts, idempotency)
    if all(isinstance(result, Repeated) for result in tried):
        return tried  # nothing is written either way
    if obstacle := next((one for one in map(_obstacle, drafts, tried) if one), None):
        return [obstacle] * len(drafts)
    return _place(end, drafts, idempotency)


def _place(
    end: LedgerEnd, drafts: Sequence[Draft], idempotency: tuple[str, str] | None
) -> list[Placed]:
    received_at = format_us(end.received_us).encode()
    tenant = end.tenants[drafts[0].tenant_id]
    results: list[Placed] = []
    for draft in drafts:
        found = _decide(end, tenant, draft, idempotency)
        results.append(_append(end, tenant, draft, received_at) if found is None else found)
        if idempotency is not None and not isinstance(found, OrderHistoryError):
            tenant.idempotency[idempotency] = draft.event_id
    return results


def _copy(end: LedgerEnd, tenant_id: str) -> LedgerEnd:
    """One that `_place` may move on, for this tenant, without moving this one."""
    tenant = end.tenants[tenant_id]
    copied = replace(tenant, located=dict(tenant.located), idempotency=dict(tenant.idempotency))
    return replace(end, tenants={tenant_id: copied}, versions=dict(end.versions))


def _obstacle(draft: Draft, placed: Placed) -> OrderHistoryError | None:
    if isinstance(placed, Repeated):
        return EventConflict(draft.event_id, [""])
    return placed if isinstance(placed, OrderHistoryError) else None


def _decide(
    end: LedgerEnd, tenant: TenantEnd, draft: Draft, idempotency: tuple[str, str] | None
) -> Repeated | OrderHistoryError | None:
    """None: append it."""
    if tenant.closed:
        return Forbidden("this tenant is not registered")
    if idempotency is not None:
        used_for = tenant.idempotency.get(idempotency)
        if used_for is not None and used_for != draft.event_id:
            return Invalid.field(IDEMPOTENCY_KEY, "was used for another event; send a new key")
    there = _repeated(tenant.located.get(draft.event_id))
    if there is not None:
        return there
    if tenant.left or end.versions.get(closing_stream(draft.tenant_id)):
        return TenantLeft()
    allowance = tenant.allowance
    if allowance is not None and draft.metered and tenant.sequence >= allowance.up_to:
        return allowance.refusal(end.received_us)
    return _check_target(tenant, draft) if draft.correction_of is not None else None


def _repeated(there: Located | None) -> Repeated | None:
    return None if there is None else Repeated(there.position, there.sequence, there.entry)


def _check_target(tenant: TenantEnd, draft: Draft) -> OrderHistoryError | None:
    target = tenant.located.get(draft.correction_of or "")
    if target is None:
        if draft.target_required:
            return Invalid.field("/correction_of", "names no recorded event of this order")
        return None
    if target.originator != draft.originator:
        return Invalid.field("/correction_of", "names an event of another order")
    if target.is_correction:
        return Invalid.field(
            "/correction_of", "names a correction; correct the original event again instead"
        )
    return None


def _append(end: LedgerEnd, tenant: TenantEnd, draft: Draft, received_at: bytes) -> Recorded:
    originator = draft.originator
    position, sequence = end.position + 1, tenant.sequence + 1
    version = end.versions.get(originator, 0) + 1
    state = event_bytes(draft, version, received_at)
    digest = entry(state)
    head = chain(tenant.ledger_hash, digest)
    end.position, tenant.sequence, tenant.ledger_hash = position, sequence, head
    end.versions[originator] = version
    is_correction = draft.correction_of is not None
    tenant.located[draft.event_id] = Located(position, sequence, originator, is_correction, digest)
    return Recorded(
        position,
        draft.tenant_id,
        sequence,
        originator,
        version,
        end.received_us,
        digest,
        head,
        state,
    )
