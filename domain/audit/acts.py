"""Acts of administrators: decided by an event-sourced aggregate, kept as `history.*` events.

    aggregate ──decide──▶ Act ──draft──▶ the one door ──▶ Fact ──apply──▶ aggregate

An aggregate is a stream of the tenant's ledger. The id of its event is made of the stream and the
event's number there: of two that decide at once, the ledger takes the first, and the other one
finds its id taken and decides anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec
from msgspec import UNSET, Struct, structs

from domain.orders.events import Draft, Incoming, decode_body
from domain.privacy.classify import NO_MARKS, Marks
from domain.privacy.sealing import conceal, draft_of, history_originator
from domain.snapshots.events import SOURCE, TOPIC
from domain.times import format_us

Values = Mapping[str, Any]


HISTORY = "history."
OF_ORDERS = "history.snapshot."
"""What of the service's own events tells of orders, and is read as these are."""


def is_act(event_type: str) -> bool:
    """Whether an event tells what was done to the service: who may do what, what was erased, what
    is amiss. It is for who may read the audit log."""
    return event_type.startswith(HISTORY) and not event_type.startswith(OF_ORDERS)


class Doer(Struct, frozen=True):
    """Who acts, and from where: the address that the request came from, None if it came by none.
    `subject` is no email address."""

    subject: str
    address: str | None = None


class Act(Struct, frozen=True):
    """A decision. target: what it is about, such as `role/fraud`; before, after: what of it was
    changed, None where there was nothing, or is nothing any more. marks: what of these is personal
    whatever it is called, or is not, by path below `before` and `after`."""

    type: str
    target: str
    before: Values | None = None
    after: Values | None = None
    marks: Marks = NO_MARKS


class Fact(Struct, frozen=True):
    """An act as the ledger has it. Personal values are digests."""

    type: str
    version: int
    sequence: int
    received_us: int
    actor: str | None
    target: str
    before: Values | None
    after: Values | None


class Aggregate(Protocol):
    """What the facts of a stream come to. version: of its newest fact, 0 before the first."""

    stream: str
    version: int

    def apply(self, fact: Fact) -> None:
        """Take the next fact. One of a type that is not known changes nothing."""
        ...


class _Said(Struct):
    target: str = ""
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None


class _Doer(Struct):
    actor_id: str | None = None


_decode = msgspec.json.Decoder(_Said).decode
_decode_doer = msgspec.json.Decoder(_Doer).decode


def act_id(stream: str, version: int) -> str:
    """The id of a stream's event, in the prefix that no producer may use."""
    return f"oh_evt_{stream}/{version}"


def draft(
    tenant_id: str,
    stream: str,
    version: int,
    act: Act,
    doer: Doer,
    *,
    now_us: int,
    random_bytes: Callable[[int], bytes],
) -> Draft:
    """The event of an act. What of it is personal is hidden with the key of who did it."""
    metadata = {"actor_id": doer.subject}
    if doer.address is not None:
        metadata["ip"] = doer.address
    incoming = Incoming(
        event_id=act_id(stream, version),
        order_id="",
        occurred_at=format_us(now_us),
        occurred_us=now_us,
        source=SOURCE,
        type=act.type,
        schema_version="v1",
        payload={"target": act.target, "before": act.before, "after": act.after},
        metadata=metadata,
    )
    marks = {(side, *path): is_so for path, is_so in act.marks.items() for side in _SIDES}
    sealed, disclosed = conceal(
        incoming, tenant_id, marks, random_bytes=random_bytes, owner=("actor", doer.subject)
    )
    content = structs.replace(sealed, order_id=None, stream=stream)
    return draft_of(content, disclosed, history_originator(tenant_id, stream), TOPIC)


_SIDES = ("before", "after")


def fact_of(version: int, sequence: int, received_us: int, state: bytes) -> Fact:
    """The act that an event of a stream tells. Raises msgspec.MsgspecError for other bytes."""
    body = decode_body(state)
    said = _decode(body.payload)
    actor = None if body.metadata is UNSET else _decode_doer(body.metadata).actor_id
    return Fact(
        body.type, version, sequence, received_us, actor, said.target, said.before, said.after
    )
