"""Erasing again what a restored backup has brought back, before anybody reads it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from application.erasure.facts import pointers_of
from application.erasure.ports import Entry, Erasures, Journal, OwnedStore, Rewraps, SearchTerms
from application.ports import Clock, Door, Outcome, Refused, Statement
from domain.erasure.facts import facts
from domain.times import format_us


class Replayed(Struct, frozen=True):
    """entries: deletions that were made again; values: how many personal values that took."""

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
        rewrap: Rewraps,
        terms: SearchTerms,
        bucket_of: Callable[[str], int],
    ) -> None:
        self._journal = journal
        self._erasures = erasures
        self._store = store
        self._rewrap = rewrap
        self._terms = terms
        self._bucket_of = bucket_of

    async def __call__(self) -> Replayed:
        """Before the first read is answered. Raises Unavailable, KeyUnavailable."""
        entries = values = 0
        for tenant_id in self._journal.tenants():
            journalled = self._journal.entries(tenant_id)
            known = await self._erasures.known(tenant_id)
            undone = [one for one, done in journalled if done and one.entry_id not in known]
            for one, done in journalled:
                if one.entry_id in known and not done:  # its writer was killed between the two
                    await self._journal.done(tenant_id, [one.entry_id])
            for entry in undone:
                values += await self._again(tenant_id, entry)
            entries += len(undone)
            if undone:
                owners = {self._bucket_of(entry.owner[1]) for entry in undone}
                await self._rewrap(tenant_id, owners)
                orders = [entry.owner[1] for entry in undone if entry.owner[0] == "order"]
                await self._terms.renew(tenant_id, list(dict.fromkeys(orders)))
        return Replayed(entries, values)

    async def _again(self, tenant_id: str, entry: Entry) -> int:
        statements: list[Statement] = []
        values = 0
        for owned in await self._store.load(tenant_id, [entry.owner]):
            digests = {
                sequence: there
                for sequence, opened in owned.opened.items()
                if (there := set(opened) & set(entry.digests.get(sequence, ())))
            }
            if entry.whole:
                statements = self._store.erasing(tenant_id, owned)
                values = sum(map(len, owned.opened.values()))
            elif digests:
                statements = self._store.erasing_some(tenant_id, owned, digests)
                values = sum(map(len, digests.values()))
        noted = self._erasures.noting(tenant_id, entry.entry_id, told=False)
        await self._erasures.execute([*statements, noted])
        return values


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
