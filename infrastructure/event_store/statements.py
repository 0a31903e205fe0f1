"""The SQL of the write path, in the order in which the committer runs it.

Every array parameter is one column of the batch. `load_*` statements join `unnest` to an index,
never scan: the committer's connection forbids other plans, so that a plan made while the tables
were empty cannot outlive them.
"""

from __future__ import annotations

LOCK = "select 1 from append_lock where id = 1 for update"
"""Held to the end of the transaction. A statement of its own: the ones after it see what the
previous holder committed."""

LOAD_LAST = "select position, received_us from events order by position desc limit 1"

LOAD_HEADS = """
select t.tenant_id, h.sequence, h.ledger_hash
  from unnest(%s::text[]) as t(tenant_id)
 cross join lateral (
       select sequence, ledger_hash from events e
        where e.tenant_id = t.tenant_id order by sequence desc limit 1) as h
"""

LOAD_VERSIONS = """
select uuid_send(o.id), v.originator_version
  from unnest(%s::uuid[]) as o(id)
 cross join lateral (
       select originator_version from events e
        where e.originator_id = o.id order by originator_version desc limit 1) as v
"""

LOAD_LOCATED = """
select e.tenant_id, e.event_id,
       e.position, e.sequence, uuid_send(e.originator_id), e.correction_of is not null, e.entry
  from unnest(%s::text[], %s::text[]) as k(tenant_id, event_id)
  join events e on e.tenant_id = k.tenant_id and e.event_id = k.event_id
"""

LOAD_IDEMPOTENCY = """
select i.tenant_id, i.caller, i.key, i.event_id
  from unnest(%s::text[], %s::text[], %s::text[]) as k(tenant_id, caller, key)
  join idempotency_keys i
    on i.tenant_id = k.tenant_id and i.caller = k.caller and i.key = k.key
"""

LOAD_KEYS = """
select d.tenant_id, d.kind, d.subject, d.key_id, d.bucket, d.bucket_key_id, d.wrapped
  from unnest(%s::text[], %s::text[], %s::text[]) as k(tenant_id, kind, subject)
  join data_keys d
    on d.tenant_id = k.tenant_id and d.kind = k.kind and d.subject = k.subject
"""

LOAD_REGISTERED = """
select t.tenant_id from public.tenants t where t.tenant_id = any(%s::text[])
"""

INSERT_EVENTS = """
insert into events (received_us, position, originator_id, originator_version, topic, tenant_id,
                    sequence, event_id, correction_of, entry, ledger_hash, state)
select %s::bigint, n.*
  from unnest(%s::bigint[], %s::uuid[], %s::int[], %s::text[], %s::text[], %s::bigint[],
              %s::text[], %s::text[], %s::bytea[], %s::bytea[], %s::bytea[]) as n
"""

INSERT_DISCLOSURES = """
insert into disclosures (tenant_id, sequence, key_id, sealed)
select * from unnest(%s::text[], %s::bigint[], %s::uuid[], %s::bytea[])
"""

INSERT_KEYS = """
insert into data_keys (tenant_id, kind, subject, key_id, bucket, bucket_key_id, wrapped)
select * from unnest(%s::text[], %s::text[], %s::text[], %s::uuid[], %s::int[], %s::uuid[],
                     %s::bytea[])
"""

INSERT_IDEMPOTENCY = """
insert into idempotency_keys (tenant_id, caller, key, event_id, sequence)
select * from unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[])
    on conflict do nothing
"""

INSERT_TENANTS = """
insert into public.tenants (tenant_id, created_us)
select tenant_id, %s::bigint from unnest(%s::text[]) as t(tenant_id) on conflict do nothing
"""

COMMITTER_SETTINGS = {
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_bitmapscan": "off",
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
    # A process that was frozen with the lock in its hands must not stop all others for good.
    "idle_in_transaction_session_timeout": "5s",
}
"""Server settings of the committer's connection."""
