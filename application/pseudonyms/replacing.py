"""Replacing values by pseudonyms, and putting them back: each with the fact of it.

    kept apart (durable) ──▶ the door: facts, the rows rewritten under a new key ──▶ settled

Between the first two steps an original is in both places, between the last two in the second alone:
wherever it is cut off, none is lost, and settling mends it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from application.erasure.deleting import ChangeValues, Deletion
from application.erasure.ports import Owned, OwnedStore
from application.ports import KeyStore, Statement
from application.pseudonyms.ports import Mappings
from domain.erasure.facts import Ground
from domain.ledger.append import Unmoved
from domain.privacy.texts import disclosures, put_back, replaced
from domain.pseudonyms.replacing import is_replaced, pseudonym_of, pseudonymised

_PURPOSE = "pseudonyms"


class Pseudonyms:
    """Which pseudonyms a tenant has."""

    def __init__(self, key_store: KeyStore) -> None:
        self._key_store = key_store

    def of_email(self, tenant_id: str, address: str) -> str:
        """The address that stands for one. Raises KeyUnavailable."""
        return pseudonym_of(self._key(tenant_id), "email", address)

    def stand_in(self, tenant_id: str) -> Callable[[str, Any], Any]:
        """Given the name of a field and its value, what stands there instead. Raises
        KeyUnavailable."""
        key = self._key(tenant_id)
        return lambda name, value: pseudonymised(key, name, value)

    def _key(self, tenant_id: str) -> bytes:
        return self._key_store.tenant_key(tenant_id, _PURPOSE)


class Replacing:
    """What it takes to replace values of one owner."""

    def __init__(self, store: OwnedStore, mappings: Mappings, pseudonyms: Pseudonyms) -> None:
        self._store = store
        self._mappings = mappings
        self._pseudonyms = pseudonyms

    async def __call__(
        self, tenant_id: str, owned: Owned, digests: Mapping[int, Collection[str]]
    ) -> list[Statement]:
        """The statements that replace these digests' values, by sequence, once the originals are
        kept apart, durably."""
        kept = dict(await self._mappings.load(tenant_id, owned.owner))
        for sequence, some in digests.items():
            there = disclosures(kept.get(sequence, ""))
            recorded = disclosures(owned.texts[sequence]).items()
            there |= {digest: raw for digest, raw in recorded if digest in some}
            kept[sequence] = ".".join(there.values())
        await self._mappings.keep(tenant_id, owned.owner, kept)
        stand_in = self._pseudonyms.stand_in(tenant_id)
        texts = {
            sequence: replaced(text, digests.get(sequence, ()), stand_in)
            for sequence, text in owned.texts.items()
        }
        return self._store.rewriting(tenant_id, owned, texts)


class ReplaceValues:
    """Implements `application.erasure.deleting.Changes`: pseudonyms stand in their place."""

    def __init__(self, values: ChangeValues, replacing: Replacing) -> None:
        self._values = values
        self._replacing = replacing

    async def __call__(
        self, tenant_id: str, ground: Ground, deletions: Sequence[Deletion], guards: Unmoved
    ) -> bool:
        async def change(tenant_id: str, one: Deletion) -> list[Statement]:
            return await self._replacing(tenant_id, one.owned, one.digests)

        return await self._values(tenant_id, ground, deletions, guards, change)


class PutBackValues:
    """Implements `Changes`: what was recorded is there again."""

    def __init__(self, values: ChangeValues, store: OwnedStore, mappings: Mappings) -> None:
        self._values = values
        self._store = store
        self._mappings = mappings

    async def __call__(
        self, tenant_id: str, ground: Ground, deletions: Sequence[Deletion], guards: Unmoved
    ) -> bool:
        return await self._values(tenant_id, ground, deletions, guards, self._putting_back)

    async def _putting_back(self, tenant_id: str, deletion: Deletion) -> list[Statement]:
        owned, digests = deletion.owned, deletion.digests
        kept = await self._mappings.load(tenant_id, owned.owner)
        texts = dict(owned.texts)
        for sequence, some in digests.items():
            originals = disclosures(kept.get(sequence, ""))
            wanted = {digest: raw for digest, raw in originals.items() if digest in some}
            texts[sequence] = put_back(texts[sequence], wanted)
        return self._store.rewriting(tenant_id, owned, texts)


def in_clear(plan: Deletion) -> Deletion:
    """Of what is planned, what has no pseudonyms yet, and could have some."""

    def clear(sequence: int, digest: str) -> bool:
        opened = plan.owned.opened[sequence]
        return digest not in opened.replaced and not is_replaced(opened[digest])

    return _narrowed(plan, clear)


def with_pseudonyms(plan: Deletion) -> Deletion:
    """Of what is planned, what has pseudonyms whose originals are kept. Of others nothing can be
    put back, nor may the ledger be told so."""
    return _narrowed(plan, lambda at, digest: digest in plan.owned.opened[at].originals)


def _narrowed(plan: Deletion, wanted: Callable[[int, str], bool]) -> Deletion:
    values = {
        at: those
        for at, some in plan.values.items()
        if (those := [one for one in some if wanted(at, one.digest)])
    }
    beside = {
        at: rest
        for at, some in plan.beside.items()
        if (rest := {digest for digest in some if wanted(at, digest)})
    }
    return Deletion(plan.owned, values, beside, whole=False)
