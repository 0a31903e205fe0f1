"""Encrypting the disclosures of events that have just got their place on the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from msgspec import Struct

from domain.orders.events import Draft
from infrastructure.privacy.keyring import Keyring, KeyRow, Owner, seal


class SealedRow(Struct, frozen=True):
    """A row of disclosures: what one owner's key hides of one event."""

    tenant_id: str
    sequence: int
    key_id: UUID
    sealed: bytes


def disclosure_place(tenant_id: str, sequence: int) -> bytes:
    """What binds sealed disclosures to their event."""
    return f"{tenant_id}/{sequence}".encode()


def owners_of(draft: Draft) -> dict[Owner, list[str]]:
    """The disclosures of a draft by whose data key hides them."""
    owners: dict[Owner, list[str]] = {}
    for disclosure in draft.disclosures:
        owners.setdefault((draft.tenant_id, *disclosure.owner), []).append(disclosure.text)
    return owners


def encrypt(
    keyring: Keyring, placed: Iterable[tuple[Draft, int]], keys: dict[Owner, KeyRow]
) -> tuple[list[SealedRow], list[KeyRow]]:
    """Rows for the disclosures of (draft, sequence), and the data keys that had to be made.

    `keys` are the owners' rows as they are under the committer's lock: only there is it known
    which key an owner has, or that it was erased and gets no disclosure. New keys are added.
    """
    rows: list[SealedRow] = []
    created: list[KeyRow] = []
    for draft, sequence in placed:
        if not draft.disclosures:
            continue
        place = disclosure_place(draft.tenant_id, sequence)
        for owner, texts in owners_of(draft).items():
            row = keys.get(owner)
            if row is None:
                row, cipher = keyring.create(owner)
                keys[owner] = row
                created.append(row)
            elif row.wrapped is None:
                continue
            else:
                cipher = keyring.cipher(row)
            sealed = seal(cipher, ".".join(texts).encode("ascii"), place)
            rows.append(SealedRow(draft.tenant_id, sequence, row.key_id, sealed))
    return rows, created
