"""Holds stored checkpoints against the keys that sign them, and against what is published."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import Connection

from application.ledger.ports import LogKeys, ObjectStore
from application.ledger.signatures import open_checkpoint
from application.ledger.signing import origin_of
from domain.ledger.faults import DoesNotHold, Malformed
from domain.ledger.notes import VerifierKey
from domain.ledger.recompute import Difference
from infrastructure.event_store.auditing import SIZE_BEFORE
from infrastructure.ledger.signed_store import published_key
from infrastructure.postgres.connect import in_thread

NOTES = """
select size, note from ledger_checkpoints
 where tenant_id = %s and epoch = %s and size > %s and size <= %s order by size
"""

Note = tuple[int, str]
"""Size and text."""


class SignedAudit:
    """Over a connection that nobody else uses meanwhile."""

    def __init__(self, connection: Connection[Any], keys: LogKeys, published: ObjectStore) -> None:
        self._connection = connection
        self._keys = keys
        self._published = published

    async def check(
        self, tenant_id: str, epoch: int, after: int, until: int
    ) -> tuple[int, Difference | None]:
        """How many checkpoints a log has with sizes in (after, until], and the first that differs.

        Raises Unavailable, psycopg.Error.
        """
        notes = await in_thread(lambda: self._rows(NOTES, tenant_id, epoch, after, until))
        origin = origin_of(self._keys.service_origin, tenant_id, epoch)
        keys = self._keys.verifier_keys(origin)
        unsigned = await in_thread(lambda: _first_unsigned(notes, origin, keys))
        for size, text in notes:
            if size == unsigned:
                what = f"the checkpoint stored at size {size} is not one that its log signed"
            elif await self._is_published_otherwise(published_key(tenant_id, epoch, size), text):
                what = f"the checkpoint published at size {size} is not the one that is stored"
            else:
                continue
            return len(notes), await self._behind_the_one_before(tenant_id, epoch, size, what)
        return len(notes), None

    async def _behind_the_one_before(
        self, tenant_id: str, epoch: int, size: int, what: str
    ) -> Difference:
        before = await in_thread(lambda: self._rows(SIZE_BEFORE, tenant_id, epoch, size))
        return Difference(tenant_id, (before[0][0] or 0) + 1, what)

    async def _is_published_otherwise(self, key: str, text: str) -> bool:
        there = await self._published.get(key)
        return there is not None and there != text.encode()

    def _rows(self, statement: str, *parameters: str | int) -> list[tuple[Any, ...]]:
        return self._connection.execute(statement, parameters).fetchall()


def _first_unsigned(notes: Sequence[Note], origin: str, keys: Sequence[VerifierKey]) -> int | None:
    return next((size for size, text in notes if not _is_signed(size, text, origin, keys)), None)


def _is_signed(size: int, text: str, origin: str, keys: Sequence[VerifierKey]) -> bool:
    try:
        checkpoint = open_checkpoint(text, keys).checkpoint
    except (Malformed, DoesNotHold):
        return False
    return (checkpoint.origin, checkpoint.size) == (origin, size)
