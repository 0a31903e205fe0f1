"""The tables of access, beside what is on the ledger: who was shown which personal values, and when
API keys were used; and which deletions of personal values were made."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY

from infrastructure.postgres.tables import CELL

access_log = Table(
    "access_log",
    CELL,
    Column("tenant_id", Text, nullable=False),
    Column("number", BigInteger, nullable=False, comment="from 1, without a gap"),
    Column("entry_id", Uuid, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("subject", Text, nullable=False),
    Column("roles", ARRAY(Text), nullable=False),
    Column("operation", Text, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("orders", ARRAY(Text), nullable=False),
    Column("fields", ARRAY(Text), nullable=False),
    Column("events", Integer, nullable=False),
    Column("personal_values", Integer, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("reason", Text, comment="a salted digest"),
    Column("address", Text, comment="a salted digest"),
    PrimaryKeyConstraint("tenant_id", "number"),
    UniqueConstraint("tenant_id", "entry_id", name="access_log_entry_id"),
    comment="A row is an answer that showed personal values.",
)
Index("access_log_by_time", access_log.c.tenant_id, access_log.c.at_us, access_log.c.entry_id)
Index(
    "access_log_by_subject",
    access_log.c.tenant_id,
    access_log.c.subject,
    access_log.c.at_us,
    access_log.c.entry_id,
)
Index(
    "access_log_by_operation",
    access_log.c.tenant_id,
    access_log.c.operation,
    access_log.c.at_us,
    access_log.c.entry_id,
)

access_log_orders = Table(
    "access_log_orders",
    CELL,
    Column("tenant_id", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("entry_id", Uuid, nullable=False),
    PrimaryKeyConstraint("tenant_id", "order_id", "at_us", "entry_id"),
    comment="Who has looked at an order: the orders of each entry, to be found by.",
)

access_batches = Table(
    "access_batches",
    CELL,
    Column("tenant_id", Text, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False, comment="as history.access.digested has it"),
    PrimaryKeyConstraint("tenant_id", "first"),
    comment="Which entries the ledger covers; written with the event that tells of them.",
)

access_log_personal = Table(
    "access_log_personal",
    CELL,
    Column("tenant_id", Text, nullable=False),
    Column("entry_id", Uuid, nullable=False),
    Column("key_id", Uuid, nullable=False, comment="the data key of the reader"),
    Column("sealed", LargeBinary, nullable=False, comment="disclosures: nonce, then AES-256-GCM"),
    PrimaryKeyConstraint("tenant_id", "entry_id"),
    comment="The reader's reason and address, deletable.",
)
Index("access_log_personal_by_key", access_log_personal.c.tenant_id, access_log_personal.c.key_id)

APPEND_ONLY = (access_log, access_log_orders, access_batches)

erasures = Table(
    "erasures",
    CELL,
    Column("tenant_id", Text, nullable=False),
    Column("entry_id", Text, nullable=False, comment="of the journal, which is apart from here"),
    Column("told", Boolean, nullable=False, comment="whether the ledger has the fact of it"),
    PrimaryKeyConstraint("tenant_id", "entry_id", name="erasures_pkey"),
    comment="Deletions of personal values. One that the journal has and this has not, a restored"
    " backup has undone.",
)

api_key_uses = Table(
    "api_key_uses",
    CELL,
    Column("tenant_id", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("last_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant_id", "key_id", name="api_key_uses_pkey"),
    comment="When API keys were used last. What they are is on the ledger.",
)
