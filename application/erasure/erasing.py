"""Erasing a person: order by order, each in one transaction with the fact that it is gone.

    find ──▶ for each order, and the actor: what of it is theirs ──▶ the choke point
         ──▶ the fact, the deletions beside it, under the guard that nothing has moved
         ──▶ bucket keys renewed, terms made anew, kept lines deleted ──▶ every store read again

What an earlier attempt has erased is not disclosed any more, so it is not erased again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from uuid import uuid4

import msgspec
from msgspec import Struct, field

from application.erasure.ports import Entry, Erasures, Journal, Owned, OwnedStore
from application.holds.choke import ChokePoint
from application.ports import Accepted, Clock, Door, OrderHistories, Outcome, Refused, Statement
from domain.erasure.places import Value, is_customer, named, placed
from domain.erasure.subjects import Subject, erased
from domain.errors import HoldsMoved, Unavailable
from domain.orders.events import Draft, decode_body
from domain.privacy.sealing import Opened, originator
from domain.times import format_us

_ATTEMPTS = 20
_SUBMITTED_AT_ONCE = 250


class Erased(Struct):
    """What came of it. values: how many were erased, in this attempt; retained: order -> the holds
    over it; holds: those over the person."""

    values: int = 0
    retained: dict[str, list[str]] = field(default_factory=dict)
    holds: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether nothing was retained."""
        return not self.retained and not self.holds


class _Plan(Struct):
    """Of one owner: its values that go, by sequence; whether these are all."""

    owned: Owned
    values: dict[int, list[Value]]
    beside: dict[int, set[str]]
    """Digests that stand in no event: those of snapshots."""
    whole: bool


