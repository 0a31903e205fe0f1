"""What is kept of a tenant beside its ledger, row by row, readable: for its export."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
from msgspec import Raw

from application.intake.chunks import JobCipher, SpoolDamaged
from application.jobs.ports import Job, job_view
from domain.privacy.sealing import open_disclosures
from domain.times import format_us
from infrastructure.access_log.store import entry_of
from infrastructure.postgres.connect import Pool, store_errors
from infrastructure.privacy.keyring import Keyring, KeyRow, unseal

_AT_ONCE = 500
_LARGE = 8
"""States of snapshots have up to 4 MiB."""

SNAPSHOTS = """
select snapshot_id, order_id, captured_at, source, sequence, size_bytes, state, metadata
  from order_snapshots where tenant_id = %s and snapshot_id > %s order by snapshot_id limit %s
"""
SEARCHES = """
select search_id, name, description, search, last, version, created_by, created_us, changed_by,
       changed_us
  from saved_searches where tenant_id = %s and search_id > %s order by search_id limit %s
"""
LINES = """
select job_id, line, outcome, reason, sealed from job_lines
 where tenant_id = %s and (job_id, line) > (%s, %s) order by job_id, line limit %s
"""
JOBS = f"""
select job_id, {", ".join(Job.__struct_fields__)} from jobs
 where tenant_id = %s and job_id > %s order by job_id limit %s
"""
LOG = """
select l.number, l.entry_id, l.at_us, l.subject, l.roles, l.operation, l.endpoint, l.orders,
       l.fields, l.events, l.personal_values, l.size_bytes, l.reason, l.address,
       p.sealed, k.kind, k.subject, k.key_id, k.bucket, k.bucket_key_id, k.wrapped
  from access_log l
  left join access_log_personal p on p.tenant_id = l.tenant_id and p.entry_id = l.entry_id
  left join data_keys k on k.tenant_id = p.tenant_id and k.key_id = p.key_id
 where l.tenant_id = %s and l.number > %s order by l.number limit %s
"""
BATCHES = """
select first, last, root from access_batches
 where tenant_id = %s and first > %s order by first limit %s
"""
_encode = msgspec.json.Encoder().encode


class _Table:
    """Rows in the order of a key, their first columns, a page at a time. start: a key before the
    first one."""

    statement: str
    start: tuple[Any, ...] = ("",)
    at_once = _AT_ONCE

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def _rows(self, tenant_id: str) -> AsyncIterator[tuple[Any, ...]]:
        after = self.start
        while True:
            given = (tenant_id, *after, self.at_once)
            with store_errors():
                async with self._pool.connection() as connection:
                    cursor = await connection.execute(self.statement, given, binary=True)
                    rows = await cursor.fetchall()
            for row in rows:
                yield row
            if len(rows) < self.at_once:
                return
            after = rows[-1][: len(self.start)]


class SnapshotStates(_Table):
    """The states of captured snapshots."""

    name = "snapshots.ndjson"
    holds = "a captured snapshot; personal values are digests, as in the event of that sequence"
    statement = SNAPSHOTS
    at_once = _LARGE

    async def lines(self, tenant_id: str) -> AsyncIterator[bytes]:
        async for *told, state, metadata in self._rows(tenant_id):
            names = ("snapshot_id", "order_id", "captured_at", "source", "sequence", "size_bytes")
            said = dict(zip(names, told, strict=True))
            rest = None if metadata is None else Raw(bytes(metadata))
            yield _encode({**said, "state": Raw(bytes(state)), "metadata": rest})


class SavedSearches(_Table):
    """Searches that the tenant shares."""

    name = "saved_searches.ndjson"
    holds = "a saved search"
    statement = SEARCHES

    async def lines(self, tenant_id: str) -> AsyncIterator[bytes]:
        async for row in self._rows(tenant_id):
            search_id, name, description, search, last, version, by, at_us, changed, changed_us = (
                row
            )
            yield _encode(
                {
                    "search_id": search_id,
                    "name": name,
                    "description": description,
                    "search": Raw(bytes(search)),
                    "last": last,
                    "version": version,
                    "created_by": by,
                    "created_at": format_us(at_us),
                    "changed_by": changed,
                    "changed_at": format_us(changed_us),
                }
            )


class JobsOf(_Table):
    """Jobs, as GET /jobs shows them."""

    name = "jobs.ndjson"
    holds = "a job"
    statement = JOBS

    async def lines(self, tenant_id: str) -> AsyncIterator[bytes]:
        async for _, *row in self._rows(tenant_id):
            yield job_view(Job(**dict(zip(Job.__struct_fields__, row, strict=True))))


class KeptLines(_Table):
    """Lines of bulk jobs that were not recorded."""

    name = "rejected_lines.ndjson"
    holds = "a line of a bulk job that was not recorded, and why; base64 where it is not UTF-8"
    statement = LINES
    start = ("", -1)

    def __init__(self, pool: Pool, cipher: JobCipher) -> None:
        super().__init__(pool)
        self._cipher = cipher

    async def lines(self, tenant_id: str) -> AsyncIterator[bytes]:
        async for job_id, line, outcome, reason, sealed in self._rows(tenant_id):
            said = {"job_id": job_id, "line": line, "outcome": outcome, "reason": reason}
            yield _encode({**said, **self._text(tenant_id, job_id, line, sealed)})

    def _text(self, tenant_id: str, job_id: str, line: int, sealed: bytes) -> dict[str, object]:
        try:
            raw = self._cipher.open_line(tenant_id, job_id, line, sealed)
        except SpoolDamaged:
            return {"damaged": True}
        try:
            return {"text": raw.decode()}
        except UnicodeDecodeError:
            return {"base64": b64encode(raw).decode("ascii")}


class AccessEntries(_Table):
    """The access log."""

    name = "access_log.ndjson"
    holds = (
        "an entry of the access log; reason and address are digests, whose disclosures stand beside"
    )
    statement = LOG
    start = (0,)

    def __init__(self, pool: Pool, keyring: Keyring) -> None:
        super().__init__(pool)
        self._keyring = keyring

    async def lines(self, tenant_id: str) -> AsyncIterator[bytes]:
        async for number, *row in self._rows(tenant_id):
            entry = msgspec.to_builtins(entry_of(tenant_id, row[:13]))
            yield _encode({"number": number, **entry, **self._opened(tenant_id, row)})

    def _opened(self, tenant_id: str, row: Sequence[Any]) -> dict[str, object]:
        sealed, kind, subject, *key = row[13:]
        if sealed is None or kind is None or key[-1] is None:
            return {}
        place = f"{tenant_id}/access/{row[0]}".encode()
        key_row = KeyRow((tenant_id, kind, subject), *key)
        text = unseal(self._keyring.cipher(key_row), sealed, place).decode("ascii")
        opened = open_disclosures(text)
        told = {opened.names[digest]: value for digest, value in opened.items()}
        return {"disclosed": told, "disclosures": text.split(".")}


class AccessBatches(_Table):
    """Which entries of the access log the ledger covers."""

    name = "access_batches.ndjson"
    holds = "a range of entries of the access log and its root, as an event of the ledger has it"
    statement = BATCHES
    start = (0,)

    async def lines(self, tenant_id: str) -> AsyncIterator[bytes]:
        async for first, last, root in self._rows(tenant_id):
            yield _encode({"first": first, "last": last, "root": root.hex()})
