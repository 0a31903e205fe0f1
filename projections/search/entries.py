"""What the index holds of an event: its terms, its identifiers, its amount."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

from domain.canonical import MAX_INTEGER
from domain.search.hashing import TermHash
from domain.search.terms import Said, personal_terms, said_by
from projections.reading import Connection, Notification

_LONGEST_CURRENCY = 200


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
        sealed: dict[int, Said] = {}
        for index, event in enumerate(events):
            said = said_by(event.type, event.source, event.order_id, event.payload, event.metadata)
            if said.sealed:
                sealed[index] = said
            terms, idents = self._hashes.of_event(event.tenant_id, said)
            entries.append(Entry(terms, idents, *_amount(event.payload)))
        if sealed:
            keys = [(events[index].tenant_id, events[index].sequence) for index in sealed]
            disclosed = await self._disclosed.of(connection, keys)
            for (index, said), key in zip(sealed.items(), keys, strict=True):
                personal = personal_terms(said.sealed, disclosed.get(key, {}))
                if personal:
                    entries[index].terms = self._hashes.of_event(key[0], said, personal)[0]
        return entries


def _amount(payload: Mapping[str, Any]) -> tuple[int | None, str | None]:
    amount, currency = payload.get("amount_minor"), payload.get("currency")
    usable = type(amount) is int and -MAX_INTEGER <= amount <= MAX_INTEGER
    named = type(currency) is str and len(currency) <= _LONGEST_CURRENCY
    return amount if usable else None, currency if named else None
