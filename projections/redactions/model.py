"""The redactions read model: where each source has sent card numbers, and in how many events.

An event lists the places at which a card number was replaced before anything was written. They are
kept without their indexes, so that a list has one row however long it is. No value is kept, nor
what is left of one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct
from sqlalchemy import Table

from domain.snapshots.events import CAPTURED
from infrastructure.postgres.watch_tables import redactions
from projections.read_model import Derivation
from projections.reading import Connection, Notification

NAME = "redactions"
LONGEST = 200
"""Characters of a place. Names of fields are the producer's, and an index takes no longer ones."""

_INDEX = re.compile(r"(?<=/)[0-9]+(?=/|$)")
_DIGITS_LEFT = re.compile(r"(\[PAN) \*{4}[0-9]{4}(?=\])")
Key = tuple[str, str, str, str]
"""(tenant, source, type, pointer)."""


class _Row(Struct):
    """What a batch adds to a row of `redactions`."""

    tenant_id: str
    source: str
    type: str
    pointer: str
    events: int
    first_us: int
    last_us: int
    last_sequence: int


class RedactionsModel:
    """Implements `projections.read_model.ReadModel`."""

    name = NAME
    tables: Sequence[Table] = (redactions,)
    appended: frozenset[str] = frozenset()
    derived: Mapping[str, Derivation] = {}

    def __init__(self, suffix: str = "") -> None:
        self._upsert = _upsert_sql(suffix)

    def beside(self, suffix: str, *, derives: bool = True) -> RedactionsModel:
        return RedactionsModel(suffix)

    def concerns(self, events: Sequence[Notification]) -> bool:
        return any(event.redactions for event in events)

    async def apply(self, connection: Connection, events: Sequence[Notification]) -> None:
        rows: dict[Key, _Row] = {}
        for event in events:
            for place in {place_of(pointer) for pointer in event.redactions}:
                _count(rows, (event.tenant_id, _source(event), event.type, place), event)
        if rows:
            values = msgspec.json.encode([rows[key] for key in sorted(rows)]).decode()
            await connection.execute(self._upsert, (values,))


def place_of(pointer: str) -> str:
    """A JSON pointer with `*` for each index (or member that is named like one), without the last
    digits of a card number that a member's name may tell; cut where it is too long, which `…` says.
    """
    place = _DIGITS_LEFT.sub(r"\1", _INDEX.sub("*", pointer))
    return place if len(place) <= LONGEST else place[: LONGEST - 1] + "…"


def _source(event: Notification) -> str:
    """Who sent it. The event of an uploaded snapshot is the service's own, and names its sender."""
    return str(event.payload["captured_by"]) if event.type == CAPTURED else event.source


def _count(rows: dict[Key, _Row], key: Key, event: Notification) -> None:
    at = event.received_us
    row = rows.setdefault(key, _Row(*key, 0, at, at, event.sequence))
    row.events += 1
    row.last_us = max(row.last_us, at)
    row.last_sequence = event.sequence


def _upsert_sql(suffix: str) -> str:
    return f"""
insert into redactions{suffix} as r
       (tenant_id, source, type, pointer, events, first_us, last_us, last_sequence)
select tenant_id, source, type, pointer, events, first_us, last_us, last_sequence
  from json_to_recordset(%s::json) as s(
       tenant_id text, source text, type text, pointer text, events bigint, first_us bigint,
       last_us bigint, last_sequence bigint)
    on conflict (tenant_id, source, type, pointer) do update
   set events = r.events + excluded.events,
       first_us = least(r.first_us, excluded.first_us),
       last_us = greatest(r.last_us, excluded.last_us),
       last_sequence = greatest(r.last_sequence, excluded.last_sequence)"""
