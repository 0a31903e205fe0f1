"""Encrypting the disclosures of events that have just got their place on the ledger."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from domain.orders.events import Draft, Recorded
from infrastructure.privacy.keyring import Keyring, KeyRow, Owner, seal


class SealedRow(Struct, frozen=True):
    """A row of disclosures: what one owner's key hides of one event."""

    tenant_id: str
    sequence: int
    key: KeyRow
    sealed: bytes


def disclosure_place(tenant_id: str, sequence: int) -> bytes:
    """What binds sealed disclosures to their event."""
    return f"{tenant_id}/{sequence}".encode()


def owners_of(drafts: Iterable[Draft]) -> set[Owner]:
    """Whose data keys hide something of these drafts."""
    return {
        (draft.tenant_id, *disclosed.owner) for draft in drafts for disclosed in draft.disclosed
    }


def encrypt(
    keyring: Keyring, placed: Iterable[tuple[Draft, Recorded]], keys: dict[Owner, KeyRow]
) -> tuple[list[SealedRow], list[KeyRow]]:
    """Rows for the disclosures of events, and the data keys that had to be made.

    `keys` are the owners' rows as they are under the committer's lock: only there is it known
    which key an owner has, or that it was erased and gets no disclosure. New keys are added.
    """
    rows: list[SealedRow] = []
    created: list[KeyRow] = []
    for draft, event in placed:
        for disclosed in draft.disclosed:
            tenant_id, sequence = event.tenant_id, event.sequence
            owner = (tenant_id, *disclosed.owner)
            key = keys.get(owner)
            if key is None:
                key, cipher = keyring.create(owner)
                keys[owner] = key
                created.append(key)
            elif key.wrapped is None:
                continue
            else:
                cipher = keyring.cipher(key)
            place = disclosure_place(tenant_id, sequence)
            rows.append(
                SealedRow(tenant_id, sequence, key, seal(cipher, disclosed.text.encode(), place))
            )
    return rows, created
