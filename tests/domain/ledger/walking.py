"""Rows of a ledger as they are stored, for tests of walking along it."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from msgspec.structs import astuple, replace

from domain.ledger.append import LedgerEnd, place
from domain.ledger.recompute import Difference, LedgerRow, LedgerWalk, Row
from domain.orders.events import Draft, Recorded
from domain.privacy.sealing import draft_of, history_originator
from tests.domain.ledger.drafts import content, correction, draft

T0 = 1_756_470_898_000_001
OWN = draft_of(
    replace(content("h1", type="history.snapshot.captured"), order_id=None, stream="snapshot/s1"),
    (),
    history_originator("acme", "snapshot/s1"),
    "history.recorded",
)
DRAFTS = [
    draft("e1"),
    draft("e2", "o2"),
    correction("c1", "e1"),
    OWN,
    draft("e3", metadata=b'{"actor_id":"u1"}', redactions=b'["/payload/x"]'),
    draft("e4"),
]


def rows(drafts: list[Draft] = DRAFTS) -> list[LedgerRow]:
    end = LedgerEnd(40, T0, {}, {})
    made = []
    for sent in drafts:
        (event,) = place(end, [sent])
        assert isinstance(event, Recorded)
        made.append(row(sent, event))
        end.received_us += 1
    return made


def row(sent: Draft, event: Recorded) -> LedgerRow:
    return LedgerRow(
        event.position,
        sent.topic,
        event.originator_id,
        event.originator_version,
        event.tenant_id,
        event.sequence,
        sent.event_id,
        sent.correction_of,
        event.received_us,
        event.entry,
        event.ledger_hash,
        event.state,
    )


def walk(ledger: list[LedgerRow]) -> Difference | None:
    walking = LedgerWalk("acme")
    return next((found for one in ledger if (found := walking.check(one))), None)


COLUMNS: dict[str, Callable[[LedgerRow], LedgerRow]] = {
    "position": lambda r: replace(r, position=r.position - 41),
    "topic": lambda r: replace(r, topic="another.topic"),
    "originator_id": lambda r: replace(r, originator_id=UUID(int=r.originator_id.int ^ 1)),
    "originator_version": lambda r: replace(r, originator_version=r.originator_version + 1),
    "tenant_id": lambda r: replace(r, tenant_id="zeta"),
    "event_id": lambda r: replace(r, event_id="e9"),
    "correction_of": lambda r: replace(r, correction_of="e9"),
    "received_us": lambda r: replace(r, received_us=r.received_us + 1),
    "entry": lambda r: replace(r, entry=bytes(32)),
    "ledger_hash": lambda r: replace(r, ledger_hash=bytes(32)),
}


def page(ledger: list[LedgerRow]) -> list[Row]:
    """As they come from the database."""
    return [(*astuple(one)[:2], one.originator_id.bytes, *astuple(one)[3:]) for one in ledger]
