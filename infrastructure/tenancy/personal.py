"""Every personal value of a tenant that can still be disclosed, with what proves it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from application.ports import KeyMissing
from application.pseudonyms.ports import Mappings
from domain.erasure.places import placeholders
from domain.orders.events import decode_body
from domain.privacy.sealing import open_disclosures
from domain.privacy.texts import disclosures, put_back
from infrastructure.postgres.arrays import BigintColumn
from infrastructure.postgres.connect import Pool, store_errors
from infrastructure.privacy.disclosures import disclosed_text
from infrastructure.privacy.keyring import DoesNotOpen, Keyring

_AT_ONCE = 500

LAST = "select coalesce(max(sequence), 0) from disclosures where tenant_id = %s"
SEALED = """
select d.sequence, d.sealed, k.kind, k.subject, k.key_id, k.bucket, k.bucket_key_id, k.wrapped
  from disclosures d
 cross join lateral (
       select * from data_keys where tenant_id = d.tenant_id and key_id = d.key_id limit 1) as k
 where d.tenant_id = %s and d.sequence > %s and d.sequence <= %s
 order by d.sequence, d.key_id
"""
STATES = "select sequence, state from events where tenant_id = %s and sequence = any(%s::bigint[])"
SNAPSHOTS = """
select sequence, snapshot_id, state, metadata from order_snapshots
 where tenant_id = %s and sequence = any(%s::bigint[])
"""
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode

Places = Mapping[str, Mapping[str, str]]
"""digest -> where it stands."""


class PersonalValues:
    """Implements `application.tenancy.ports.Source`."""

    name = "personal.ndjson"
    holds = (
        "a personal value: of the event `sequence`, or of the state of a snapshot that it captured,"
        " at `pointer`; base64url(SHA-256(disclosure)), without padding, is the `_sd` there;"
        " `pseudonym`: what stood for it, and alone if what it stands for is lost"
    )

    def __init__(self, pool: Pool, keyring: Keyring, mappings: Mappings) -> None:
        self._pool = pool
        self._keyring = keyring
        self._mappings = mappings

    async def lines(self, tenant_id: str) -> AsyncIterator[bytes]:
        """What does not open, its key being lost or it being damaged, is a line that says so."""
        last = (await self._select(LAST, (tenant_id,)))[0][0]
        for after in range(0, last, _AT_ONCE):
            rows = await self._select(SEALED, (tenant_id, after, after + _AT_ONCE))
            places = await self._places(tenant_id, sorted({row[0] for row in rows}))
            for row in rows:
                for line in await self._opened(tenant_id, row, places.get(row[0], {})):
                    yield _encode(line)

    async def _opened(
        self, tenant_id: str, row: Sequence[Any], places: Places
    ) -> list[dict[str, object]]:
        sequence = row[0]
        try:
            text = disclosed_text(self._keyring, tenant_id, row)
            if text is None:
                return []
            shown = open_disclosures(text)
            if shown.replaced:
                text = await self._put_back(tenant_id, row, text)
            opened = open_disclosures(text)
        except (DoesNotOpen, KeyMissing, msgspec.DecodeError, ValueError):
            return [{"sequence": sequence, "damaged": True}]
        return [
            {
                "sequence": sequence,
                **places.get(digest, {"pointer": None}),
                "value": None if digest in opened.replaced else value,
                "disclosure": None if digest in opened.replaced else disclosure,
                **({"pseudonym": shown[digest]} if digest in shown.replaced else {}),
            }
            for disclosure, (digest, value) in zip(text.split("."), opened.items(), strict=True)
        ]

    async def _put_back(self, tenant_id: str, row: Sequence[Any], text: str) -> str:
        """With what pseudonyms stand for in their place, where it is kept."""
        sequence, _, kind, subject, *_ = row
        originals = await self._mappings.load(tenant_id, (kind, subject))
        return put_back(text, disclosures(originals.get(sequence, "")))

    async def _places(self, tenant_id: str, sequences: Sequence[int]) -> Mapping[int, Places]:
        given = (tenant_id, BigintColumn(sequences))
        found: dict[int, dict[str, Mapping[str, str]]] = {}
        for sequence, state in await self._select(STATES, given):
            body = decode_body(state)
            bodies = {"payload": _decode(body.payload)}
            if body.metadata is not UNSET:
                bodies["metadata"] = _decode(body.metadata)
            found[sequence] = {
                digest: {"pointer": pointer} for pointer, digest in placeholders(bodies).items()
            }
        for sequence, snapshot_id, state, metadata in await self._select(SNAPSHOTS, given):
            bodies = {"state": _decode(state), "metadata": _decode(metadata or b"null")}
            found.setdefault(sequence, {}).update(
                {
                    digest: {"snapshot_id": snapshot_id, "pointer": pointer}
                    for pointer, digest in placeholders(bodies).items()
                }
            )
        return found

    async def _select(self, statement: str, parameters: Sequence[object]) -> list[tuple[Any, ...]]:
        with store_errors():
            async with self._pool.connection() as connection:
                cursor = await connection.execute(statement, parameters, binary=True)
                return await cursor.fetchall()
