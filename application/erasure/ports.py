"""What erasing needs from outside."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol
from uuid import UUID

from msgspec import Struct

from application.ports import Statement
from domain.erasure.facts import Ground
from domain.privacy.sealing import Opened

Owner = tuple[str, str]
"""Whose data key hides a value: ("order", order id) the payloads of an order, ("actor", actor id)
the metadata of what somebody did, ("reader", subject) why and from where somebody read."""


class Owned(Struct, frozen=True):
    """What an owner's data key hides. texts: sequence -> disclosures, as in a `Disclosed`; opened:
    the same, by sequence, with what was recorded in the place of pseudonyms."""

    owner: Owner
    key_id: UUID
    bucket: int
    texts: Mapping[int, str]
    opened: Mapping[int, Opened]


class Entry(Struct, frozen=True):
    """A deletion, or a replacement, as the journal keeps it. whole: all of the owner's; digests:
    what of it, by sequence."""

    entry_id: str
    ground: Ground
    owner: Owner
    whole: bool
    digests: Mapping[int, Sequence[str]]


class LinesGone(Struct, frozen=True):
    """Lines of bulk jobs that are erased, by job, as the journal keeps it."""

    entry_id: str
    lines: Mapping[str, Sequence[int]]


class Journal(Protocol):
    """What was erased, kept apart from the database. What is written is flushed when it returns."""

    async def begin(self, tenant_id: str, entries: Sequence[Entry]) -> None:
        """Before these deletions are committed."""
        ...

    async def begin_lines(self, tenant_id: str, gone: LinesGone) -> None:
        """Before these lines are emptied."""
        ...

    async def done(self, tenant_id: str, entry_ids: Sequence[str]) -> None:
        """They were committed."""
        ...

    def tenants(self) -> Sequence[str]:
        """Of whom anything was erased, and who are still here."""
        ...

    def entries(self, tenant_id: str) -> Sequence[tuple[Entry, bool]]:
        """All in their order, and whether the journal has it that they were committed."""
        ...

    def lines(self, tenant_id: str) -> Sequence[tuple[LinesGone, bool]]:
        """The same of lines."""
        ...


class Erasures(Protocol):
    """Which deletions the database itself knows of. Raises Unavailable."""

    def noting(self, tenant_id: str, entry_id: str, *, told: bool) -> Statement:
        """Notes a deletion in the transaction that makes it; `told`: with the facts of it."""
        ...

    def telling(self, tenant_id: str, entry_id: str) -> Statement:
        """Notes that the facts of a deletion are on the ledger, in the transaction of these."""
        ...

    async def known(self, tenant_id: str) -> Mapping[str, bool]:
        """entry id -> whether its facts are on the ledger."""
        ...

    async def execute(self, statements: Sequence[Statement]) -> None:
        """Run statements in one transaction that keeps all writers out."""
        ...


class OwnedStore(Protocol):
    """The side tables of personal values, by owner. Raises KeyUnavailable, Unavailable."""

    async def load(self, tenant_id: str, owners: Sequence[Owner]) -> list[Owned]:
        """What is disclosed of these owners; of none of whom nothing ever was, or was erased."""
        ...

    async def of_actors(self, tenant_id: str, sequences: Sequence[int]) -> list[Owned]:
        """What is disclosed of any actors in these events alone."""
        ...

    async def states(self, tenant_id: str, sequences: Sequence[int]) -> Mapping[int, bytes]:
        """The stored bytes of these events, by sequence."""
        ...

    def erasing(self, tenant_id: str, owned: Owned) -> list[Statement]:
        """Deletes all of it, and the key. Later values of an order get no disclosure; those of an
        actor or reader get another key."""
        ...

    def forbidding(self, tenant_id: str, order_id: str) -> list[Statement]:
        """Has an order of which nothing was ever disclosed get no disclosures, as one that was
        erased; of others nothing."""
        ...

    def erasing_some(
        self, tenant_id: str, owned: Owned, digests: Mapping[int, Collection[str]]
    ) -> list[Statement]:
        """Deletes these digests' values, by sequence, and gives what is left a new key; or nothing,
        see `rewriting`."""
        ...

    def rewriting(self, tenant_id: str, owned: Owned, texts: Mapping[int, str]) -> list[Statement]:
        """Has these texts, by sequence, in the place of all that `load` gave, under a new key. Does
        nothing, as `erasing_some`, if there is more or less by then: what an actor does moves no
        stream that could be guarded."""
        ...

    def erasing_events(
        self, tenant_id: str, owned: Owned, sequences: Collection[int]
    ) -> list[Statement]:
        """Deletes all that is the owner's of these events, and leaves it the key that it has."""
        ...

    async def left(self, tenant_id: str, digests: Mapping[int, Collection[str]]) -> int:
        """How many of these values, by sequence, can still be disclosed, or have pseudonyms, the
        store being read again."""
        ...

    async def replaced(self, tenant_id: str, digests: Mapping[int, Collection[str]]) -> int:
        """How many of them have pseudonyms."""
        ...


class Turns(Protocol):
    """Who changes personal values of a tenant, or what is kept of them elsewhere, does it alone."""

    def taken(self, tenant_id: str) -> AbstractAsyncContextManager[None]:
        """Wait for the others. Raises Unavailable."""
        ...


class Rewraps(Protocol):
    """Renews bucket keys, so that deleted data keys open nowhere any more."""

    async def __call__(self, tenant_id: str, buckets: Collection[int]) -> int:
        """How many data keys were wrapped anew. Raises KeyUnavailable, Unavailable."""
        ...


class SearchTerms(Protocol):
    """The search index, as far as it has terms made of personal values."""

    async def renew(self, tenant_id: str, order_ids: Sequence[str]) -> int:
        """Make the terms of these orders' events anew, of what is disclosed now; how many events
        differed. Raises Unavailable."""
        ...

    async def stale(self, tenant_id: str, order_ids: Sequence[str]) -> int:
        """How many of these orders' events have other terms than what is disclosed of them."""
        ...


class KeptLines(Protocol):
    """The lines of bulk jobs that were not recorded, which are kept for 30 days."""

    async def erase(self, tenant_id: str, needles: Sequence[str]) -> int:
        """Delete those that hold one of these texts; how many. Raises KeyUnavailable."""
        ...

    async def holding(self, tenant_id: str, needles: Sequence[str]) -> int:
        """How many hold one of these texts."""
        ...

    async def erase_again(self, tenant_id: str, known: Mapping[str, bool]) -> int:
        """Delete again those that the journal has, and not the database, which knows of these
        deletions; how many deletions that took. Raises KeyUnavailable, Unavailable."""
        ...
