"""One batch, one transaction: lock, load what decides, place, write, commit.

Three trips to the server: the lock with everything that decides behind it, the rows, the commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct, field
from psycopg import AsyncConnection, AsyncCursor

from application.ports import Accepted, Beside, Clock, Duplicate, Outcome, Refused, Statement
from domain.ledger.append import LedgerEnd, Located, Placed, Repeated, place
from domain.orders.events import Draft, Recorded
from infrastructure.event_store import statements as sql
from infrastructure.postgres.arrays import (
    BigintColumn,
    BytesColumn,
    Column,
    IntColumn,
    TextColumn,
    UuidColumn,
)
from infrastructure.privacy.encrypting import encrypt, owners_of
from infrastructure.privacy.keyring import Keyring, KeyRow, Owner

Rows = list[tuple[Any, ...]]


class Request(Struct, eq=False):
    """One submission of `size` bytes. `attempted` keeps, by draft, what an earlier attempt wrote
    before its connection was lost: if the ledger holds just that, the attempt had succeeded.
    """

    drafts: Sequence[Draft]
    size: int
    beside: Beside | None = None
    idempotency: tuple[str, str] | None = None
    atomic: bool = False
    attempted: dict[int, Recorded] = field(default_factory=dict)


class Accepting(Struct, frozen=True):
    """A draft with its place on the ledger, and the request it came with."""

    draft: Draft
    event: Recorded
    request: Request


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
        end, keys = await self._read(loaded, requests)
        known = set(end.heads)
        outcomes, accepted, besides = _place_all(end, requests)
        async with connection.pipeline():
            if accepted:
                await self._write(connection, accepted, keys)
                await self._write_once(connection, accepted, known, end.received_us)
            for statement, parameters in besides:
                await connection.execute(statement, parameters)
            await connection.execute("commit")
        return outcomes

    async def _load(
        self, connection: AsyncConnection[Any], requests: Sequence[Request]
    ) -> dict[str, AsyncCursor[Any]]:
        """Ask for everything that decides about these requests; the answers are read later."""
        drafts = [draft for request in requests for draft in request.drafts]
        ids = {(draft.tenant_id, draft.event_id) for draft in drafts}
        ids |= {(d.tenant_id, d.correction_of) for d in drafts if d.correction_of is not None}
        originators = UuidColumn(list({draft.originator_id for draft in drafts}))
        owners = {owner for draft in drafts if draft.disclosures for owner in owners_of(draft)}
        once = {(_tenant(r), *r.idempotency) for r in requests if r.idempotency}
        tenants = TextColumn(_tenants(requests))
        run = connection.execute
        loaded = {
            "last": await run(sql.LOAD_LAST, binary=True),
            "heads": await run(sql.LOAD_HEADS, (tenants,), binary=True),
            "versions": await run(sql.LOAD_VERSIONS, (originators,), binary=True),
            "located": await run(sql.LOAD_LOCATED, _texts(ids), binary=True),
        }
        if owners:
            loaded["keys"] = await run(sql.LOAD_KEYS, _texts(owners), binary=True)
        if once:
            loaded["idempotency"] = await run(sql.LOAD_IDEMPOTENCY, _texts(once), binary=True)
        if not self._open_tenants:
            loaded["registered"] = await run(sql.LOAD_REGISTERED, (tenants,), binary=True)
        return loaded

    async def _read(
        self, loaded: dict[str, AsyncCursor[Any]], requests: Sequence[Request]
    ) -> tuple[LedgerEnd, dict[Owner, KeyRow]]:
        rows: dict[str, Rows] = {name: await cursor.fetchall() for name, cursor in loaded.items()}
        position, received_us = rows["last"][0] if rows["last"] else (0, 0)
        now = self._clock()
        self.ahead_us = max(0, received_us - now)
        closed: set[str] = set()
        if not self._open_tenants:
            closed = set(_tenants(requests)) - {tenant for (tenant,) in rows["registered"]}
        end = LedgerEnd(
            position=position,
            received_us=max(now, received_us + 1),
            heads={tenant: (sequence, digest) for tenant, sequence, digest in rows["heads"]},
            versions=dict(rows["versions"]),
            located={(row[0], row[1]): Located(*row[2:]) for row in rows["located"]},
            idempotency={row[:3]: row[3] for row in rows.get("idempotency", [])},
            closed_to=frozenset(closed),
        )
        keys = {row[:3]: KeyRow(row[:3], *row[3:]) for row in rows.get("keys", [])}
        return end, keys

    async def _write(
        self,
        connection: AsyncConnection[Any],
        accepted: Sequence[Accepting],
        keys: dict[Owner, KeyRow],
    ) -> None:
        """The events and what hides their personal values."""
        run = connection.execute
        await run(sql.INSERT_EVENTS, _event_columns(accepted))
        rows, created = encrypt(
            self._keyring, ((one.draft, one.event.sequence) for one in accepted), keys
        )
        if created:
            await run(sql.INSERT_KEYS, _key_columns(created))
        if rows:
            await run(
                sql.INSERT_DISCLOSURES,
                (
                    TextColumn([row.tenant_id for row in rows]),
                    BigintColumn([row.sequence for row in rows]),
                    UuidColumn([row.key_id for row in rows]),
                    BytesColumn([row.sealed for row in rows]),
                ),
            )

    async def _write_once(
        self,
        connection: AsyncConnection[Any],
        accepted: Sequence[Accepting],
        known: set[str],
        received_us: int,
    ) -> None:
        """What is written for the first event of a key, and of a tenant."""
        for one in accepted:
            if one.request.idempotency is not None:
                values = (*one.request.idempotency, one.draft.event_id, one.event.sequence)
                await connection.execute(sql.INSERT_IDEMPOTENCY, (one.event.tenant_id, *values))
        news = sorted({one.event.tenant_id for one in accepted} - known)
        if news and self._open_tenants:
            times = BigintColumn([received_us] * len(news))
            await connection.execute(sql.INSERT_TENANTS, (TextColumn(news), times))


def _place_all(
    end: LedgerEnd, requests: Sequence[Request]
) -> tuple[list[list[Outcome]], list[Accepting], list[Statement]]:
    all_outcomes: list[list[Outcome]] = []
    accepted: list[Accepting] = []
    besides: list[Statement] = []
    for request in requests:
        placed = place(end, request.drafts, atomic=request.atomic, idempotency=request.idempotency)
        outcomes = [_outcome(request, index, result) for index, result in enumerate(placed)]
        written_before = False
        for index, result in enumerate(placed):
            if isinstance(result, Recorded):
                request.attempted[index] = result
                accepted.append(Accepting(request.drafts[index], result, request))
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


def _event_columns(accepted: Sequence[Accepting]) -> tuple[Column, ...]:
    events = [one.event for one in accepted]
    drafts = [one.draft for one in accepted]
    return (
        BigintColumn([event.position for event in events]),
        UuidColumn([event.originator_id for event in events]),
        IntColumn([event.originator_version for event in events]),
        TextColumn([draft.topic for draft in drafts]),
        TextColumn([event.tenant_id for event in events]),
        BigintColumn([event.sequence for event in events]),
        TextColumn([draft.event_id for draft in drafts]),
        TextColumn([draft.correction_of for draft in drafts]),
        BigintColumn([event.received_us for event in events]),
        BytesColumn([event.entry for event in events]),
        BytesColumn([event.ledger_hash for event in events]),
        BytesColumn([event.state for event in events]),
    )


def _key_columns(rows: Sequence[KeyRow]) -> tuple[Column, ...]:
    return (
        *_texts(row.owner for row in rows),
        UuidColumn([row.key_id for row in rows]),
        IntColumn([row.bucket for row in rows]),
        UuidColumn([row.bucket_key_id for row in rows]),
        BytesColumn([row.wrapped for row in rows]),
    )


def _texts(rows: Iterable[tuple[str, ...]]) -> tuple[TextColumn, ...]:
    """Columns of rows of texts; there is at least one row."""
    return tuple(TextColumn(column) for column in zip(*rows, strict=True))


def _tenant(request: Request) -> str:
    return request.drafts[0].tenant_id


def _tenants(requests: Sequence[Request]) -> list[str]:
    return sorted({_tenant(request) for request in requests})
