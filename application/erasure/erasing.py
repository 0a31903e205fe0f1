"""Erasing a person: some orders at a time, each batch in one transaction with the fact that it is
gone.

    find ──▶ the choke point ──▶ of each order, and the actor: what of it is theirs
         ──▶ without what a duty keeps: the fact, the deletions beside it, unless anything has moved
         ──▶ bucket keys renewed, terms made anew, kept lines deleted ──▶ every store read again

What an earlier attempt has erased is not disclosed any more, so it is not erased again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from msgspec import Struct, field

from application.erasure.batches import are_too_many, in_batches
from application.erasure.deleting import Changes, Deletion, beside_events, disclosed_of
from application.erasure.keeping import Duty, duty_of, split
from application.erasure.ports import Owned, OwnedStore, Owner
from application.holds.choke import Holding, has_ended
from application.ports import OrderHistories
from application.retention.duties import InForce
from domain.erasure.facts import Ground
from domain.erasure.shares import Share
from domain.erasure.subjects import Subject
from domain.errors import Unavailable
from domain.orders.events import decode_body
from domain.privacy.disclosing import ERASED
from domain.privacy.sealing import originator

_ATTEMPTS = 20


class Erased(Struct):
    """What came of it. values: how many were erased, or changed, in this attempt; retained: order
    -> the holds over it; holds: those over the person, or over orders in which they acted; kept:
    what retention policies keep of an owner; policies: the version of their stream."""

    values: int = 0
    retained: dict[str, list[str]] = field(default_factory=dict)
    holds: list[str] = field(default_factory=list)
    kept: dict[Owner, Duty] = field(default_factory=dict)
    policies: int = 0

    @property
    def hold_ids(self) -> set[str]:
        """The holds that were met."""
        return {one for some in (*self.retained.values(), self.holds) for one in some}

    @property
    def is_free(self) -> bool:
        """Whether nothing is under a hold."""
        return not self.retained and not self.holds

    @property
    def is_whole(self) -> bool:
        """Whether nothing was retained."""
        return self.is_free and not self.kept

    def look_again(self) -> None:
        """All of it is asked for anew: holds may have ended."""
        self.retained, self.holds = {}, []

    def took(self, deletions: Sequence[Deletion]) -> None:
        """These are committed."""
        self.values += sum(len(some) for one in deletions for some in one.digests.values())

    def keeps(self, owner: Owner, duty: Duty | None) -> None:
        """What is kept of an owner, as it was planned last."""
        self.kept.pop(owner, None)
        if duty is not None:
            self.kept[owner] = duty


class Keeping(Protocol):
    """What must be kept: the duties."""

    async def in_force(self, tenant_id: str) -> InForce:
        """See `Duties.in_force`."""
        ...


class EraseOwners:
    """Erases what is a person's of orders and of an actor; or does to it what `change` does. alias:
    given a tenant and an email address, the one that stands for it; type: of the facts; narrowed:
    what of a plan is meant."""

    def __init__(
        self,
        change: Changes,
        store: OwnedStore,
        histories: OrderHistories,
        holds: Holding,
        duties: Keeping,
        alias: Callable[[str, str], str],
        type: str = ERASED,  # noqa: A002  # the ledger's word
        narrowed: Callable[[Deletion], Deletion] = lambda plan: plan,
    ) -> None:
        self._change = change
        self._store = store
        self._histories = histories
        self._holds = holds
        self._duties = duties
        self._alias = alias
        self._type = type
        self._narrowed = narrowed

    async def orders(
        self,
        tenant_id: str,
        job_id: str,
        orders: Mapping[str, bool],
        subject: Subject,
        into: Erased,
    ) -> None:
        """Erase what is the person's of some orders, everything of those that are wholly theirs
        (True); or note the holds over them. Raises Unavailable, KeyUnavailable."""

        async def attempt(order_ids: Sequence[str]) -> bool:
            some = {order_id: orders[order_id] for order_id in order_ids}
            return await self._erased(tenant_id, job_id, some, subject, into)

        await in_batches(list(orders), attempt)

    async def has_ended(self, tenant_id: str, erased: Erased) -> bool:
        """Whether a hold that was met holds no more, and nobody was told of this job then. Raises
        Unavailable."""
        return await has_ended(self._holds, tenant_id, erased.hold_ids)

    async def actor(self, tenant_id: str, job_id: str, actor_id: str, into: Erased) -> None:
        """Erase what the keys of an actor hide: addresses, programs, reasons why something was
        read; or note the holds over the person, and over orders in which they acted.
        What the actor does meanwhile is found by the next round."""
        for _ in range(_ATTEMPTS):
            owners = [("actor", actor_id), ("reader", actor_id)]
            loaded = await self._store.load(tenant_id, owners)
            states = await self._states(tenant_id, loaded)
            orders = {at: decode_body(state).order_id for at, state in states.items()}
            acted = dict.fromkeys(one for one in orders.values() if one is not None)
            held = await self._holds.over(tenant_id, list(acted))
            into.holds = held.of_subject(actor_id)
            if into.holds:
                return
            into.holds = list(dict.fromkeys(one for of in held.by_order.values() for one in of))
            in_force = await self._duties.in_force(tenant_id)
            subject, whole = Subject(id=actor_id), {actor_id: True}
            planned = self._planned(tenant_id, loaded, states, subject, whole, in_force, into)
            stays = {at for at, order_id in orders.items() if order_id in held.by_order}
            planned = [_but(one, stays) for one in planned]
            deletions = [one for one in planned if one.whole or one.values or one.beside]
            guards = [*held.guard, in_force.guard]
            if await self._change(tenant_id, Ground(self._type, job_id), deletions, guards):
                into.took(deletions)
                return
        raise Unavailable("the holds change all the time; it is tried again")

    async def _erased(
        self,
        tenant_id: str,
        job_id: str,
        orders: Mapping[str, bool],
        subject: Subject,
        into: Erased,
    ) -> bool:
        """False if something has moved since it was planned, or these are too many at once."""
        held = await self._holds.over(tenant_id, list(orders))
        for order_id in orders:
            into.retained.pop(order_id, None)
        into.retained.update((order_id, list(of)) for order_id, of in held.by_order.items())
        free = [order_id for order_id in orders if order_id not in held.by_order]
        streams = {order_id: originator(tenant_id, order_id) for order_id in free}
        versions = await self._histories.newest_versions(list(streams.values()))
        loaded = await self._store.load(tenant_id, [("order", order_id) for order_id in free])
        if are_too_many(loaded):
            return False
        in_force = await self._duties.in_force(tenant_id)
        states = await self._states(tenant_id, loaded)
        planned = self._planned(tenant_id, loaded, states, subject, orders, in_force, into)
        deletions = [one for one in planned if one.values or one.beside]
        touched = [streams[one.owned.owner[1]] for one in deletions]
        moving = [*held.guard, in_force.guard]
        guards = [*moving, *((stream.bytes, versions[stream]) for stream in touched)]
        if not await self._change(tenant_id, Ground(self._type, job_id), deletions, guards):
            return False
        into.took(deletions)
        return True

    async def _states(self, tenant_id: str, loaded: Sequence[Owned]) -> Mapping[int, bytes]:
        return await self._store.states(tenant_id, [at for one in loaded for at in one.texts])

    def _planned(
        self,
        tenant_id: str,
        loaded: Sequence[Owned],
        states: Mapping[int, bytes],
        subject: Subject,
        whole: Mapping[str, bool],
        in_force: InForce,
        into: Erased,
    ) -> list[Deletion]:
        into.policies = in_force.guard[1]
        # By the alias where what pseudonyms stand for is lost: else the values are what they were.
        alias = None if subject.email is None else self._alias(tenant_id, subject.email)
        deletions = []
        for owned in loaded:
            share = Share(subject, alias)
            one = _all(owned, states, share, whole=whole[owned.owner[1]])
            values, kept = split(one.values, states, in_force)
            beside, also_kept = split(one.beside, states, in_force)
            duty = duty_of([*kept, *also_kept])
            into.keeps(owned.owner, duty)
            meant = Deletion(owned, values, beside, one.whole and duty is None)
            deletions.append(self._narrowed(meant))
        return deletions


def _but(plan: Deletion, stays: Collection[int]) -> Deletion:
    """Without what these events have of the owner."""
    values = {at: some for at, some in plan.values.items() if at not in stays}
    beside = {at: some for at, some in plan.beside.items() if at not in stays}
    fewer = len(values) < len(plan.values) or len(beside) < len(plan.beside)
    return Deletion(plan.owned, values, beside, plan.whole and not fewer)


def _all(owned: Owned, states: Mapping[int, bytes], share: Share, *, whole: bool) -> Deletion:
    """All of an owner that is the person's."""
    values = disclosed_of(owned, states)
    beside = beside_events(owned, values)
    for some in values.values():
        share.look(some)
    whole = whole or share.is_whole
    if not whole:
        payloads = {at: decode_body(states[at]).payload for at in values}
        values = {at: share.of(payloads[at], some) for at, some in values.items()}
        beside = beside if any(values.values()) else {}  # snapshots are copies: they go as a whole
    kept = {sequence: some for sequence, some in values.items() if some}
    return Deletion(owned, kept, beside, whole)
