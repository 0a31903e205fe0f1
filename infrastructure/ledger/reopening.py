"""Beginning new origins for a store that lies behind what was signed of it.

What was signed under the old origins cannot be taken back, and the store can no longer go on from
it: a log that did would say two things of one size. So every log gets a new origin, and each
tenant's ledger an event that names the newest checkpoint of the origin before. The trees begin with
the events that are there, as they were.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from typing import Any

from msgspec import Struct
from psycopg import Connection

from application.ledger.gathering import KIND as WITNESS
from application.ledger.ports import GLOBAL, LogKeys, ObjectStore
from application.ledger.signing import LogHead, empty_head, origin_of
from application.ports import Clock, Door, Refused
from domain.errors import Conflict, TenantLeft, Unavailable
from domain.ledger.acts import reopened, reopened_id
from domain.ledger.checkpoints import Checkpoint
from domain.ledger.faults import Malformed
from domain.ledger.hashing import EMPTY_ROOT, entry, leaf_hash
from domain.ledger.merkle import Frontier
from domain.ledger.notes import SignedNote
from domain.times import SECOND, format_us
from infrastructure.ledger import signed_store as store
from infrastructure.ledger.behind import LedgerBehind, require_ahead
from infrastructure.ledger.signer import LEAD

_TRIES = 30
_AT_ONCE = 50

SIZES = """
select h.tenant_id, coalesce(e.sequence, 0)
  from ledger_heads h
  left join lateral (
       select sequence from events where tenant_id = h.tenant_id and event_id <> %s
        order by sequence desc limit 1) as e on true
 where h.place is not null
"""
LAST_EVENT = """
select coalesce((select position from events where event_id <> %s
                  order by position desc limit 1), 0)
"""
WITNESS_AHEAD = f"""
select 1 from ledger_alarms where tenant_id = '{GLOBAL}' and kind = '{WITNESS}'
"""
FOLLOWED = "select coalesce(max(position), 0) from tracking"
ENTRIES = "select entry from events where tenant_id = %s and sequence <= %s order by sequence"
MOVE_HEAD = """
update ledger_heads
   set epoch = %s, origin = %s, size = %s, root = %s, frontier = %s, round = 0, witnessed_size = 0
 where tenant_id = %s