class EraseOwners:
    """Erases what is a person's of orders and of an actor."""

    def __init__(
        self,
        door: Door,
        store: OwnedStore,
        histories: OrderHistories,
        holds: ChokePoint,
        journal: Journal,
        erasures: Erasures,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._door = door
        self._store = store
        self._histories = histories
        self._holds = holds
        self._journal = journal
        self._erasures = erasures
        self._clock = clock
        self._random_bytes = random_bytes

    async def order(
        self, tenant_id: str, job_id: str, order_id: str, subject: Subject, into: Erased, *,
        whole: bool,
    ) -> None:  # fmt: skip
        """Erase what is the person's of an order, everything if it is `whole` theirs; or note the
        holds over it. Raises Unavailable, KeyUnavailable."""
        stream = originator(tenant_id, order_id)
        for _ in range(_ATTEMPTS):
            held = await self._holds.over(tenant_id, [order_id])
            if order_id in held.by_order:
                into.retained[order_id] = list(held.by_order[order_id])
                return
            version = await self._histories.newest_version(stream)
            owned = await self._store.load(tenant_id, ("order", order_id))
            if owned is None:
                return
            plan = await self._planned(tenant_id, owned, subject, whole=whole)
            if not plan.values and not plan.beside:
                return
            guards = [*held.guard, (stream.bytes, version)]
            if await self._done(tenant_id, job_id, plan, guards, into):
                return
        raise Unavailable("this order changes all the time; it is tried again")

    async def actor(self, tenant_id: str, job_id: str, actor_id: str, into: Erased) -> None:
        """Erase what an actor's key hides: addresses, programs; or note the holds over the person.
        What the actor does meanwhile is found by the next round."""
        for _ in range(_ATTEMPTS):
            held = await self._holds.over(tenant_id, [])
            into.holds = held.of_subject(actor_id)
            owned = await self._store.load(tenant_id, ("actor", actor_id))
            if into.holds or owned is None:
                return
            plan = await self._planned(tenant_id, owned, Subject(id=actor_id), whole=True)
            if await self._done(tenant_id, job_id, plan, held.guard, into):
                return
        raise Unavailable("the holds change all the time; it is tried again")

    async def _planned(
        self, tenant_id: str, owned: Owned, subject: Subject, *, whole: bool
    ) -> _Plan:
        states = await self._store.states(tenant_id, list(owned.texts))
        values = {
            sequence: _values(states[sequence], opened)
            for sequence, opened in owned.opened.items()
            if sequence in states
        }
        beside = {
            sequence: rest
            for sequence, opened in owned.opened.items()
            if (rest := set(opened) - {one.digest for one in values.get(sequence, ())})
        }
        events = list(values.values())
        if not whole and subject.email is not None and is_customer(events, subject.email):
            whole = True
        if not whole:
            values = _theirs(values, states, subject)
            beside = beside if values else {}  # snapshots are copies: they go as a whole
        kept = {sequence: some for sequence, some in values.items() if some}
        return _Plan(owned, kept, beside, whole)

    async def _done(
        self,
        tenant_id: str,
        job_id: str,
        plan: _Plan,
        guards: Sequence[tuple[bytes, int]],
        into: Erased,
    ) -> bool:
        """False if something has moved since it was planned."""
        owned = plan.owned
        kind, name = owned.owner
        digests = {sequence: {one.digest for one in some} for sequence, some in plan.values.items()}
        for sequence, rest in plan.beside.items():
            digests.setdefault(sequence, set()).update(rest)
        entry = Entry(
            uuid4().hex,
            job_id,
            owned.owner,
            plan.whole,
            {sequence: sorted(some) for sequence, some in digests.items()},
        )
        drafts = erased(
            tenant_id,
            job_id,
            {sequence: [one.pointer for one in some] for sequence, some in plan.values.items()},
            [name] if plan.whole and kind == "order" else [],
            entry.entry_id,
            now=format_us(self._clock()),
            random_bytes=self._random_bytes,
        )
        statements = (
            self._store.erasing(tenant_id, owned)
            if plan.whole
            else self._store.erasing_some(tenant_id, owned, digests)
        )
        self._journal.begin(tenant_id, entry)
        statements.append(self._erasures.noting(tenant_id, entry.entry_id, told=True))
        if not await self._submitted(drafts, statements, guards):
            return False
        self._journal.done(tenant_id, entry.entry_id)
        into.values += sum(map(len, digests.values()))
        return True

    async def _submitted(
        self,
        drafts: Sequence[Draft],
        statements: Sequence[Statement],
        guards: Sequence[tuple[bytes, int]],
    ) -> bool:
        """Whether the facts are on the ledger, the deletions committed with the last of them: until
        then what is told to be erased may still be there, and another attempt erases it."""
        last = (len(drafts) - 1) // _SUBMITTED_AT_ONCE * _SUBMITTED_AT_ONCE
        for start in range(0, len(drafts), _SUBMITTED_AT_ONCE):
            some = list(drafts[start : start + _SUBMITTED_AT_ONCE])

            def beside(
                outcomes: Sequence[Outcome], *, deleting: bool = start == last
            ) -> Sequence[Statement]:
                fit = all(isinstance(one, Accepted) for one in outcomes)
                return statements if fit and deleting else ()

            for one in await self._door.submit(some, beside=beside, unless_moved=guards):
                if isinstance(one, Refused):
                    if isinstance(one.error, HoldsMoved):
                        return False
                    raise one.error
        return True


def _values(state: bytes, opened: Opened) -> list[Value]:
    body = decode_body(state)
    found = placed(msgspec.json.decode(body.payload), "payload", opened)
    if body.metadata is not msgspec.UNSET:
        found += placed(msgspec.json.decode(body.metadata), "metadata", opened)
    return found


def _theirs(
    values: Mapping[int, list[Value]], states: Mapping[int, bytes], subject: Subject
) -> dict[int, list[Value]]:
    """Of an order of somebody else's."""
    if subject.email is not None:
        of_each = named(list(values.values()), subject.email)
        return dict(zip(values, of_each, strict=True))
    return {
        sequence: [one for one in some if one.path[0] == "payload"]
        for sequence, some in values.items()
        if _names_customer(states[sequence], subject.id)
    }


def _names_customer(state: bytes, customer_id: str | None) -> bool:
    payload = msgspec.json.decode(decode_body(state).payload)
    customer = payload.get("customer")
    ids = (payload.get("customer_id"), customer.get("id") if type(customer) is dict else None)
    return customer_id in ids
