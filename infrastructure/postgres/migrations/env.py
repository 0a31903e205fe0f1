"""Alembic's entry: runs the revisions of one schema on a connection that `migrate.py` opened."""

from __future__ import annotations

from alembic import context

attributes = context.config.attributes
context.configure(
    connection=attributes["connection"],
    version_table_schema=attributes["schema"],
    target_metadata=attributes["metadata"],
)
with context.begin_transaction():
    context.run_migrations(schema=attributes["schema"])
