"""What is disclosed of payloads, for the index: one query a batch, opened with the keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import msgspec
import structlog
from psycopg import AsyncConnection

from application.ports import KeyMissing, KeyStore
from domain.privacy.sealing import open_disclosures
from infrastructure.privacy.disclosures import disclosed_text
from infrastructure.privacy.keyring import DoesNotOpen, Keyring

Event = tuple[str, int]
"""(tenant, sequence)."""

OF_EVENTS = """
select d.tenant_id, d.sequence, d.sealed, k.kind, k.subject, k.key_id, k.bucket, k.bucket_key_id,
       k.wrapped
  from unnest(%s::text[], %s::bigint[]) as e(tenant_id, sequence)
  join disclosures d on d.tenant_id = e.tenant_id and d.sequence = e.sequence
 cross join lateral (
       select * from data_keys where tenant_id = d.tenant_id and key_id = d.key_id limit 1) as k
 where k.kind = 'order'
"""
"""What a payload hides, hides with its order's key; an actor's key only hides what metadata do."""

log = structlog.get_logger(__name__)


class DisclosedValues:
    """Implements `projections.search.entries.Disclosed`. open_keys: opens the key store, at the
    first event that something is disclosed of."""

    def __init__(self, open_keys: Callable[[], KeyStore]) -> None:
        self._open_keys = open_keys

    @cached_property
    def _keyring(self) -> Keyring:
        return Keyring(self._open_keys())

    async def of(
        self, connection: AsyncConnection[Any], events: Sequence[Event]
    ) -> Mapping[Event, Mapping[str, object]]:
        """Of each event digest -> value. What is erased is left out, and so is what does not open
        any more: its key is missing, or it is damaged. Raises KeyUnavailable while the key store
        does not answer."""
        keys = [tenant for tenant, _ in events], [sequence for _, sequence in events]
        cursor = await connection.execute(OF_EVENTS, keys, binary=True)
        found: dict[Event, dict[str, object]] = {}
        lost = 0
        for tenant_id, *row in await cursor.fetchall():
            try:
                text = disclosed_text(self._keyring, tenant_id, row)
                if text is not None:
                    values = found.setdefault((tenant_id, row[0]), {})
                    values.update(open_disclosures(text))
            except (DoesNotOpen, KeyMissing, msgspec.DecodeError, ValueError):
                lost += 1
        if lost:
            log.warning("search.disclosures_lost", count=lost)
        return found
