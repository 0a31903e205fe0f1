"""Deciding and placing: what happens to drafts once the end of the ledger is known and held.

Pure. The committer loads `LedgerEnd` under its lock, asks `place` for each request in turn, and
writes what was accepted. Two processes never hold a `LedgerEnd` of the same cell at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from domain.errors import EventConflict, Forbidden, Invalid, OrderHistoryError
from domain.ledger.sealing import GENESIS, chain, entry, event_bytes
from domain.orders.events import Draft, Recorded
from domain.times import format_us

IDEMPOTENCY_KEY = "/Idempotency-Key"
"""What an error points at when the key of a request was used before for another event."""


class Located(Struct, frozen=True):
    """Where an event_id stands already, and what a correction of it must know."""

    position: int
    originator_id: UUID
    is_correction: bool
    entry: bytes


class LedgerEnd(Struct):
    """Everything that decides about a batch, loaded under the lock and moved on by `place`.

    heads: tenant -> (sequence, ledger_hash); versions: originator -> version; located: (tenant,
    event_id) -> where; idempotency: (tenant, caller, key) -> event_id. Absent means none yet.
    `received_us` is the moment of this batch, later than every received_at before it.
    """

    position: int
    received_us: int
    heads: dict[str, tuple[int, bytes]]
    versions: dict[UUID, int]
    located: dict[tuple[str, str], Located]
    idempotency: dict[tuple[str, str, str], str]
    closed_to: frozenset[str] = frozenset()
    """Tenants that are not registered, where registration is asked for."""


class Repeated(Struct, frozen=True):
    """The event_id is on the ledger already, at this position, with these bytes' entry."""

    position: int
    entry: bytes


Placed = Recorded | Repeated | OrderHistoryError


def place(
    end: LedgerEnd,
    drafts: Sequence[Draft],
    *,
    atomic: bool = False,
    idempotency: tuple[str, str] | None = None,
) -> list[Placed]:
    """Append the drafts of one request to the end of the ledger; one result each, in order.

    `atomic`: if one draft cannot be placed, none is, and each result is its error; drafts that are
    all there already are each Repeated. `idempotency` is (caller, key): a key used before for
    another event is an error.
    """
    if not atomic:
        return _place(end, drafts, idempotency)
    tried = _place(_copy(end), drafts, idempotency)
    if all(isinstance(result, Repeated) for result in tried):
        return tried  # nothing is written either way
    if obstacle := next((one for one in map(_obstacle, drafts, tried) if one), None):
        return [obstacle] * len(drafts)
    return _place(end, drafts, idempotency)


def _place(
    end: LedgerEnd, drafts: Sequence[Draft], idempotency: tuple[str, str] | None
) -> list[Placed]:
    received_at = format_us(end.received_us)
    results: list[Placed] = []
    for draft in drafts:
        found = _decide(end, draft, idempotency)
        results.append(_append(end, draft, received_at) if found is None else found)
        if found is None and idempotency is not None:
            end.idempotency[draft.tenant_id, *idempotency] = draft.event_id
    return results


def _copy(end: LedgerEnd) -> LedgerEnd:
    """One that `_place` may move on without moving this one."""
    names = ("heads", "versions", "located", "idempotency")
    return replace(end, **{name: dict(getattr(end, name)) for name in names})


def _obstacle(draft: Draft, placed: Placed) -> OrderHistoryError | None:
    if isinstance(placed, Repeated):
        return EventConflict(draft.event_id, [""])
    return placed if isinstance(placed, OrderHistoryError) else None


def _decide(
    end: LedgerEnd, draft: Draft, idempotency: tuple[str, str] | None
) -> Repeated | OrderHistoryError | None:
    """None: append it."""
    if draft.tenant_id in end.closed_to:
        return Forbidden("this tenant is not registered")
    if idempotency is not None:
        used_for = end.idempotency.get((draft.tenant_id, *idempotency))
        if used_for is not None and used_for != draft.event_id:
            return Invalid.field(IDEMPOTENCY_KEY, "was used for another event; send a new key")
    there = end.located.get((draft.tenant_id, draft.event_id))
    if there is not None:
        return Repeated(there.position, there.entry)
    return _check_target(end, draft) if draft.correction_of is not None else None


def _check_target(end: LedgerEnd, draft: Draft) -> OrderHistoryError | None:
    target = end.located.get((draft.tenant_id, draft.correction_of or ""))
    if target is None:
        if draft.target_required:
            return Invalid.field("/correction_of", "names no recorded event of this order")
        return None
    if target.originator_id != draft.originator_id:
        return Invalid.field("/correction_of", "names an event of another order")
    if target.is_correction:
        return Invalid.field(
            "/correction_of", "names a correction; correct the original event again instead"
        )
    return None


def _append(end: LedgerEnd, draft: Draft, received_at: str) -> Recorded:
    sequence, previous = end.heads.get(draft.tenant_id, (0, GENESIS))
    version = end.versions.get(draft.originator_id, 0) + 1
    state = event_bytes(draft, version, received_at)
    digest = entry(state)
    recorded = Recorded(
        position=end.position + 1,
        tenant_id=draft.tenant_id,
        sequence=sequence + 1,
        originator_id=draft.originator_id,
        originator_version=version,
        received_us=end.received_us,
        entry=digest,
        ledger_hash=chain(previous, digest),
        state=state,
    )
    end.position = recorded.position
    end.heads[draft.tenant_id] = (recorded.sequence, recorded.ledger_hash)
    end.versions[draft.originator_id] = version
    end.located[draft.tenant_id, draft.event_id] = Located(
        recorded.position, draft.originator_id, draft.correction_of is not None, digest
    )
    return recorded
