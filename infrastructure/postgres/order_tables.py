"""The tables of the orders read model: orders, their events and the actors, linked by foreign keys;
what finds events beside these is in `search_tables`."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from infrastructure.postgres.tables import CELL

SHORT_LIST = {"gin_pending_list_limit": 512}
"""Of an inverted index, in kB: what was added last, which every look-up reads through. A third of
the time of PostgreSQL's 4 MB; without any list, adding costs more than twice the time."""

actors = Table(
    "actors",
    CELL,
    Column("tenant_id", Text, nullable=False),
    Column("actor_id", Text, nullable=False),
    Column("actor_type", Text),
    Column("events", BigInteger, nullable=False),
    Column("first_us", BigInteger, nullable=False),
    Column("last_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant_id", "actor_id", name="actors_pkey"),
)

orders = Table(
    "orders",
    CELL,
    Column("tenant_id", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("number", Text),
    Column("status", Text),
    Column("channel", Text),
    Column("currency", Text),
    Column("customer_id", Text),
    Column("total_minor", BigInteger),
    Column("on_hold", Boolean, nullable=False),
    Column("skus", ARRAY(Text), nullable=False),
    Column("created_us", BigInteger, nullable=False, comment="occurred_at of version 1; immutable"),
    Column("first_us", BigInteger, nullable=False),
    Column("last_us", BigInteger, nullable=False),
    Column("last_sequence", BigInteger, nullable=False),
    Column("event_count", BigInteger, nullable=False),
    Column("awaits_original", Boolean, nullable=False, comment="a correction came first"),
    PrimaryKeyConstraint("tenant_id", "order_id", name="orders_pkey"),
)
Index("orders_by_last_event", orders.c.tenant_id, orders.c.last_us, orders.c.order_id)
Index("orders_by_created", orders.c.tenant_id, orders.c.created_us, orders.c.order_id)
Index("orders_by_total", orders.c.tenant_id, orders.c.total_minor, orders.c.order_id)
# Few are on hold at a time: those of all tenants are a small index.
Index(
    "orders_on_hold",
    orders.c.tenant_id,
    orders.c.last_us,
    orders.c.order_id,
    postgresql_where=orders.c.on_hold,
)
Index("orders_by_customer", orders.c.tenant_id, orders.c.customer_id, orders.c.last_us)
for _names in (
    ("status",),
    ("channel",),
    ("currency",),
    ("status", "channel"),
    ("status", "currency"),
    ("channel", "currency"),
):
    Index(
        f"orders_by_{'_'.join(_names)}",
        orders.c.tenant_id,
        *(orders.c[name] for name in _names),
        orders.c.last_us,
        orders.c.order_id,
    )
Index("orders_by_sku", orders.c.skus, postgresql_using="gin")

order_events = Table(
    "order_events",
    CELL,
    Column("tenant_id", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("order_id", Text, comment="null for the service's own history.* events"),
    Column("type", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("actor_id", Text),
    Column("maintenance", Boolean, nullable=False, comment="timelines leave it out unless asked"),
    Column("occurred_us", BigInteger, nullable=False),
    Column("amount_minor", BigInteger, comment="the payload's, where it is an integer"),
    Column("currency", Text, comment="the payload's, of at most 200 characters"),
    Column("terms", ARRAY(BigInteger), nullable=False, comment="keyed hashes"),
    PrimaryKeyConstraint("tenant_id", "sequence", name="order_events_pkey"),
    ForeignKeyConstraint(
        ["tenant_id", "order_id"],
        ["orders.tenant_id", "orders.order_id"],
        name="order_events_order_fkey",
    ),
    ForeignKeyConstraint(
        ["tenant_id", "actor_id"],
        ["actors.tenant_id", "actors.actor_id"],
        name="order_events_actor_fkey",
    ),
)
# Its last column is looked at within the index: no row is read of what a timeline leaves out. An
# index of the rest alone would be a second one of nearly all events.
Index(
    "order_events_timeline",
    order_events.c.tenant_id,
    order_events.c.order_id,
    order_events.c.occurred_us,
    order_events.c.sequence,
    order_events.c.maintenance,
)
Index(
    "order_events_by_type",
    order_events.c.tenant_id,
    order_events.c.type,
    order_events.c.sequence,
)
Index(
    "order_events_by_actor",
    order_events.c.tenant_id,
    order_events.c.actor_id,
    order_events.c.sequence,
)
Index(
    "order_events_by_source",
    order_events.c.tenant_id,
    order_events.c.source,
    order_events.c.sequence,
)
# Two of these together may be of no event at all: an index of one of them would then be read whole.
Index(
    "order_events_by_type_source",
    order_events.c.tenant_id,
    order_events.c.type,
    order_events.c.source,
    order_events.c.sequence,
)
Index(
    "order_events_by_type_actor",
    order_events.c.tenant_id,
    order_events.c.type,
    order_events.c.actor_id,
    order_events.c.sequence,
)
Index(
    "order_events_by_source_actor",
    order_events.c.tenant_id,
    order_events.c.source,
    order_events.c.actor_id,
    order_events.c.sequence,
)
Index(
    "order_events_by_time",
    order_events.c.tenant_id,
    order_events.c.occurred_us,
    order_events.c.sequence,
)
Index(
    "order_events_by_amount",
    order_events.c.tenant_id,
    order_events.c.amount_minor,
    order_events.c.sequence,
    postgresql_where=order_events.c.amount_minor.is_not(None),
)
Index(
    "order_events_by_term",
    order_events.c.terms,
    postgresql_using="gin",
    postgresql_with=SHORT_LIST,
)

audit_log = Table(
    "audit_log",
    CELL,
    Column("tenant_id", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("type", Text, nullable=False),
    Column("target", Text, nullable=False, comment="what it is about, or the stream it is in"),
    Column("actor_id", Text),
    Column("received_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant_id", "sequence", name="audit_log_pkey"),
    ForeignKeyConstraint(
        ["tenant_id", "sequence"],
        ["order_events.tenant_id", "order_events.sequence"],
        name="audit_log_event_fkey",
    ),
    ForeignKeyConstraint(
        ["tenant_id", "actor_id"],
        ["actors.tenant_id", "actors.actor_id"],
        name="audit_log_actor_fkey",
    ),
    comment="The service's own history.* events: what was done to it, and by whom.",
)
for _name in ("type", "target", "actor_id"):
    Index(
        f"audit_log_by_{_name}",
        audit_log.c.tenant_id,
        audit_log.c[_name],
        audit_log.c.sequence,
    )
