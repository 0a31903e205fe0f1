"""What is disclosed of an order or an actor, loaded and deleted by its data key."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID, uuid4

from application.erasure.ports import Owned, Owner
from application.ports import Statement
from application.pseudonyms.ports import Mappings
from domain.privacy.sealing import Opened, open_disclosures
from domain.privacy.texts import without
from infrastructure.postgres.arrays import BigintColumn, BytesColumn, TextColumn, UuidColumn
from infrastructure.postgres.connect import Pool, store_errors
from infrastructure.privacy.disclosures import StoredDisclosures
from infrastructure.privacy.encrypting import disclosure_place
from infrastructure.privacy.keyring import Keyring, KeyRow, bucket_of, seal, unseal

KEYS = """
select k.kind, k.subject, k.key_id, k.bucket, k.bucket_key_id, k.wrapped
  from unnest(%s::text[], %s::text[]) as o(kind, subject)
  join data_keys k on k.tenant_id = %s and k.kind = o.kind and k.subject = o.subject
 where k.wrapped is not null
"""
ROWS = """
select key_id, sequence, sealed from disclosures
 where tenant_id = %s and key_id = any(%s::uuid[])
"""
OF_ACTORS = """
select k.kind, k.subject, k.key_id, k.bucket, k.bucket_key_id, k.wrapped, d.sequence, d.sealed
  from disclosures d
 cross join lateral (
       select * from data_keys where tenant_id = d.tenant_id and key_id = d.key_id limit 1) as k
 where d.tenant_id = %s and d.sequence = any((select %s::bigint[])::bigint[])
   and k.kind = 'actor' and k.wrapped is not null
"""
STATES = "select sequence, state from events where tenant_id = %s and sequence = any(%s::bigint[])"
DELETE_THESE = """
delete from disclosures
 where tenant_id = %s and key_id = %s::uuid and sequence = any(%s::bigint[])
"""
# A key goes when nothing is left of what it hides. What came since that was loaded, as an actor's
# next act does, has no fact yet: it stays until somebody looks again.
_EMPTY = """
   and not exists (select from disclosures d
                    where d.tenant_id = k.tenant_id and d.key_id = k.key_id)
"""
# The row of an order stays, without its key: later values of the order get no disclosure.
EMPTY_KEY = f"""
update data_keys k set wrapped = null
 where k.tenant_id = %s and k.kind = %s and k.subject = %s and k.key_id = %s::uuid{_EMPTY}
"""
# Who acts or reads again is recorded anew, under another key: that is another request's to erase.
DELETE_KEY = f"""
delete from data_keys k
 where k.tenant_id = %s and k.kind = %s and k.subject = %s and k.key_id = %s::uuid{_EMPTY}
"""
FORBID = """
insert into data_keys (tenant_id, kind, subject, key_id, bucket, bucket_key_id, wrapped)
values (%s, 'order', %s, %s::uuid, %s::int, %s::uuid, null) on conflict do nothing
"""
DELETE_READS = "delete from access_log_personal where tenant_id = %s and key_id = %s::uuid"
# All or nothing: nothing, if there are not the very rows that were loaded. What an actor does
# meanwhile has its key, and what is deleted meanwhile must not come back.
REPLACE_KEY = """
update data_keys k set key_id = %s::uuid, bucket_key_id = %s::uuid, wrapped = %s::bytea
 where k.tenant_id = %s and k.kind = %s and k.subject = %s and k.key_id = %s::uuid
   and k.wrapped is not null
   and %s::bigint[] = array(select d.sequence from disclosures d
                             where d.tenant_id = k.tenant_id and d.key_id = k.key_id order by 1)
"""
DELETE_REPLACED = """
delete from disclosures d
 where d.tenant_id = %s and d.key_id = %s::uuid
   and exists (select from data_keys k where k.tenant_id = d.tenant_id and k.key_id = %s::uuid)
"""
# Unless somebody else has erased the key meanwhile, or given what is left another one: what is gone
# must not come back.
INSERT_ROWS = """
insert into disclosures (tenant_id, key_id, sequence, sealed)
select k.tenant_id, k.key_id, one.sequence, one.sealed
  from data_keys k
 cross join unnest(%s::bigint[], %s::bytea[]) as one(sequence, sealed)
 where k.tenant_id = %s and k.key_id = %s::uuid
