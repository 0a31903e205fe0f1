"""The tables for watching over the service: where its sources are and which send card numbers, what
is traced, and when schedules ran."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, PrimaryKeyConstraint, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY

from infrastructure.postgres.tables import CELL

sources = Table(
    "sources",
    CELL,
    Column("tenant_id", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("events", BigInteger, nullable=False),
    Column("last_sequence", BigInteger, nullable=False),
    Column("last_us", BigInteger, nullable=False, comment="received_at of the newest event"),
    Column("minutes", ARRAY(BigInteger), nullable=False, comment="the last 60 with an event"),
    Column("lowest", BigInteger, comment="of metadata.source_sequence; null: none was given"),
    Column("highest", BigInteger),
    Column("numbered", BigInteger, nullable=False, comment="how many different ones"),
    PrimaryKeyConstraint("tenant_id", "source", name="sources_pkey"),
    comment="Where each source of a tenant is: a read model.",
)

source_ranges = Table(
    "source_ranges",
    CELL,
    Column("tenant_id", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("low", BigInteger, nullable=False),
    Column("high", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant_id", "source", "low", name="source_ranges_pkey"),
    comment="The source sequences that have come, as ranges that neither overlap nor touch.",
)

redactions = Table(
    "redactions",
    CELL,
    Column("tenant_id", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("pointer", Text, nullable=False, comment="to its place in the event, indexes as *"),
    Column("events", BigInteger, nullable=False),
    Column("first_us", BigInteger, nullable=False, comment="received_at of the first of them"),
    Column("last_us", BigInteger, nullable=False),
    Column("last_sequence", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant_id", "source", "type", "pointer", name="redactions_pkey"),
    comment="Where sources have sent card numbers, none of which is here: a read model.",
)

traces = Table(
    "traces",
    CELL,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("tenant_id", Text, nullable=False),
    Column("traceparent", Text, nullable=False, comment="of the request (W3C Trace Context)"),
    comment="Of events whose requests are traced, until every read model has them.",
)

schedule_runs = Table(
    "schedule_runs",
    CELL,
    Column("schedule", Text, primary_key=True),
    Column("every_us", BigInteger, nullable=False),
    Column("ran_us", BigInteger, nullable=False, comment="the end of its newest run"),
    Column("error", Text, comment="a class of error; null: it succeeded"),
)
