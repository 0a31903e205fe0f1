"""One batch, one transaction: lock, load what decides, place, write, commit.

Three trips to the server: the lock with everything that decides behind it, the rows, the commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct, field
from psycopg import AsyncConnection, AsyncCursor

from application.ports import Accepted, Beside, Clock, Duplicate, Outcome, Refused, Statement
from domain.ledger.append import LedgerEnd, Located, Placed, Repeated, place
from domain.orders.events import Draft, Recorded
from infrastructure.event_store import statements as sql
from infrastructure.privacy.keyring import Keyring, KeyRow, Owner, seal

Rows = list[tuple[Any, ...]]


class Request(Struct, eq=False):
    """One submission. `attempted` keeps, by draft, what an earlier attempt wrote before its
    connection was lost: if the ledger holds just that, the attempt had succeeded.
    """

    drafts: Sequence[Draft]
    beside: Beside | None = None
    idempotency: tuple[str, str] | None = None
    atomic: bool = False
    attempted: dict[int, Recorded] = field(default_factory=dict)


class Appending:
    """The transaction that puts requests on the ledger of one cell."""

    def __init__(self, keyring: Keyring, clock: Clock, *, open_tenants: bool = True) -> None:
        self._keyring = keyring
        self._clock = clock
        self._open_tenants = open_tenants
        self.ahead_us = 0
        """How far the ledger's clock runs ahead of this machine's."""

    async def __call__(
        self, connection: AsyncConnection[Any], requests: Sequence[Request]
    ) -> list[list[Outcome]]:
        """Outcomes per request, in order. Nothing is written unless this returns."""
        async with connection.pipeline():
            await connection.execute("begin")
            await connection.execute(sql.LOCK)
            loaded = await self._load(connection, requests)
        end, keys = await self._read(loaded)
        news = {tenant for request in requests for tenant in _tenants([request])} - set(end.heads)
        outcomes, accepted, besides = _place_all(end, requests)
        async with connection.pipeline():
            await self._write(connection, accepted, keys, news, end.received_us)
            for statement, parameters in besides:
                await connection.execute(statement, parameters)
            await connection.execute("commit")
        return outcomes

    async def _load(
        self, connection: AsyncConnection[Any], requests: Sequence[Request]
    ) -> dict[str, AsyncCursor[Any]]:
        drafts = [draft for request in requests for draft in request.drafts]
        tenants = _tenants(requests)
        ids = {(draft.tenant_id, draft.event_id) for draft in drafts}
        ids |= {(d.tenant_id, d.correction_of) for d in drafts if d.correction_of is not None}
        owners = {owner for draft in drafts for owner in _owners(draft)}
        keys = {(_tenant(r), *r.idempotency) for r in requests if r.idempotency}
        run = connection.execute
        loaded = {
            "last": await run(sql.LOAD_LAST, binary=True),
            "heads": await run(sql.LOAD_HEADS, (tenants,), binary=True),
            "versions": await run(
                sql.LOAD_VERSIONS, (list({d.originator_id for d in drafts}),), binary=True
            ),
            "located": await run(sql.LOAD_LOCATED, _columns(ids, 2), binary=True),
        }
        if owners:
            loaded["keys"] = await run(sql.LOAD_KEYS, _columns(owners, 3), binary=True)
        if keys:
            loaded["idempotency"] = await run(sql.LOAD_IDEMPOTENCY, _columns(keys, 3), binary=True)
        if not self._open_tenants:
            loaded["registered"] = await run(sql.LOAD_REGISTERED, (tenants,), binary=True)
            loaded["asked"] = await run("select unnest(%s::text[])", (tenants,), binary=True)
        return loaded

    async def _read(
        self, loaded: dict[str, AsyncCursor[Any]]
    ) -> tuple[LedgerEnd, dict[Owner, KeyRow]]:
        rows: dict[str, Rows] = {name: await cursor.fetchall() for name, cursor in loaded.items()}
        position, received_us = rows["last"][0] if rows["last"] else (0, 0)
        now = self._clock()
        self.ahead_us = max(0, received_us - now)
        end = LedgerEnd(
            position=position,
            received_us=max(now, received_us + 1),
            heads={tenant: (sequence, digest) for tenant, sequence, digest in rows["heads"]},
            versions=dict(rows["versions"]),
            located={(row[0], row[1]): Located(*row[2:]) for row in rows["located"]},
            idempotency={row[:3]: row[3] for row in rows.get("idempotency", [])},
            closed_to=frozenset(row[0] for row in rows.get("asked", []))
            - frozenset(row[0] for row in rows.get("registered", [])),
        )
        keys = {row[:3]: KeyRow(row[:3], *row[3:]) for row in rows.get("keys", [])}
        return end, keys

    async def _write(
        self,
        connection: AsyncConnection[Any],
        accepted: Sequence[tuple[Draft, Recorded, Request]],
        keys: dict[Owner, KeyRow],
        news: set[str],
        received_us: int,
    ) -> None:
        if not accepted:
            return
        run = connection.execute
        await run(sql.INSERT_EVENTS, _event_columns(accepted), binary=True)
        sealed, new_keys = self._seal(accepted, keys)
        if new_keys:
            await run(sql.INSERT_KEYS, _columns([_key_values(row) for row in new_keys], 7))
        if sealed:
            await run(sql.INSERT_DISCLOSURES, _columns(sealed, 4), binary=True)
        for _draft, recorded, request in accepted:
            if request.idempotency is not None:
                caller, key = request.idempotency
                await run(
                    sql.INSERT_IDEMPOTENCY,
                    (recorded.tenant_id, caller, key, _draft.event_id, recorded.sequence),
                )
        news &= {recorded.tenant_id for _, recorded, _ in accepted}
        if news and self._open_tenants:
            await run(sql.INSERT_TENANTS, (sorted(news), [received_us] * len(news)))

    def _seal(
        self, accepted: Sequence[tuple[Draft, Recorded, Request]], keys: dict[Owner, KeyRow]
    ) -> tuple[list[tuple[str, int, UUID, bytes]], list[KeyRow]]:
        """Encrypt the disclosures, each under its owner's key; an erased owner gets none.

        Under the lock, because only here is it known which key an owner has, or has no more.
        """
        sealed: list[tuple[str, int, UUID, bytes]] = []
        created: list[KeyRow] = []
        for draft, recorded, _ in accepted:
            for owner in _owners(draft):
                row = keys.get(owner)
                if row is not None and row.wrapped is None:
                    continue
                cipher: AESGCM
                if row is None:
                    row, cipher = self._keyring.create(owner)
                    keys[owner] = row
                    created.append(row)
                else:
                    cipher = self._keyring.cipher(row)
                texts = [d.text for d in draft.disclosures if d.owner == owner[1:]]
                plain = ".".join(texts).encode("ascii")
                place = disclosure_place(recorded.tenant_id, recorded.sequence)
                sealed.append((owner[0], recorded.sequence, row.key_id, seal(cipher, plain, place)))
        return sealed, created


def disclosure_place(tenant_id: str, sequence: int) -> bytes:
    """What binds sealed disclosures to their event."""
    return f"{tenant_id}/{sequence}".encode()


def _place_all(
    end: LedgerEnd, requests: Sequence[Request]
) -> tuple[list[list[Outcome]], list[tuple[Draft, Recorded, Request]], list[Statement]]:
    all_outcomes: list[list[Outcome]] = []
    accepted: list[tuple[Draft, Recorded, Request]] = []
    besides: list[Statement] = []
    for request in requests:
        placed = place(end, request.drafts, atomic=request.atomic, idempotency=request.idempotency)
        outcomes = [_outcome(request, index, result) for index, result in enumerate(placed)]
        written_before = False
        for index, result in enumerate(placed):
            if isinstance(result, Recorded):
                request.attempted[index] = result
                accepted.append((request.drafts[index], result, request))
            elif isinstance(outcomes[index], Accepted):
                written_before = True
        if request.beside is not None and not written_before:
            besides.extend(request.beside(outcomes))
        all_outcomes.append(outcomes)
    return all_outcomes, accepted, besides


def _outcome(request: Request, index: int, placed: Placed) -> Outcome:
    if isinstance(placed, Recorded):
        return Accepted(placed)
    if isinstance(placed, Repeated):
        ours = request.attempted.get(index)
        if ours is not None and ours.entry == placed.entry:
            return Accepted(ours)
        return Duplicate(placed.position)
    return Refused(placed)


def _event_columns(accepted: Sequence[tuple[Draft, Recorded, Request]]) -> list[list[Any]]:
    return _columns(
        [
            (
                recorded.position,
                recorded.originator_id,
                recorded.originator_version,
                draft.topic,
                recorded.tenant_id,
                recorded.sequence,
                draft.event_id,
                draft.correction_of,
                recorded.received_us,
                recorded.entry,
                recorded.ledger_hash,
                recorded.state,
            )
            for draft, recorded, _ in accepted
        ],
        12,
    )


def _key_values(row: KeyRow) -> tuple[Any, ...]:
    return (*row.owner, row.key_id, row.bucket, row.bucket_key_id, row.wrapped)


def _columns(rows: Sequence[tuple[Any, ...]] | set[Any], width: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[]] * width


def _owners(draft: Draft) -> list[Owner]:
    owners: list[Owner] = []
    for disclosure in draft.disclosures:
        owner = (draft.tenant_id, *disclosure.owner)
        if owner not in owners:
            owners.append(owner)
    return owners


def _tenant(request: Request) -> str:
    return request.drafts[0].tenant_id


def _tenants(requests: Sequence[Request]) -> list[str]:
    return sorted({_tenant(request) for request in requests})
