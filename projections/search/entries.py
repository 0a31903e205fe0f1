"""What the index holds of an event: its terms, its identifiers, its amount."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

from domain.canonical import MAX_INTEGER
from domain.search.aggregation import currency_of
from domain.search.hashing import TermHash
from domain.search.terms import Said, personal_terms, said_by
from projections.reading import Connection, Notification


class Disclosed(Protocol):
    """The personal values behind the digests of events."""

    async def of(
        self, connection: Connection, events: Sequence[tuple[str, int]]
    ) -> Mapping[tuple[str, int], Mapping[str, object]]:
        """(tenant, sequence) -> digest -> value. What is erased is left out.

        Raises KeyUnavailable while that cannot be told.
        """
        ...


class Entry(Struct, gc=False):
    """What the index holds of one event; `terms` are hashes of 8 bytes, ascending."""

    terms: list[bytes]
    idents: set[str]
    amount_minor: int | None
    currency: str | None


class Indexing:
    """Makes the entries of events."""

    def __init__(self, hashes: TermHash, disclosed: Disclosed) -> None:
        self._hashes = hashes
        self._disclosed = disclosed
        self.fingerprint = hashes.fingerprint
        """Of the secret that the terms are made with."""

    async def entries(self, connection: Connection, events: Sequence[Notification]) -> list[Entry]:
        """One for each event, in their order. Raises KeyUnavailable."""
        entries: list[Entry] = []
        sealed: dict[tuple[str, int], tuple[Entry, Said]] = {}
        for event in events:
            said = said_by(event.type, event.source, event.order_id, event.payload, event.metadata)
            terms, idents = self._hashes.of_event(event.tenant_id, said)
            entry = Entry(terms, idents, *_amount(event.payload))
            entries.append(entry)
            if said.sealed:
                sealed[event.tenant_id, event.sequence] = entry, said
        if sealed:
            await self._add_personal(connection, sealed)
        return entries

    async def _add_personal(
        self, connection: Connection, sealed: Mapping[tuple[str, int], tuple[Entry, Said]]
    ) -> None:
        disclosed = await self._disclosed.of(connection, list(sealed))
        for key, values in disclosed.items():
            entry, said = sealed[key]
            if terms := personal_terms(said.sealed, values):
                entry.terms = self._hashes.with_personal(key[0], entry.terms, terms)


def _amount(payload: Mapping[str, Any]) -> tuple[int | None, str | None]:
    amount = payload.get("amount_minor")
    usable = type(amount) is int and -MAX_INTEGER <= amount <= MAX_INTEGER
    return amount if usable else None, currency_of(payload)
