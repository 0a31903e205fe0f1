"""The tables that make events findable, beside the terms in `order_events`; of that read model, but
for the saved searches, which are written by users and never made anew.

None of them holds anything personal: identifiers are a producer's surrogates, counts are counts.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    LargeBinary,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    func,
)

from infrastructure.postgres.order_tables import SHORT_LIST
from infrastructure.postgres.tables import CELL

GRAMS = """
create function grams3(tenant_id text, value text) returns bigint[]
  language plpgsql immutable strict parallel safe as $$
declare
  grams bigint[] := '{}';
begin
  for place in 1 .. length(value) - 2 loop
    grams := grams || hashtextextended(tenant_id || chr(10) || substr(value, place, 3), 0);
  end loop;
  return grams;
end $$
"""
"""Every three characters in a row of a value, as hashes with the tenant in them. A value has a part
only if `grams3(tenant_id, value) @> grams3(tenant_id, part)`; that it has it, `strpos` says. A loop
takes an eighth of the time of the query that it could be."""

idents = Table(
    "idents",
    CELL,
    Column("tenant_id", Text, nullable=False),
    Column("value", Text, nullable=False, comment="as domain.search.words.ident gives it"),
    PrimaryKeyConstraint("tenant_id", "value", name="idents_pkey"),
    comment="The distinct identifiers that events name, to look for parts of them.",
)
Index(
    "idents_by_gram",
    func.grams3(idents.c.tenant_id, idents.c.value),
    postgresql_using="gin",
    postgresql_with=SHORT_LIST,
)


def _counts(name: str, column: str, of: str) -> Table:
    return Table(
        name,
        CELL,
        Column("tenant_id", Text, nullable=False),
        Column(column, BigInteger, nullable=False, comment=f"occurred_us, cut down to its {of}"),
        Column("type", Text, nullable=False),
        Column("source", Text, nullable=False),
        Column("currency", Text, nullable=False, comment="of order_events, '' where it is null"),
        Column("events", BigInteger, nullable=False),
        Column("amount_minor", Numeric, nullable=False, comment="the sum of those not null"),
        Column("amounts", BigInteger, nullable=False, comment="how many are not null"),
        PrimaryKeyConstraint(
            "tenant_id", column, "type", "source", "currency", name=f"{name}_pkey"
        ),
        comment=f"The events of order_events, counted by {of} (UTC).",
    )


event_counts = _counts("event_counts", "hour_us", "hour")
event_days = _counts("event_days", "day_us", "day")

event_values = Table(
    "event_values",
    CELL,
    Column("tenant_id", Text, nullable=False),
    Column("field", Text, nullable=False, comment="one of domain.search.counted.COUNTED"),
    Column("day_us", BigInteger, nullable=False, comment="occurred_us, cut down to its day (UTC)"),
    Column("kind", Text, nullable=False, comment="text, none, or other: the events must be read"),
    Column("value", Text, nullable=False, comment="'' of a kind that is not text"),
    Column("events", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant_id", "field", "day_us", "kind", "value", name="event_values_pkey"),
    comment="How many events of orders have a value in a field, counted by day.",
)

event_hours = Table(
    "event_hours",
    CELL,
    Column("tenant_id", Text, nullable=False),
    Column("hour_us", BigInteger, nullable=False, comment="occurred_us, cut down to its hour"),
    Column("first_sequence", BigInteger, nullable=False),
    Column("last_sequence", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant_id", "hour_us", name="event_hours_pkey"),
    comment="Between which sequences the events of an hour are.",
)

search_key = Table(
    "search_key",
    CELL,
    Column("model", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    PrimaryKeyConstraint("model", name="search_key_pkey"),
    comment="Which secret the terms of order_events are made with.",
)

saved_searches = Table(
    "saved_searches",
    CELL,
    Column("tenant_id", Text, nullable=False),
    Column("search_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text),
    Column("search", LargeBinary, nullable=False, comment="canonical JSON, as POST /search has it"),
    Column("last", Text, comment="an ISO 8601 duration: only what occurred so long ago or later"),
    Column("version", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("changed_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant_id", "search_id", name="saved_searches_pkey"),
    UniqueConstraint("tenant_id", "name", name="saved_searches_name_key"),
    comment="Searches that a tenant shares. Of no read model: a rebuild leaves them.",
)