"""
FORGET_TILES = f"delete from ledger_global_tiles where tenant_id = '{GLOBAL}'"
FORGET_ALARM = f"delete from ledger_alarms where tenant_id = '{GLOBAL}' and kind = '{WITNESS}'"
ROUND_BEFORE = """
insert into ledger_rounds (epoch, round, text, entry, position, signed_us)
values (%s, 0, %s, %s, %s, %s)
"""


class Reopened(Struct, frozen=True):
    """epoch: of the new origins, under which `tenants` logs go on. stale: read models hold events
    that are gone, and would pass over those that take their place: rebuild them."""

    epoch: int
    tenants: int
    stale: bool


class Reopening:
    """Over a connection of its own, and a door that is open to it."""

    def __init__(
        self,
        connection: Connection[Any],
        door: Door,
        keys: LogKeys,
        published: ObjectStore,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._connection = connection
        self._door = door
        self._keys = keys
        self._published = published
        self._clock = clock
        self._random_bytes = random_bytes

    async def __call__(self) -> Reopened:
        """Begin new origins. Stopped at any point, it is begun again and ends the same.

        Raises Conflict when the store does not lie behind, Unavailable.
        """
        await self._require_behind()
        await self._lead()
        whole = store.global_head(self._connection, self._keys.service_origin)
        epoch = max(whole.epoch, await self._published.largest(GLOBAL) or 1) + 1
        # What a stopped reopening has recorded already counts as what this one records.
        heads = self._heads(reopened_id(epoch))
        last = self._last_event(reopened_id(epoch))
        position = min(store.last_position(self._connection), last)
        stale = last < self._followed()
        tenants = sorted(heads)
        for start in range(0, len(tenants), _AT_ONCE):
            links = (self._link(heads[one], epoch) for one in tenants[start : start + _AT_ONCE])
            await asyncio.gather(*links)
        self._move(list(heads.values()), epoch, position)
        await self._publish_origin(epoch)
        return Reopened(epoch, len(heads), stale)

    async def _require_behind(self) -> None:
        try:
            await require_ahead(self._connection, self._published)
        except LedgerBehind:
            return
        if self._connection.execute(WITNESS_AHEAD).fetchone():
            return  # a witness has seen more of the global log: what was published is lost as well
        raise Conflict(
            "the store does not lie behind what is published in "
            f"{self._published}: nothing to reopen"
        )

    async def _lead(self) -> None:
        """No signer works while the store lies behind; one may just be finding out."""
        for _ in range(_TRIES):
            if (self._connection.execute(LEAD).fetchone() or (False,))[0]:
                return
            await asyncio.sleep(0.5)
        raise Conflict("the ledger is being signed by a worker; stop it, then reopen")

    def _heads(self, link: str) -> dict[str, LogHead]:
        """Where each log goes on from: its head, or the events that are left of what it covers."""
        heads = store.tenant_heads(self._connection)
        for tenant_id, last in self._connection.execute(SIZES, (link,)).fetchall():
            head = heads[tenant_id]
            if head.size > last or head.frontier.root() != head.root:
                frontier = Frontier()
                with self._connection.transaction(), self._connection.cursor("entries") as cursor:
                    cursor.execute(ENTRIES, (tenant_id, min(head.size, last) or last))
                    frontier.extend(leaf_hash(row[0]) for row in cursor)
                head.frontier, head.root = frontier, frontier.root()
        return heads

    def _last_event(self, link: str) -> int:
        row = self._connection.execute(LAST_EVENT, (link,)).fetchone()
        return int(row[0]) if row else 0

    def _followed(self) -> int:
        row = self._connection.execute(FOLLOWED).fetchone()
        return int(row[0]) if row else 0

    async def _link(self, head: LogHead, epoch: int) -> None:
        previous = await self._newest_published(head)
        payload = {
            "origin": origin_of(self._keys.service_origin, head.tenant_id, epoch),
            "previous": {
                "origin": previous.origin,
                "size": previous.size,
                "root": base64.b64encode(previous.root).decode(),
            },
        }
        draft = reopened(
            head.tenant_id, epoch, payload,
            now=format_us(self._clock()), random_bytes=self._random_bytes,
        )  # fmt: skip
        (outcome,) = await self._door.submit([draft])
        if isinstance(outcome, Refused) and not isinstance(outcome.error, TenantLeft):
            raise Unavailable(f"{head.tenant_id} cannot be reopened: {outcome.error}")

    async def _newest_published(self, head: LogHead) -> Checkpoint:
        """Of the origin before; the signed head where nothing of it was published."""
        prefix = store.published_prefix(head.tenant_id, head.epoch)
        size = await self._published.largest(prefix)
        note = None if size is None else await self._published.get(f"{prefix}/{size}")
        if note is None:
            return head.checkpoint
        try:
            return Checkpoint.parse(SignedNote.parse(note).text)
        except Malformed as fault:
            raise Unavailable(f"published {prefix}/{size} cannot be read: {fault}") from fault

    def _move(self, heads: list[LogHead], epoch: int, position: int) -> None:
        origin = self._keys.service_origin
        text = f"order-history/reopened/v1\n{epoch}\n"
        whole = empty_head(origin, GLOBAL, None, epoch)
        now_us = self._clock()
        with self._connection.transaction():
            for head in (*heads, whole):
                self._connection.execute(
                    MOVE_HEAD,
                    (epoch, origin_of(origin, head.tenant_id, epoch), head.size, head.root,
                     head.frontier.to_bytes(), head.tenant_id),
                )  # fmt: skip
            self._connection.execute(FORGET_TILES)
            self._connection.execute(FORGET_ALARM)  # of the origin before
            self._connection.execute(
                ROUND_BEFORE, (epoch, text, entry(text.encode()), position, now_us)
            )

    async def _publish_origin(self, epoch: int) -> None:
        """The empty global log, signed: from now on this is the newest epoch."""
        origin = origin_of(self._keys.service_origin, GLOBAL, epoch)
        checkpoint = Checkpoint(origin, 0, EMPTY_ROOT)
        signatures = self._keys.sign(checkpoint, self._clock() // SECOND)
        note = SignedNote(checkpoint.text(), signatures).format()
        await self._published.put({store.published_key(GLOBAL, epoch, 0): note.encode()})