"""


class StoredOwned:
    """Implements `application.erasure.ports.OwnedStore`."""

    def __init__(self, pool: Pool, keyring: Keyring, mappings: Mappings) -> None:
        self._pool = pool
        self._keyring = keyring
        self._mappings = mappings
        self._disclosures = StoredDisclosures(pool, keyring)

    async def load(self, tenant_id: str, owners: Sequence[Owner]) -> list[Owned]:
        kinds, subjects = (TextColumn([one[at] for one in owners]) for at in (0, 1))
        with store_errors():
            async with self._pool.connection() as connection:
                cursor = await connection.execute(KEYS, (kinds, subjects, tenant_id), binary=True)
                keys = [
                    KeyRow((tenant_id, kind, subject), *key)
                    for kind, subject, *key in await cursor.fetchall()
                ]
                wanted = UuidColumn([key.key_id.bytes for key in keys])
                cursor = await connection.execute(ROWS, (tenant_id, wanted), binary=True)
                sealed = await cursor.fetchall()
        rows: dict[UUID, list[tuple[int, bytes]]] = {key.key_id: [] for key in keys}
        for key_id, *row in sealed:
            rows[key_id].append((row[0], row[1]))
        return [await self._opened(tenant_id, key, rows[key.key_id]) for key in keys]

    async def of_actors(self, tenant_id: str, sequences: Sequence[int]) -> list[Owned]:
        with store_errors():
            async with self._pool.connection() as connection:
                parameters = tenant_id, BigintColumn(sequences)
                cursor = await connection.execute(OF_ACTORS, parameters, binary=True)
                found = await cursor.fetchall()
        keys: dict[UUID, KeyRow] = {}
        rows: dict[UUID, list[tuple[int, bytes]]] = {}
        for kind, subject, *key, sequence, sealed in found:
            key_row = keys.setdefault(key[0], KeyRow((tenant_id, kind, subject), *key))
            rows.setdefault(key_row.key_id, []).append((sequence, sealed))
        return [await self._opened(tenant_id, key, rows[key_id]) for key_id, key in keys.items()]

    async def _opened(
        self, tenant_id: str, key: KeyRow, rows: Sequence[tuple[int, bytes]]
    ) -> Owned:
        cipher = self._keyring.cipher(key)
        texts = {
            sequence: unseal(cipher, one, disclosure_place(tenant_id, sequence)).decode("ascii")
            for sequence, one in rows
        }
        opened = {sequence: open_disclosures(text) for sequence, text in texts.items()}
        _, kind, subject = key.owner
        if any(one.replaced for one in opened.values()):
            _put_back(opened, await self._mappings.load(tenant_id, (kind, subject)))
        return Owned((kind, subject), key.key_id, key.bucket, texts, opened)

    async def states(self, tenant_id: str, sequences: Sequence[int]) -> Mapping[int, bytes]:
        with store_errors():
            async with self._pool.connection() as connection:
                parameters = tenant_id, BigintColumn(sequences)
                cursor = await connection.execute(STATES, parameters, binary=True)
                return dict(await cursor.fetchall())

    def erasing(self, tenant_id: str, owned: Owned) -> list[Statement]:
        key_id = str(owned.key_id)
        of_order = owned.owner[0] == "order"
        return [
            (DELETE_THESE, (tenant_id, key_id, BigintColumn(list(owned.texts)))),
            (DELETE_READS, (tenant_id, key_id)),
            (EMPTY_KEY if of_order else DELETE_KEY, (tenant_id, *owned.owner, key_id)),
        ]

    def forbidding(self, tenant_id: str, order_id: str) -> list[Statement]:
        no_key = str(UUID(int=0))
        parameters = tenant_id, order_id, str(uuid4()), str(bucket_of(order_id)), no_key
        return [(FORBID, parameters)]

    def erasing_some(
        self, tenant_id: str, owned: Owned, digests: Mapping[int, Collection[str]]
    ) -> list[Statement]:
        left = {
            sequence: text
            for sequence, whole in owned.texts.items()
            if (text := without(whole, digests.get(sequence, ())))
        }
        return self.rewriting(tenant_id, owned, left)

    def rewriting(self, tenant_id: str, owned: Owned, texts: Mapping[int, str]) -> list[Statement]:
        key, cipher = self._keyring.create((tenant_id, *owned.owner))
        assert key.wrapped is not None, "it was just made"
        sealed = [
            seal(cipher, text.encode(), disclosure_place(tenant_id, sequence))
            for sequence, text in texts.items()
        ]
        new, old = str(key.key_id), str(owned.key_id)
        made = new, str(key.bucket_key_id), key.wrapped
        return [
            (REPLACE_KEY, (*made, tenant_id, *owned.owner, old, BigintColumn(sorted(owned.texts)))),
            (DELETE_REPLACED, (tenant_id, old, new)),
            (INSERT_ROWS, (BigintColumn(list(texts)), BytesColumn(sealed), tenant_id, new)),
        ]

    def erasing_events(
        self, tenant_id: str, owned: Owned, sequences: Collection[int]
    ) -> list[Statement]:
        events = BigintColumn(list(sequences))
        return [(DELETE_THESE, (tenant_id, str(owned.key_id), events))]

    async def left(self, tenant_id: str, digests: Mapping[int, Collection[str]]) -> int:
        disclosed = await self._disclosures.of(tenant_id, list(digests))
        return len(_all(digests) & disclosed.keys())

    async def replaced(self, tenant_id: str, digests: Mapping[int, Collection[str]]) -> int:
        disclosed = await self._disclosures.of(tenant_id, list(digests))
        return len(_all(digests) & disclosed.replaced)


def _all(digests: Mapping[int, Collection[str]]) -> set[str]:
    return {digest for some in digests.values() for digest in some}


def _put_back(opened: Mapping[int, Opened], originals: Mapping[int, str]) -> None:
    for sequence, text in originals.items():
        if sequence in opened:
            values, recorded = opened[sequence], open_disclosures(text)
            values.originals = values.replaced & recorded.keys()
            values.update((one, recorded[one]) for one in values.originals)
