"""Letting go of what is due: some orders, or a snapshot, in one transaction with the facts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct, field

from application.audit.acts import Acts
from application.erasure.batches import are_too_many, in_batches
from application.erasure.deleting import DeleteValues, Deletion, beside_events, disclosed_of
from application.erasure.ports import Owned, OwnedStore
from application.holds.choke import ChokePoint, has_ended
from application.holds.choke import Held as HeldOrders
from application.ports import OrderHistories
from application.retention.dry_runs import holding
from application.retention.duties import InForce
from application.retention.evaluating import policy_of
from application.retention.ports import Due, DueSnapshot
from application.snapshots.deleting import DeleteSnapshot
from domain.audit.acts import Doer
from domain.erasure.facts import Ground
from domain.erasure.places import Value
from domain.errors import MustBeKept, NotFound, OnHold, Unavailable
from domain.ledger.append import Unmoved
from domain.privacy.disclosing import REDACTED
from domain.privacy.sealing import history_originator, originator
from domain.retention.due import DueEvents
from domain.retention.policies import Policies, Policy

MOST_LISTED = 1000
_ATTEMPTS = 20


class Held(Struct):
    """What a run left under holds: which orders, and which snapshots. orders: the holds of each, of
    MOST_LISTED at most."""

    count: set[str] = field(default_factory=set)
    snapshots: set[str] = field(default_factory=set)
    orders: dict[str, list[str]] = field(default_factory=dict)
    holds: dict[str, None] = field(default_factory=dict)

    def add(self, order_id: str, hold_ids: Sequence[str]) -> None:
        self.count.add(order_id)
        self.holds.update(dict.fromkeys(hold_ids))
        if len(self.orders) < MOST_LISTED:
            self.orders[order_id] = list(hold_ids)


class Running(Struct):
    """A run of a policy: by which job, for whom, and what it left. policy: as it was last looked
    at; guard: the version of the tenant's policies then; now_us: what was due then is meant."""

    tenant_id: str
    job_id: str
    doer: Doer
    policy: Policy
    guard: Unmoved
    now_us: int
    held: Held = field(default_factory=Held)

    @property
    def ground(self) -> Ground:
        return Ground(REDACTED, self.job_id, self.policy.policy_id)


class _PoliciesMoved(Exception):
    """What is due has to be asked anew."""


