"""Every table, once. Alembic's first revision creates these; statements are built from them.

`PUBLIC` holds what belongs to the installation. `CELL` holds one cell: its tables carry no schema
name, because a connection's search_path says which cell it speaks to, and no statement crosses
cells. Within a cell `tenant_id` comes first in every key but the position's and the originator's.
Times of the ledger are microseconds since 1970 (bigint): exact, and read without conversion.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

APP_ROLE = "order_history_app"
"""The role every serving process acts as: it cannot change or remove what is in the event store."""

PUBLIC = MetaData()
CELL = MetaData()

tenants = Table(
    "tenants",
    PUBLIC,
    Column("tenant_id", Text, primary_key=True),
    Column("cell", Text, nullable=False, server_default="cell_0"),
    Column("created_us", BigInteger, nullable=False),
    schema="public",
)

# -- the write side: append-only ----------------------------------------------------------------

append_lock = Table(
    "append_lock",
    CELL,
    Column("id", SmallInteger, CheckConstraint("id = 1"), primary_key=True),
    comment="One row, locked by the committer and never updated.",
)

events = Table(
    "events",
    CELL,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("originator_id", Uuid, nullable=False),
    Column("originator_version", Integer, nullable=False),
    Column("topic", Text, nullable=False),
    Column("tenant_id", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("correction_of", Text),
    Column("received_us", BigInteger, nullable=False),
    Column("entry", LargeBinary, nullable=False),
    Column("ledger_hash", LargeBinary, nullable=False),
    Column("state", LargeBinary, nullable=False),
    UniqueConstraint("originator_id", "originator_version", name="events_originator_key"),
    UniqueConstraint("tenant_id", "sequence", name="events_sequence_key"),
    UniqueConstraint("tenant_id", "event_id", name="events_event_id_key"),
    comment="The event store and the ledger. Every column but `state` is a copy of what it says.",
)
Index(
    "events_correction_of",
    events.c.tenant_id,
    events.c.correction_of,
    postgresql_where=events.c.correction_of.is_not(None),
)

# -- personal data, beside the ledger: deletable -------------------------------------------------

data_keys = Table(
    "data_keys",
    CELL,
    Column("tenant_id", Text, nullable=False),
    Column("kind", Text, CheckConstraint("kind in ('order', 'actor', 'reader')"), nullable=False),
    Column("subject", Text, nullable=False, comment="an order id, or an actor's or reader's id"),
    Column("key_id", Uuid, nullable=False),
    Column("bucket", Integer, nullable=False),
    Column("bucket_key_id", Uuid, nullable=False),
    Column("wrapped", LargeBinary, comment="null once erased: later values get no disclosure"),
    PrimaryKeyConstraint("tenant_id", "kind", "subject"),
    UniqueConstraint("tenant_id", "key_id", name="data_keys_key_id"),
)

disclosures = Table(
    "disclosures",
    CELL,
    Column("tenant_id", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("key_id", Uuid, nullable=False),
    Column("sealed", LargeBinary, nullable=False, comment="nonce, then AES-256-GCM"),
    PrimaryKeyConstraint("tenant_id", "sequence", "key_id"),
)
Index("disclosures_by_key", disclosures.c.tenant_id, disclosures.c.key_id)

idempotency_keys = Table(
    "idempotency_keys",
    CELL,
    Column("tenant_id", Text, nullable=False),
    Column("caller", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant_id", "caller", "key"),
)

# -- snapshots -------------------------------------------------------------------------------------

aggregate_snapshots = Table(
    "aggregate_snapshots",
    CELL,
    Column("originator_id", Uuid, nullable=False),
    Column("originator_version", Integer, nullable=False),
    Column("topic", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False, comment="of its last event"),
    Column("latest_us", BigInteger, nullable=False, comment="highest occurred_at it holds"),
    Column("received_us", BigInteger, nullable=False, comment="received_at of its last event"),
    Column("after_version", Integer, nullable=False, comment="where its own block begins"),
    Column("earliest_us", BigInteger, nullable=False, comment="lowest occurred_at of the block"),
    Column("corrects", Boolean, nullable=False, comment="whether the block holds a correction"),
    Column("state", LargeBinary, nullable=False),
    PrimaryKeyConstraint("originator_id", "originator_version"),
    comment="The framework's snapshots of orders: a cache of the fold, safe to empty.",
)

order_snapshots = Table(
    "order_snapshots",
    CELL,
    Column("tenant_id", Text, nullable=False),
    Column("snapshot_id", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("captured_us", BigInteger, nullable=False),
    Column("captured_at", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False, comment="of history.snapshot.captured"),
    Column("size_bytes", BigInteger, nullable=False),
    Column("state", LargeBinary, nullable=False, comment="canonical, personal values as digests"),
    Column("metadata", LargeBinary),
    PrimaryKeyConstraint("tenant_id", "snapshot_id"),
    comment="Complete states, uploaded or computed. The ledger keeps their hash when one is gone.",
)
Index(
    "order_snapshots_by_order",
    order_snapshots.c.tenant_id,
    order_snapshots.c.order_id,
    order_snapshots.c.captured_us,
)

# -- jobs ------------------------------------------------------------------------------------------

jobs = Table(
    "jobs",
    CELL,
    Column("tenant_id", Text, nullable=False),
    Column("job_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False, comment="queued|running|succeeded|failed|cancelled"),
    Column("submitted_by", Text, nullable=False),
    Column("submitted_us", BigInteger, nullable=False),
    Column("finished_us", BigInteger),
    Column("request", JSONB, nullable=False, server_default=text("'{}'")),
    Column("done", BigInteger, nullable=False, server_default="0"),
    Column("total", BigInteger),
    Column("result", JSONB, nullable=False, server_default=text("'{}'")),
    Column("errors", JSONB, nullable=False, server_default=text("'[]'")),
    Column("idempotency_key", Text),
    PrimaryKeyConstraint("tenant_id", "job_id"),
    UniqueConstraint("tenant_id", "submitted_by", "idempotency_key", name="jobs_idempotency_key"),
)
Index("jobs_by_submission", jobs.c.tenant_id, jobs.c.submitted_us, jobs.c.job_id)
# Rows stay for ever. What is looked at each few seconds is counted without reading them.
Index("jobs_by_status", jobs.c.status, jobs.c.tenant_id, jobs.c.submitted_us)
Index("jobs_by_finish", jobs.c.finished_us)

job_chunks = Table(
    "job_chunks",
    CELL,
    Column("tenant_id", Text, nullable=False),
    Column("job_id", Text, nullable=False),
    Column("chunk", Integer, nullable=False),
    Column("lines", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False, comment="scrubbed lines under the job's key"),
    Column("outcome", LargeBinary, comment="written in the transaction that records its events"),
    Column("created_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant_id", "job_id", "chunk"),
    comment="The spool of a bulk job; a chunk goes when its lines are counted.",
)

job_lines = Table(
    "job_lines",
    CELL,
    Column("tenant_id", Text, nullable=False),
    Column("job_id", Text, nullable=False),
    Column("line", BigInteger, nullable=False, comment="1 is the first"),
    Column("outcome", Text, CheckConstraint("outcome in ('rejected', 'conflict')"), nullable=False),
    Column("reason", JSONB, nullable=False, comment="[{pointer, detail}]"),
    Column("sealed", LargeBinary, nullable=False, comment="its bytes under the job's line key"),
    Column("created_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant_id", "job_id", "line"),
)
# Those that are to be gone on with are looked for each few minutes.
Index(
    "job_lines_emptied",
    job_lines.c.tenant_id,
    job_lines.c.job_id,
    postgresql_where=text("octet_length(sealed) = 0"),
)

# -- the read side ---------------------------------------------------------------------------------

tracking = Table(
    "tracking",
    CELL,
    Column("model", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
)

dead_letters = Table(
    "dead_letters",
    CELL,
    Column("model", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("tenant_id", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("error", Text, nullable=False),
    Column("failed_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("model", "position"),
)

reconciliations = Table(
    "reconciliations",
    CELL,
    Column("tenant_id", Text, primary_key=True),
    Column("sequence", BigInteger, nullable=False, comment="the last event looked at"),
    Column("passes", BigInteger, nullable=False, comment="which pass this is of, from 1 on"),
    Column("looked_us", BigInteger, nullable=False),
    Column("healed", BigInteger, nullable=False, comment="rows of read models, in all passes"),
    comment="How far the reconciler is.",
)
