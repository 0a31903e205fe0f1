"""The tables of access, beside what is on the ledger."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, PrimaryKeyConstraint, Table, Text

from infrastructure.postgres.tables import CELL

api_key_uses = Table(
    "api_key_uses",
    CELL,
    Column("tenant_id", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("last_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant_id", "key_id", name="api_key_uses_pkey"),
    comment="When API keys were used last. What they are is on the ledger.",
)
