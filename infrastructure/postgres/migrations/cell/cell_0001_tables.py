"""A cell: its tables, the append-only triggers, and the application's rights."""

from __future__ import annotations

from alembic import op
from sqlalchemy import LargeBinary, Table

from infrastructure.postgres import rights, search_tables, tables

revision = "cell_0001"
down_revision = None
branch_labels = None
depends_on = None

_REFUSE = """
create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'the event store is append-only: % of % is refused', tg_op, tg_table_name
    using errcode = 'insufficient_privilege';
end $$
"""
# ENABLE ALWAYS: `set session_replication_role = replica` must not be a way around them.
_TRIGGERS = """
create trigger {table}_append_only before update or delete on {table}
  for each row execute function refuse_change();
create trigger {table}_no_truncate before truncate on {table}
  for each statement execute function refuse_change();
alter table {table} enable always trigger {table}_append_only;
alter table {table} enable always trigger {table}_no_truncate;
"""
# Rows that never change: the first vacuum that meets them freezes them for good.
_INSERT_ONLY_VACUUM = """
alter table {table} set (
  autovacuum_freeze_min_age = 0,
  autovacuum_vacuum_insert_scale_factor = 0.05,
  autovacuum_analyze_scale_factor = 0.02
)
"""
_LZ4 = """
do $$
begin
  if 'lz4' = any ((select enumvals from pg_settings
                   where name = 'default_toast_compression')::text[]) then
    alter table events alter column state set compression lz4;
  end if;
end $$
"""


def upgrade(schema: str) -> None:
    op.execute(search_tables.GRAMS)  # an index is made of it; whoever uses the cell may call it
    tables.CELL.create_all(op.get_bind(), checkfirst=False)
    op.execute("insert into append_lock (id) values (1)")
    op.execute(_REFUSE)
    for table in (*rights.APPEND_ONLY, tables.append_lock):
        op.execute(_TRIGGERS.format(table=table.name))
    for table in rights.APPEND_ONLY:
        op.execute(_INSERT_ONLY_VACUUM.format(table=table.name))
    op.execute(_LZ4)
    op.execute(f"grant usage on schema {schema} to {tables.APP_ROLE}")
    for table in tables.CELL.sorted_tables:
        _keep_no_statistics_of_bytes(table)
        op.execute(rights.grant(table, schema))


def _keep_no_statistics_of_bytes(table: Table) -> None:
    """No planner needs samples of sealed bytes, and pg_statistic would outlive an erasure."""
    for column in table.columns:
        if isinstance(column.type, LargeBinary):
            op.execute(f"alter table {table.name} alter column {column.name} set statistics 0")
