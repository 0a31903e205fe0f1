"""What pseudonyms need from outside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from application.erasure.ports import Owner


class Mappings(Protocol):
    """What pseudonyms stand for, kept apart from the database: an owner's original disclosures.
    Raises KeyUnavailable."""

    async def are_any(self, tenant_id: str) -> bool:
        """Whether any were ever kept of the tenant, for who would ask of very many owners."""
        ...

    async def load(self, tenant_id: str, owner: Owner) -> Mapping[int, str]:
        """sequence -> disclosures, as in a `Disclosed`; nothing if there are none."""
        ...

    async def keep(self, tenant_id: str, owner: Owner, texts: Mapping[int, str]) -> None:
        """Have these in the place of all that was kept of the owner: durable on return, and what is
        not among them is gone."""
        ...
