"""Making what is kept apart of pseudonyms agree with the database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from msgspec import Struct

from application.erasure.ports import Owned, OwnedStore, Owner, Turns
from application.pseudonyms.ports import Mappings
from domain.privacy.sealing import Opened
from domain.privacy.texts import disclosures


class Agreement(Struct, frozen=True):
    """kept: originals of values that have pseudonyms; loose: of others, which is none once it is
    settled; lacking: how many pseudonyms have no original."""

    kept: int
    loose: int
    lacking: int


class SettleMappings:
    """Keeps of some owners the originals of what has pseudonyms, and no others: not those of what
    is erased, has been put back, or was about to be replaced by an attempt that was cut off."""

    def __init__(self, store: OwnedStore, mappings: Mappings, turns: Turns) -> None:
        self._store = store
        self._mappings = mappings
        self._turns = turns

    async def __call__(self, tenant_id: str, owners: Sequence[Owner]) -> None:
        """For who has the tenant's turn. Raises KeyUnavailable, Unavailable."""
        there = {at: kept for at, kept in (await self._kept(tenant_id, owners)).items() if kept}
        if not there:
            return
        owned = {one.owner: one for one in await self._store.load(tenant_id, list(there))}
        for owner, kept in there.items():
            wanted = _wanted(kept, owned.get(owner))
            if wanted != kept:
                await self._mappings.keep(tenant_id, owner, wanted)

    async def checked(self, tenant_id: str, owners: Sequence[Owner]) -> Agreement:
        """The same for who has no turn: an earlier attempt may have been cut off before it came to
        this. How the two agree then, being read again. Raises KeyUnavailable, Unavailable."""
        async with self._turns.taken(tenant_id):
            await self(tenant_id, owners)
        kept = loose = lacking = 0
        there = await self._kept(tenant_id, owners)
        owned = {one.owner: one for one in await self._store.load(tenant_id, owners)}
        for owner in owners:
            originals = _digests(there[owner])
            replaced = _replaced(owned[owner]) if owner in owned else set()
            kept += len(originals & replaced)
            loose += len(originals - replaced)
            lacking += len(replaced - originals)
        return Agreement(kept, loose, lacking)

    async def _kept(
        self, tenant_id: str, owners: Sequence[Owner]
    ) -> dict[Owner, Mapping[int, str]]:
        if not await self._mappings.are_any(tenant_id):
            return {owner: {} for owner in owners}
        return {owner: await self._mappings.load(tenant_id, owner) for owner in owners}


class ByOwner(Protocol):
    """The personal values of one event, by the kind and the id of whose key hides them."""

    async def by_owner(self, tenant_id: str, sequence: int) -> tuple[Mapping[Owner, Opened], bool]:
        """And whether something is there that does not open. Raises KeyUnavailable."""
        ...


class Originals:
    """What is kept apart of one event, for who deletes all that is disclosed of it."""

    def __init__(self, disclosed: ByOwner, settle: SettleMappings) -> None:
        self._disclosed = disclosed
        self._settle = settle

    @asynccontextmanager
    async def going(self, tenant_id: str, sequence: int) -> AsyncIterator[None]:
        """Around its deletion: they go after it. Raises KeyUnavailable, Unavailable."""
        owners, _ = await self._disclosed.by_owner(tenant_id, sequence)
        replaced = [owner for owner, opened in owners.items() if opened.replaced]
        yield
        if replaced:
            await self._settle.checked(tenant_id, replaced)


def _wanted(kept: Mapping[int, str], owned: Owned | None) -> Mapping[int, str]:
    if owned is None:
        return {}
    wanted = {}
    for sequence, text in kept.items():
        replaced = owned.opened[sequence].replaced if sequence in owned.opened else ()
        some = [raw for digest, raw in disclosures(text).items() if digest in replaced]
        if some:
            wanted[sequence] = ".".join(some)
    return wanted


def _digests(kept: Mapping[int, str]) -> set[str]:
    return {digest for text in kept.values() for digest in disclosures(text)}


def _replaced(owned: Owned) -> set[str]:
    return {digest for opened in owned.opened.values() for digest in opened.replaced}