class LetGo:
    """Deletes past the choke point, while the policy is as it was when it was asked what is due."""

    def __init__(
        self,
        acts: Acts,
        due: Due,
        holds: ChokePoint,
        histories: OrderHistories,
        store: OwnedStore,
        delete: DeleteValues,
        delete_snapshot: DeleteSnapshot,
    ) -> None:
        self._acts = acts
        self._due = due
        self._holds = holds
        self._histories = histories
        self._store = store
        self._delete = delete
        self._delete_snapshot = delete_snapshot

    async def refreshed(self, running: Running) -> Policies:
        """The policies as they are now. Raises PolicyGone, NotEnabled, Unavailable."""
        policies = await self._acts.load(running.tenant_id, Policies())
        running.policy = policy_of(policies, running.policy.policy_id, enabled=True)
        stream = history_originator(running.tenant_id, policies.stream)
        running.guard = [(stream.bytes, policies.version)]
        return policies

    async def orders(self, running: Running, due: DueEvents, order_ids: Sequence[str]) -> bool:
        """Let go of the due values of these orders' events, or note the holds over them. False if
        the policies have moved: what is due has to be asked anew. Raises Unavailable,
        KeyUnavailable."""
        version = running.guard[0][1]

        async def attempt(some: Sequence[str]) -> bool:
            if await self._some(running, due, some):
                return True
            if await self._acts.version(running.tenant_id, Policies().stream) != version:
                raise _PoliciesMoved
            return False

        try:
            await in_batches(order_ids, attempt)
        except _PoliciesMoved:
            return False
        return True

    async def _some(self, running: Running, due: DueEvents, order_ids: Sequence[str]) -> bool:
        """False if something has moved since it was planned, or these are too many at once."""
        tenant_id = running.tenant_id
        held = await self._holds.over(tenant_id, order_ids)
        for order_id, hold_ids in held.by_order.items():
            running.held.add(order_id, hold_ids)
        free = [order_id for order_id in order_ids if order_id not in held.by_order]
        streams = {order_id: originator(tenant_id, order_id) for order_id in free}
        versions = await self._histories.newest_versions(list(streams.values()))
        found = await self._due.sequences(tenant_id, due, free)
        sequences = [sequence for some in found.values() for sequence in some]
        loaded = await self._store.load(tenant_id, [("order", order_id) for order_id in found])
        if are_too_many(loaded):
            return False
        loaded += await self._store.of_actors(tenant_id, sequences)
        deletions = _planned(loaded, await self._store.states(tenant_id, sequences))
        touched = [streams[order_id] for order_id in found]
        moving = [(stream.bytes, versions.get(stream, 0)) for stream in touched]
        guards = [*held.guard, *running.guard, *moving]
        return await self._delete(tenant_id, running.ground, deletions, guards)

    async def has_ended(self, tenant_id: str, running: Running) -> bool:
        """Whether a hold that a run has met holds no more: something has to be let go still."""
        return await has_ended(self._holds, tenant_id, running.held.holds)

    async def snapshot(self, running: Running, one: DueSnapshot) -> bool:
        """Let go of a snapshot, or of what is personal in it; whether that was done. If not, it is
        under holds, which are noted, or a policy keeps it that was made meanwhile, or somebody else
        was faster. Raises PolicyGone, NotEnabled, Unavailable, KeyUnavailable."""
        redacts = running.policy.rule.action == "redact"
        try:
            return await (self._redacted if redacts else self._deleted)(running, one)
        except OnHold as error:
            running.held.add(one.order_id, [hold.hold_id for hold in error.holds])
            running.held.snapshots.add(one.snapshot_id)
            return False

    async def _deleted(self, running: Running, one: DueSnapshot) -> bool:
        """Raises OnHold."""
        await self._free(running.tenant_id, one)
        if await self._is_kept(running, one):
            return False
        try:
            return await self._delete_snapshot(running.tenant_id, running.doer, one.snapshot_id)
        except (NotFound, MustBeKept):
            return False

    async def _redacted(self, running: Running, one: DueSnapshot) -> bool:
        """Raises OnHold."""
        tenant_id, stream = running.tenant_id, originator(running.tenant_id, one.order_id)
        for _ in range(_ATTEMPTS):
            held = await self._free(tenant_id, one)
            if await self._is_kept(running, one):
                return False
            version = await self._histories.newest_version(stream)
            loaded = await self._store.load(tenant_id, [("order", one.order_id)])
            loaded += await self._store.of_actors(tenant_id, [one.sequence])
            deletions = [
                _deletion(owned, {}, {one.sequence: set(owned.opened[one.sequence])})
                for owned in loaded
                if one.sequence in owned.opened
            ]
            guards = [*held.guard, *running.guard, (stream.bytes, version)]
            if await self._delete(tenant_id, running.ground, deletions, guards):
                return bool(deletions)
        raise Unavailable("this order changes all the time; it is tried again")

    async def _is_kept(self, running: Running, one: DueSnapshot) -> bool:
        """By the policies as they are now, which the guard is of from here on."""
        policies = await self.refreshed(running)
        in_force = InForce(running.guard[0], policies.duties(), running.now_us)
        return bool(in_force.keeps_snapshot(one.captured_us))

    async def _free(self, tenant_id: str, one: DueSnapshot) -> HeldOrders:
        """Asked before it is tried, so that what is held each day is not refused each day. Raises
        OnHold."""
        held = await self._holds.over(tenant_id, [one.order_id])
        if hold_ids := holding(held, one):
            raise OnHold([hold.named for hold in held.named(hold_ids)])
        return held


def _planned(loaded: Iterable[Owned], states: Mapping[int, bytes]) -> list[Deletion]:
    """Of each owner all that these events have of it."""
    deletions = []
    for owned in loaded:
        values = disclosed_of(owned, states)
        beside = beside_events(owned, values)
        of_events = {one: beside[one] for one in beside if one in states}
        if any(values.values()) or of_events:
            kept = {sequence: some for sequence, some in values.items() if some}
            deletions.append(_deletion(owned, kept, of_events))
    return deletions


def _deletion(
    owned: Owned, values: dict[int, list[Value]], beside: dict[int, set[str]]
) -> Deletion:
    """An actor keeps its key: it hides what the actor does all the time, and may be of a million
    events, which nobody can wait for to get a new one."""
    return Deletion(owned, values, beside, whole=False, keeps_key=owned.owner[0] == "actor")
