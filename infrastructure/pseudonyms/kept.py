"""What lies beside an event, in the database and apart from it, for verifying it."""

from __future__ import annotations

from application.pseudonyms.ports import Mappings
from domain.privacy.disclosing import Kept
from domain.privacy.texts import disclosures
from infrastructure.privacy.disclosures import StoredDisclosures
from infrastructure.privacy.keyring import DoesNotOpen


class KeptBeside:
    """Implements `application.ledger.ports.KeptDisclosures`."""

    def __init__(self, stored: StoredDisclosures, mappings: Mappings) -> None:
        self._stored = stored
        self._mappings = mappings

    async def kept(self, tenant_id: str, sequence: int) -> Kept:
        owners, damaged = await self._stored.by_owner(tenant_id, sequence)
        names: dict[str, str] = {}
        replaced: set[str] = set()
        originals: set[str] = set()
        for owner, opened in owners.items():
            names |= opened.names
            if opened.replaced:
                replaced |= opened.replaced
                originals |= await self._originals(tenant_id, owner, sequence)
        return Kept(names, damaged, replaced, originals)

    async def _originals(self, tenant_id: str, owner: tuple[str, str], sequence: int) -> set[str]:
        """The digests of what is kept apart; of what does not open, none."""
        try:
            kept = await self._mappings.load(tenant_id, owner)
        except DoesNotOpen:
            return set()
        return set(disclosures(kept.get(sequence, "")))
