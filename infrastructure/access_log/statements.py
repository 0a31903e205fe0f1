"""The SQL of the access log."""

from __future__ import annotations

from collections.abc import Collection, Mapping

ENTRY = (
    "entry_id, at_us, subject, roles, operation, endpoint, orders, fields, events,"
    " personal_values, size_bytes, reason, address"
)
"""An entry's columns, in the order of its fields, but for the tenant."""

# Of one cell: numbers must be committed in their order, for a batch covers all up to its last one.
IN_TURN = "select pg_advisory_xact_lock(hashtextextended('access log ' || current_schema(), 0))"

INSERT = f"""
with given as (
  select g.*, row_number() over (partition by g.tenant_id order by g.place) as nth
    from jsonb_to_recordset(%s::jsonb) as g(
         place int, tenant_id text, entry_id uuid, at_us bigint, subject text, roles text[],
         operation text, endpoint text, orders text[], fields text[], events int,
         personal_values int, size_bytes bigint, reason text, address text)
   where not exists (select from access_log a
                      where a.tenant_id = g.tenant_id and a.entry_id = g.entry_id)),
added as (
  insert into access_log (tenant_id, number, {ENTRY})
  select tenant_id, nth + coalesce(
           (select max(number) from access_log a where a.tenant_id = given.tenant_id), 0), {ENTRY}
    from given
  returning tenant_id, entry_id, at_us, orders),
placed as (
  insert into access_log_orders (tenant_id, order_id, at_us, entry_id)
  select a.tenant_id, o.order_id, a.at_us, a.entry_id
    from added a cross join lateral unnest(a.orders) as o(order_id))
select tenant_id, entry_id from added
"""

INSERT_PERSONAL = """
insert into access_log_personal (tenant_id, entry_id, key_id, sealed)
select * from unnest(%s::text[], %s::uuid[], %s::uuid[], %s::bytea[])
"""

INSERT_BATCH = """
insert into access_batches (tenant_id, first, last, root) values (%s, %s, %s, %s)
"""

COVERED = "select last from access_batches where tenant_id = %s order by first desc limit 1"

RANGE = f"""
select number, {ENTRY} from access_log
 where tenant_id = %s and number between %s and %s order by number
"""

# Each tenant of the log is found by its first entry, without reading the others.
UNCOVERED = """
with recursive t(tenant_id) as (
  (select tenant_id from access_log order by tenant_id limit 1)
  union all
  select (select a.tenant_id from access_log a where a.tenant_id > t.tenant_id
           order by a.tenant_id limit 1) from t where t.tenant_id is not null)
select t.tenant_id from t
 where exists (select from events e where e.tenant_id = t.tenant_id)
   and (select max(a.number) from access_log a where a.tenant_id = t.tenant_id)
       > coalesce((select b.last from access_batches b where b.tenant_id = t.tenant_id
                    order by b.first desc limit 1), 0)
 order by t.tenant_id
"""

_PERSONAL = """
  left join access_log_personal p on p.tenant_id = l.tenant_id and p.entry_id = l.entry_id
  left join data_keys k on k.tenant_id = p.tenant_id and k.key_id = p.key_id
"""
_SELECT = f"""
select {", ".join(f"l.{name}" for name in ENTRY.split(", "))},
       p.sealed, k.kind, k.subject, k.key_id, k.bucket, k.bucket_key_id, k.wrapped
"""
# An order's entries are found by what is written beside them; what they say themselves decides.
_FROM_ORDER = f"""
  from access_log_orders s
  join access_log l on l.tenant_id = s.tenant_id and l.entry_id = s.entry_id
{_PERSONAL}
 where s.tenant_id = %(tenant)s and s.order_id = %(order_id)s and s.order_id = any(l.orders)
"""
_FROM_LOG = f"""
  from access_log l
{_PERSONAL}
 where l.tenant_id = %(tenant)s
"""
_CONDITIONS: Mapping[str, str] = {
    "subject": "l.subject = %(subject)s",
    "operation": "l.operation = %(operation)s",
    "from_us": "{s}.at_us >= %(from_us)s",
    "to_us": "{s}.at_us < %(to_us)s",
    "reason_given": "(l.reason is not null) = %(reason_given)s",
    "before_us": "({s}.at_us, {s}.entry_id) < (%(before_us)s, %(before_id)s)",
}


OF_ORDERS = f"""
select s.order_id, {", ".join(f"l.{name}" for name in ENTRY.split(", "))}
  from access_log_orders s
  join access_log l on l.tenant_id = s.tenant_id and l.entry_id = s.entry_id
 where s.tenant_id = %s and s.order_id = any(%s) and s.at_us < %s and s.order_id = any(l.orders)
   and (s.order_id, s.at_us, s.entry_id) > (%s, %s, %s)
 order by s.order_id, s.at_us, s.entry_id limit %s
"""


def listed(given: Collection[str]) -> str:
    """The statement of a page: `given` are the filters (fields of Asked, and before_us, before_id)
    that it binds, beside tenant and limit."""
    sorted_by, begin = ("s", _FROM_ORDER) if "order_id" in given else ("l", _FROM_LOG)
    conditions = "".join(
        f"   and {text.format(s=sorted_by)}\n"
        for name, text in _CONDITIONS.items()
        if name in given
    )
    order = f" order by {sorted_by}.at_us desc, {sorted_by}.entry_id desc limit %(limit)s"
    return f"{_SELECT}{begin}{conditions}{order}"
