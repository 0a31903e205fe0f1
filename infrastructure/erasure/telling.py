"""Which values the ledger of a tenant tells to be gone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct
from psycopg import Connection

from domain.ledger.hashing import entry
from domain.privacy.disclosing import COVERING, told_gone

_AT_ONCE = 100
# Those that the read model knows by their type, and what it has not come to yet, as far as its
# bytes name one of these types: they are read then, and tell.
FACTS = """
with named(type) as (select unnest(%(types)s::text[])),
wanted(sequence) as (
  select o.sequence from order_events o join named n on n.type = o.type
   where o.tenant_id = %(tenant)s and o.order_id is null
   union all
  select e.sequence from events e
   where e.tenant_id = %(tenant)s
     and e.sequence > coalesce((select max(o.sequence) from order_events o
                                 where o.tenant_id = %(tenant)s), 0)
     and exists (select from named n where position(convert_to(n.type, 'UTF8') in e.state) > 0))
select e.sequence, e.entry, e.state
  from wanted w join events e on e.tenant_id = %(tenant)s and e.sequence = w.sequence
 order by e.sequence
"""


class Gone(Struct, frozen=True):
    """Values of an event that are told to be gone, by the event with the sequence `fact`."""

    sequence: int
    pointers: list[str]
    fact: int


def told_of(connection: Connection[Any], tenant_id: str) -> Iterator[Gone]:
    """In the order of the facts. One whose bytes were changed tells nothing. Nothing else may use
    the connection before the end."""
    asked = {"types": list(COVERING), "tenant": tenant_id}
    with connection.cursor() as cursor:
        for fact, digest, state in cursor.stream(FACTS, asked, binary=True, size=_AT_ONCE):
            if entry(state) == digest:
                for sequence, pointers in told_gone(state).items():
                    yield Gone(sequence, pointers, fact)
