"""Erasing, or replacing, again what a restored backup brings back, before anybody reads it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from msgspec import Struct

from application.erasure.facts import pointers_of
from application.erasure.ports import Entry, Erasures, Journal, Owned, OwnedStore, Owner, Turns
from application.erasure.running import Renewing
from application.ports import Clock, Door, Outcome, Refused, Statement
from application.pseudonyms.replacing import Replacing
from application.pseudonyms.settling import SettleMappings
from domain.erasure.facts import facts
from domain.privacy.disclosing import PSEUDONYMISED, REIDENTIFIED
from domain.privacy.sealing import Opened
from domain.times import format_us

Digests = Mapping[int, Collection[str]]
"""By sequence."""


class Replayed(Struct, frozen=True):
    """entries: deletions and replacements that were made again; values: how many personal values
    that took."""

    entries: int
    values: int


class ReplayErasures:
    """Makes again what the journal says was done and the database knows nothing of. Holds are not
    asked: it was done under those of then. May be run by any number of processes."""

    def __init__(
        self,
        journal: Journal,
        erasures: Erasures,
        store: OwnedStore,
        replacing: Replacing,
        renewing: Renewing,
        turns: Turns,
        settle: SettleMappings,
    ) -> None:
        self._journal = journal
        self._erasures = erasures
        self._store = store
        self._replacing = replacing
        self._renewing = renewing
        self._turns = turns
        self._settle = settle

    async def __call__(self) -> Replayed:
        """Before the first read is answered. Raises Unavailable, KeyUnavailable."""
        entries = values = 0
        for tenant_id in self._journal.tenants():
            journalled = self._journal.entries(tenant_id)
            known = await self._erasures.known(tenant_id)
            undone = [one for one, done in journalled if done and one.entry_id not in known]
            # What has no facts yet may have been cut off before its keys and terms were renewed.
            again = [one for one, done in journalled if done and not known.get(one.entry_id)]
            begun = [one for one, done in journalled if not done]
            if begun:  # their writers were killed, or are at it
                await self._mend(tenant_id, begun, known)
            back = _put_back(journalled)
            for entry in undone:
                values += await self._again(tenant_id, entry, back.get(entry.entry_id, {}))
            entries += len(undone)
            if again:
                await self._renewing.keys(tenant_id, [entry.owner for entry in again])
                orders = [entry.owner[1] for entry in again if entry.owner[0] == "order"]
                await self._renewing.terms.renew(tenant_id, list(dict.fromkeys(orders)))
            entries += await self._renewing.lines.erase_again(tenant_id, known)
        return Replayed(entries, values)

    async def _mend(
        self, tenant_id: str, begun: Sequence[Entry], known: Mapping[str, bool]
    ) -> None:
        async with self._turns.taken(tenant_id):
            await self._settle(tenant_id, list({one.owner for one in begun}))
        done = [one.entry_id for one in begun if one.entry_id in known]
        if done:
            await self._journal.done(tenant_id, done)

    async def _again(self, tenant_id: str, entry: Entry, back: Digests) -> int:
        """back: what of it was put back since."""
        async with self._turns.taken(tenant_id):
            # Of an order that comes after the backup, too, and is sent again.
            forbids = entry.whole and entry.owner[0] == "order"
            statements = self._store.forbidding(tenant_id, entry.owner[1]) if forbids else []
            values = 0
            for owned in await self._store.load(tenant_id, [entry.owner]):
                digests = {
                    sequence: there
                    for sequence, opened in owned.opened.items()
                    if (there := _meant(entry, back, sequence, opened))
                }
                statements += await self._made_again(tenant_id, entry, owned, digests)
                values = sum(map(len, (owned.opened if entry.whole else digests).values()))
            told = not statements and entry.ground.type in (PSEUDONYMISED, REIDENTIFIED)
            noted = self._erasures.noting(tenant_id, entry.entry_id, told=told)
            await self._erasures.execute([*statements, noted])
            await self._settle(tenant_id, [entry.owner])
        return values

    async def _made_again(
        self, tenant_id: str, entry: Entry, owned: Owned, digests: Digests
    ) -> list[Statement]:
        if entry.whole:
            return self._store.erasing(tenant_id, owned)
        if not digests:
            return []
        if entry.ground.type == PSEUDONYMISED:
            return await self._replacing(tenant_id, owned, digests)
        return self._store.erasing_some(tenant_id, owned, digests)


def _meant(entry: Entry, back: Digests, sequence: int, opened: Opened) -> set[str]:
    """Of an event the digests to which it is to be done again. What was put back stays as the
    backup has it."""
    if entry.ground.type == REIDENTIFIED:
        return set()
    there = opened.keys() & set(entry.digests.get(sequence, ()))
    if entry.ground.type == PSEUDONYMISED:
        there -= opened.replaced | set(back.get(sequence, ()))
    return there


def _put_back(journalled: Sequence[tuple[Entry, bool]]) -> dict[str, Digests]:
    """By the id of an entry which of its values were put back after it."""
    since: dict[Owner, dict[int, set[str]]] = {}
    found: dict[str, Digests] = {}
    for entry, done in reversed(journalled):
        if entry.ground.type == REIDENTIFIED and done:
            for sequence, some in entry.digests.items():
                since.setdefault(entry.owner, {}).setdefault(sequence, set()).update(some)
        found[entry.entry_id] = {at: set(some) for at, some in since.get(entry.owner, {}).items()}
    return found


class TellReplayed:
    """To be run by a worker's schedule: puts the facts of what was erased again on the ledger, once
    that takes events again."""

    def __init__(
        self,
        journal: Journal,
        erasures: Erasures,
        store: OwnedStore,
        door: Door,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._journal = journal
        self._erasures = erasures
        self._store = store
        self._door = door
        self._clock = clock
        self._random_bytes = random_bytes

    async def __call__(self) -> int:
        """How many deletions were told of. Raises Unavailable."""
        count = 0
        for tenant_id in self._journal.tenants():
            known = await self._erasures.known(tenant_id)
            if all(known.values()):
                continue
            for entry, _ in self._journal.entries(tenant_id):
                if known.get(entry.entry_id) is False:
                    await self._tell(tenant_id, entry)
                    count += 1
        return count

    async def _tell(self, tenant_id: str, entry: Entry) -> None:
        states = await self._store.states(tenant_id, list(entry.digests))
        pointers = pointers_of(entry.digests, states)
        orders = [entry.owner[1]] if entry.whole and entry.owner[0] == "order" else []
        noted = self._erasures.telling(tenant_id, entry.entry_id)
        if not pointers and not orders:  # the backup is from before all of it
            await self._erasures.execute([noted])
            return
        drafts = facts(
            tenant_id,
            entry.ground,
            pointers,
            orders,
            entry.entry_id,
            now=format_us(self._clock()),
            random_bytes=self._random_bytes,
        )

        def beside(outcomes: Sequence[Outcome]) -> Sequence[Statement]:
            return [noted] if not any(isinstance(one, Refused) for one in outcomes) else []

        for outcome in await self._door.submit(drafts, beside=beside):
            if isinstance(outcome, Refused):
                raise outcome.error
