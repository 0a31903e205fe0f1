"""The tables of the proofs: what is signed over the event store, and what follows from it.

A log is a tenant's ledger as a Merkle log, or the global log over all of them, whose `tenant_id` is
`_global`. `epoch` counts a log's origins: it is 1 until `ledger reopen` begins a new one.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

from infrastructure.postgres.tables import CELL

_HASHES = "256 hashes of 32 bytes"


def _tiles(name: str, comment: str) -> Table:
    return Table(
        name,
        CELL,
        Column("tenant_id", Text, nullable=False),
        Column("level", SmallInteger, nullable=False),
        Column("tile", BigInteger, nullable=False),
        Column("hashes", LargeBinary, nullable=False, comment=_HASHES),
        Column("root", LargeBinary, nullable=False, comment="over the hashes: one of level + 1"),
        PrimaryKeyConstraint("tenant_id", "level", "tile", name=f"{name}_pkey"),
        comment=comment,
    )


tiles = _tiles("ledger_tiles", "Full tiles (C2SP tlog-tiles) of the tenants' logs: a read model.")
global_tiles = _tiles("ledger_global_tiles", "Full tiles of the global log.")

heads = Table(
    "ledger_heads",
    CELL,
    Column("tenant_id", Text, primary_key=True),
    Column("place", Integer, comment="in every round of the global log; null for that log itself"),
    Column("epoch", Integer, nullable=False),
    Column("origin", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("frontier", LargeBinary, nullable=False, comment="what the signer appends to"),
    Column("round", BigInteger, nullable=False),
    Column("signed_us", BigInteger, nullable=False),
    Column("witnessed_size", BigInteger, nullable=False, server_default="0"),
    UniqueConstraint("place", name="ledger_heads_place"),
    comment="The newest checkpoint of each log. witnessed_size: the newest that the policy accepts",
)

checkpoints = Table(
    "ledger_checkpoints",
    CELL,
    Column("tenant_id", Text, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("note", Text, nullable=False, comment="signed by the log alone"),
    Column("round", BigInteger, nullable=False, comment="of the global log, the first to cover it"),
    Column("signed_us", BigInteger, nullable=False),
    Column(
        "in_full",
        Boolean,
        nullable=False,
        server_default="true",
        comment="signed by every key, and published",
    ),
    PrimaryKeyConstraint("tenant_id", "epoch", "size"),
)
Index(
    "ledger_checkpoints_published",
    checkpoints.c.epoch,
    checkpoints.c.round,
    postgresql_where=checkpoints.c.in_full,
)

rounds = Table(
    "ledger_rounds",
    CELL,
    Column("epoch", Integer, nullable=False),
    Column("round", BigInteger, nullable=False),
    Column("text", Text, nullable=False, comment="its SHA-256 is the entry of the global log"),
    Column("entry", LargeBinary, nullable=False),
    Column("position", BigInteger, nullable=False, comment="of the last event it covers"),
    Column("signed_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("epoch", "round"),
)

round_heads = Table(
    "ledger_round_heads",
    CELL,
    Column("epoch", Integer, nullable=False),
    Column("round", BigInteger, nullable=False),
    Column("leaves", LargeBinary, nullable=False, comment="32 bytes a place"),
    PrimaryKeyConstraint("epoch", "round"),
    comment="What the newest rounds are over; older ones go once a newer one is witnessed.",
)

cosignatures = Table(
    "ledger_cosignatures",
    CELL,
    Column("tenant_id", Text, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("witness", Text, nullable=False, comment="its name in the policy"),
    Column("line", Text, nullable=False, comment="of the signed note"),
    Column("signed_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant_id", "epoch", "size", "witness"),
)

witnesses = Table(
    "ledger_witnesses",
    CELL,
    Column("tenant_id", Text, nullable=False),
    Column("witness", Text, nullable=False, comment="its name in the policy"),
    Column("epoch", Integer, nullable=False),
    Column("size", BigInteger, nullable=False, comment="the newest that it has cosigned; 0: none"),
    Column("cosigned_us", BigInteger),
    Column("fault", Text, comment="why it has not cosigned a newer one; null: nothing is wrong"),
    Column("reason", Text),
    Column("asked_us", BigInteger, nullable=False),
    Column("retry_us", BigInteger, nullable=False, comment="it is not asked again before"),
    PrimaryKeyConstraint("tenant_id", "witness"),
    comment="What each witness answered last for each log.",
)

timestamps = Table(
    "ledger_timestamps",
    CELL,
    Column("tenant_id", Text, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("token", LargeBinary, nullable=False, comment="RFC 3161, over the checkpoint's note"),
    Column("stamped_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant_id", "epoch", "size"),
)

audits = Table(
    "ledger_audits",
    CELL,
    Column("tenant_id", Text, primary_key=True),
    Column("sequence", BigInteger, nullable=False, comment="the last event looked at"),
    Column("ledger_hash", LargeBinary, nullable=False),
    Column("received_us", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("frontier", LargeBinary, nullable=False),
    Column("passes", BigInteger, nullable=False, comment="which pass this is of, from 1 on"),
    Column("looked_us", BigInteger, nullable=False),
    comment="How far the self-audit is.",
)

alarms = Table(
    "ledger_alarms",
    CELL,
    Column("tenant_id", Text, nullable=False, comment="or the global log"),
    Column("kind", Text, nullable=False, comment="what found it: signer, audit, witness, ..."),
    Column("sequence", BigInteger, comment="the first event concerned, where one is"),
    Column("detail", Text, nullable=False),
    Column("raised_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant_id", "kind"),
    comment="What differs. An alarm goes when what raised it finds that all holds again.",
)

APPEND_ONLY = (checkpoints, rounds, cosignatures, timestamps)
"""Kept for ever: no role may update, delete from or truncate them."""
