"""Going through all that is held on a person, page by page: a line for each thing.

    orders of the person's own ──▶ every event, snapshots, who looked at them
    orders of others           ──▶ the values that are theirs
    the person as an actor     ──▶ what is personal of what they did, and of what they looked at
    ──▶ rejected lines, grounds on which it is kept, sources

What is recorded after the request is not in it. Of an event the values that are in the clear are
those that an erasure of this person would delete (`domain.erasure.shares`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import msgspec

from application.access_log.ports import Asked
from application.erasure.finding import Found
from application.ports import StoredRow
from application.snapshots.ports import SnapshotRow
from application.subject_access import lines
from application.subject_access.lines import Line
from application.subject_access.ports import Kept
from application.subject_access.reading import Held, Reading
from domain.erasure.places import Value, every
from domain.erasure.shares import Share, all_of
from domain.erasure.subjects import Subject
from domain.orders.events import EventBody, decode_body
from domain.privacy.sealing import Opened


class Gathering:
    """Of one request. until: the sequence up to which events are told; before_us: readers are told
    who read before. Raises Unavailable, KeyUnavailable as it goes."""

    def __init__(
        self,
        held: Held,
        tenant_id: str,
        subject: Subject,
        found: Found,
        kept: Sequence[Kept],
        *,
        until: int,
        before_us: int,
    ) -> None:
        self._held = held
        self._tenant_id = tenant_id
        self._subject = subject
        self._found = found
        self._kept = kept
        self._before_us = before_us
        self._reading = Reading(held, tenant_id, found.actor, until)
        self._sources: Counter[str] = Counter()

    @property
    def events(self) -> int:
        """How many lines told of an event."""
        return self._sources.total()

    async def lines(self) -> AsyncIterator[Line]:
        """All of them, once."""
        for each in (self._of_orders(), self._of_actor(), self._rejected()):
            async for line in each:
                yield line
        for one in self._kept:
            yield lines.kept(one)
        for source, count in sorted(self._sources.items()):
            yield lines.plain("source", source=source, events=count)

    async def _of_orders(self) -> AsyncIterator[Line]:
        async for order_ids in self._reading.together(self._found.whole):
            async for line in self._own(order_ids):
                yield line
        async for order_ids in self._reading.together(self._found.named):
            async for line in self._named(order_ids):
                yield line

    async def _of_actor(self) -> AsyncIterator[Line]:
        actor = self._found.actor
        if actor is None:
            return
        for each in (self._acted(actor), self._uploaded(actor), self._read(actor)):
            async for line in each:
                yield line

    async def _rejected(self) -> AsyncIterator[Line]:
        """Where they are: what else stands in one may be another person's."""
        needles = self._subject.texts
        async for job_id, number in self._held.rejected.mentioning(self._tenant_id, needles):
            yield lines.plain("rejected_line", job_id=job_id, line=number)

    # -- orders of the person's own ---------------------------------------------------------------

    async def _own(self, order_ids: Sequence[str]) -> AsyncIterator[Line]:
        actor = self._found.actor
        async for rows, disclosed in self._reading.events_of(order_ids):
            for row in rows:
                body = decode_body(row.state)
                self._sources[body.source] += 1
                yield lines.event(row, body, disclosed, actor)
        async for row_, disclosed in self._reading.snapshots_of(order_ids):
            yield lines.snapshot(row_, disclosed, actor)
        readers = self._held.access_log.readers(self._tenant_id, order_ids, self._before_us)
        async for order_id, entry in readers:
            yield lines.recipient(order_id, entry)

    # -- orders in which the person is, or may be, named ------------------------------------------

    async def _named(self, order_ids: Sequence[str]) -> AsyncIterator[Line]:
        shares = {order_id: Share(self._subject, self._found.alias) for order_id in order_ids}
        if self._subject.email is not None:
            await self._look(shares)
        own = [order_id for order_id, share in shares.items() if share.is_whole]
        if own:
            async for line in self._own(own):
                yield line
        others = [order_id for order_id in order_ids if order_id not in own]
        if others:
            async for line in self._parts(others, shares):
                yield line

    async def _look(self, shares: Mapping[str, Share]) -> None:
        """At everything; of a large order no further than that the person is its customer."""
        order_ids = list(shares)
        async for rows, disclosed in self._reading.events_of(order_ids):
            for row in rows:
                body = decode_body(row.state)
                shares[str(body.order_id)].look(all_of(body, disclosed))
            if all(share.is_whole for share in shares.values()):
                return
        async for row_, disclosed in self._reading.snapshots_of(order_ids):
            shares[row_.order_id].look(_of_snapshot(row_, disclosed))

    async def _parts(
        self, order_ids: Sequence[str], shares: Mapping[str, Share]
    ) -> AsyncIterator[Line]:
        async for rows, disclosed in self._reading.events_of(order_ids):
            for row in rows:
                body = decode_body(row.state)
                share = shares[str(body.order_id)]
                if theirs := share.of(body.payload, all_of(body, disclosed)):
                    yield self._some("named", row, body, theirs, disclosed)
        async for row_, disclosed in self._reading.snapshots_of(order_ids):
            share = shares[row_.order_id]
            if theirs := share.of(row_.state, _of_snapshot(row_, disclosed)):
                yield lines.values("named", _about(row_), row_.order_id, theirs, disclosed)

    # -- the person as an actor -------------------------------------------------------------------

    async def _acted(self, actor: str) -> AsyncIterator[Line]:
        """What stands in orders of their own has been told with these."""
        own = set(self._found.whole)
        async for rows, disclosed in self._reading.acted(actor, own):
            for row in rows:
                body = decode_body(row.state)
                theirs = _doers(body, all_of(body, disclosed))
                yield self._some("acted", row, body, theirs, disclosed)

    async def _uploaded(self, actor: str) -> AsyncIterator[Line]:
        """What snapshots of others' orders have of the person as who did something."""
        own = set(self._found.whole)
        async for row, disclosed in self._reading.uploaded(actor):
            if row.order_id not in own:
                theirs = [one for one in _of_snapshot(row, disclosed) if one.digest in disclosed]
                yield lines.values("acted", _about(row), row.order_id, theirs, disclosed)

    async def _read(self, actor: str) -> AsyncIterator[Line]:
        asked = Asked(subject=actor, to_us=self._before_us)
        async for entry in self._held.access_log.entries(self._tenant_id, asked, disclosing=True):
            yield lines.read(entry)

    def _some(
        self, kind: str, row: StoredRow, body: EventBody, theirs: Sequence[Value], disclosed: Opened
    ) -> Line:
        self._sources[body.source] += 1
        about = lines.about_event(row.sequence, body)
        return lines.values(kind, about, body.order_id, theirs, disclosed)


def _of_snapshot(row: SnapshotRow, disclosed: Opened) -> list[Value]:
    found = every(msgspec.json.decode(row.state), "state", disclosed)
    if row.metadata is not None:
        found += every(msgspec.json.decode(row.metadata), "metadata", disclosed)
    return found


def _about(row: SnapshotRow) -> dict[str, Any]:
    return {"snapshot_id": row.snapshot_id, "sequence": row.sequence}


def _doers(body: EventBody, some: Sequence[Value]) -> list[Value]:
    """Those that the data key of who did it hides: all of an act of the service's own, of an
    order's event what stands in the metadata."""
    return [one for one in some if body.order_id is None or one.path[0] == "metadata"]
