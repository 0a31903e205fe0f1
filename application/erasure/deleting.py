"""Changing personal values, as a rule deleting them: in one transaction with the facts that tell of
it, and written down in the journal around that.

    journal: begun ──▶ originals kept apart, of what gets pseudonyms
                   ──▶ the door: facts, changes beside them, under the guards
                   ──▶ what is kept of pseudonyms settled ──▶ journal: done

Whoever decides what goes asks the choke point first, and gives the guard of its answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol
from uuid import uuid4

from msgspec import Struct

from application.erasure.ports import Entry, Erasures, Journal, Owned, OwnedStore, Turns
from application.ports import Accepted, Clock, Door, Outcome, Refused, Statement
from application.pseudonyms.settling import SettleMappings
from domain.erasure.facts import Ground, facts
from domain.erasure.places import Value
from domain.erasure.shares import values_of
from domain.errors import HoldsMoved
from domain.ledger.append import Unmoved
from domain.orders.events import Draft
from domain.times import format_us

_SUBMITTED_AT_ONCE = 250


class Deletion(Struct):
    """What goes of one owner, or is changed. values: of events, by sequence; beside: digests that
    stand in no event, those of snapshots, by sequence; whole: whether these are all. keeps_key:
    whether what is left stays under the key that it has; what goes is then all of its events."""

    owned: Owned
    values: dict[int, list[Value]]
    beside: dict[int, set[str]]
    whole: bool
    keeps_key: bool = False

    @property
    def digests(self) -> dict[int, set[str]]:
        """Of all that goes, by sequence."""
        found = {sequence: {one.digest for one in some} for sequence, some in self.values.items()}
        for sequence, rest in self.beside.items():
            found.setdefault(sequence, set()).update(rest)
        return found


Change = Callable[[str, Deletion], Awaitable[list[Statement]]]
"""What is to be written of a tenant's owner, in the transaction of the facts."""


class Changes(Protocol):
    """Does one thing to values of any number of owners at once. Those who wait for the committer
    wait as long as that takes: give it some dozens."""

    async def __call__(
        self, tenant_id: str, ground: Ground, deletions: Sequence[Deletion], guards: Unmoved
    ) -> bool:
        """All of them, or nothing: False if a stream of the guards has moved. Raises Unavailable,
        KeyUnavailable."""
        ...


class ChangeValues:
    """What all of these have in common."""

    def __init__(
        self,
        door: Door,
        journal: Journal,
        erasures: Erasures,
        turns: Turns,
        settle: SettleMappings,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._door = door
        self._journal = journal
        self._erasures = erasures
        self._turns = turns
        self._settle = settle
        self._clock = clock
        self._random_bytes = random_bytes

    async def __call__(
        self,
        tenant_id: str,
        ground: Ground,
        deletions: Sequence[Deletion],
        guards: Unmoved,
        change: Change,
    ) -> bool:
        """As `Changes`. change: asked of each owner while nobody else changes any."""
        if not deletions:
            return True
        entries = [_entry(ground, one) for one in deletions]
        drafts = facts(
            tenant_id,
            ground,
            _pointers(deletions),
            _whole_orders(deletions),
            uuid4().hex,
            now=format_us(self._clock()),
            random_bytes=self._random_bytes,
        )
        async with self._turns.taken(tenant_id):
            await self._journal.begin(tenant_id, entries)
            statements: list[Statement] = []
            for deletion, entry in zip(deletions, entries, strict=True):
                statements += await change(tenant_id, deletion)
                statements.append(self._erasures.noting(tenant_id, entry.entry_id, told=True))
            done = await self._submitted(drafts, statements, guards)
            await self._settle(tenant_id, [one.owned.owner for one in deletions])
            if done:
                await self._journal.done(tenant_id, [one.entry_id for one in entries])
        return done

    async def _submitted(
        self, drafts: Sequence[Draft], statements: Sequence[Statement], guards: Unmoved
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


class DeleteValues:
    """Implements `Changes`: deletes them, and the key with all that an order or an actor has."""

    def __init__(self, values: ChangeValues, store: OwnedStore) -> None:
        self._values = values
        self._store = store

    async def __call__(
        self, tenant_id: str, ground: Ground, deletions: Sequence[Deletion], guards: Unmoved
    ) -> bool:
        return await self._values(tenant_id, ground, deletions, guards, self._deleting)

    async def _deleting(self, tenant_id: str, deletion: Deletion) -> list[Statement]:
        owned, digests = deletion.owned, deletion.digests
        if deletion.whole:
            return self._store.erasing(tenant_id, owned)
        if deletion.keeps_key:
            return self._store.erasing_events(tenant_id, owned, digests)
        return self._store.erasing_some(tenant_id, owned, digests)


def disclosed_of(owned: Owned, states: Mapping[int, bytes]) -> dict[int, list[Value]]:
    """What is disclosed of an owner in its events, by sequence."""
    return {
        sequence: values_of(states[sequence], opened)
        for sequence, opened in owned.opened.items()
        if sequence in states
    }


def beside_events(owned: Owned, values: Mapping[int, Sequence[Value]]) -> dict[int, set[str]]:
    """The digests of an owner that stand in none of its events."""
    return {
        sequence: rest
        for sequence, opened in owned.opened.items()
        if (rest := set(opened) - {one.digest for one in values.get(sequence, ())})
    }


def _entry(ground: Ground, deletion: Deletion) -> Entry:
    digests = {sequence: sorted(some) for sequence, some in deletion.digests.items()}
    return Entry(uuid4().hex, ground, deletion.owned.owner, deletion.whole, digests)


def _whole_orders(deletions: Sequence[Deletion]) -> list[str]:
    owners = [one.owned.owner for one in deletions if one.whole]
    return [name for kind, name in owners if kind == "order"]


def _pointers(deletions: Sequence[Deletion]) -> dict[int, list[str]]:
    """By sequence; an event's values may be of several owners."""
    found: dict[int, list[str]] = {}
    for deletion in deletions:
        for sequence, some in deletion.values.items():
            found.setdefault(sequence, []).extend(one.pointer for one in some)
    return found
