"""What may be done here, and which built-in role may do it.

    role (of the token, or assigned) --> permissions --require--> the handler goes on, or 403

Handlers name a permission, never a role. A tenant's own roles are in `roles.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum


class Permission(StrEnum):
    """One right, within the caller's tenant. The text is what a 403 names."""

    EVENTS_APPEND = "events.append"
    EVENTS_CORRECT = "events.correct"
    EVENTS_VALIDATE = "events.validate"
    EVENTS_READ = "events.read"
    ORDERS_READ = "orders.read"
    PERSONAL_READ = "personal.read"
    """See personal values in what else may be read; without it they are masked."""
    SEARCHES_SAVE = "searches.save"
    """Save searches for all of the tenant; change and delete those that the caller saved."""
    SEARCHES_MANAGE = "searches.manage"
    """Change and delete what others saved."""
    SNAPSHOTS_UPLOAD = "snapshots.upload"
    SNAPSHOTS_COMPUTE = "snapshots.compute"
    SNAPSHOTS_READ = "snapshots.read"
    SNAPSHOTS_DELETE = "snapshots.delete"
    JOBS_OWN = "jobs.own"
    """See and cancel the jobs that the caller itself submitted."""
    JOBS_READ = "jobs.read"
    """See every job of the tenant: status and counts, no lines of input."""
    JOBS_RUN = "jobs.run"
    """Start and cancel maintenance: reindex, compact, repair."""
    RECEIPTS_READ = "receipts.read"
    """Get the receipts of events: digests alone."""
    LEDGER_PROVE = "ledger.prove"
    AUDIT_READ = "audit.read"
    ACCESS_LOGS_READ = "access_logs.read"
    DISPUTES_MANAGE = "disputes.manage"
    EXPORTS_RUN = "exports.run"
    HOLDS_READ = "holds.read"
    """See which legal holds there are, and were."""
    HOLDS_MANAGE = "holds.manage"
    """Place and release legal holds."""
    ERASURE_MANAGE = "erasure.manage"
    """Erase what is kept of a person, or have pseudonyms in its place."""
    PSEUDONYMS_REVERSE = "pseudonyms.reverse"
    """Put back what pseudonyms stand for."""
    SUBJECT_ACCESS = "subject_access.run"
    """Get all that is held on a person, with personal.read."""
    RETENTION_READ = "retention.read"
    """See which retention policies there are, and what they came to."""
    RETENTION_MANAGE = "retention.manage"
    """Make, change and delete retention policies, and run them."""
    ROLES_READ = "roles.read"
    """See which roles there are, and who has which."""
    ROLES_MANAGE = "roles.manage"
    """Make roles and assign them, of nothing that the caller may not do itself."""
    API_KEYS_MANAGE = "api_keys.manage"
    HEALTH_READ = "health.read"
    METRICS_READ = "metrics.read"
    QUOTAS_READ = "quotas.read"
    """See what the tenant may send, and what of that is used."""


_P = Permission
_READ = frozenset(
    {_P.EVENTS_READ, _P.ORDERS_READ, _P.SEARCHES_SAVE, _P.SNAPSHOTS_READ, _P.RECEIPTS_READ}
)
# A stored snapshot tells no more than the events that every reader may fold, so reading one is
# reading; what an investigator has beyond that is having one computed.
_SUPPORT = _READ | {_P.PERSONAL_READ}

LIMITABLE: frozenset[Permission] = frozenset(
    {
        _P.EVENTS_APPEND,
        _P.EVENTS_CORRECT,
        _P.EVENTS_VALIDATE,
        _P.EVENTS_READ,
        _P.ORDERS_READ,
        _P.PERSONAL_READ,
        _P.RECEIPTS_READ,
        _P.SNAPSHOTS_READ,
        _P.SEARCHES_SAVE,
        _P.JOBS_OWN,
    }
)
"""What may be permitted within a scope. What the others permit is about the whole tenant: limiting
them would be a promise that nothing keeps. Validating, saving a search and seeing one's own jobs
tell of no event that is not one's own or that one may not read."""

BUILT_IN: Mapping[str, frozenset[Permission]] = {
    # What a POST answers is the producer's own data, and a receipt tells digests alone; nothing
    # else is read back.
    "producer": frozenset(
        {
            _P.EVENTS_APPEND,
            _P.EVENTS_CORRECT,
            _P.EVENTS_VALIDATE,
            _P.SNAPSHOTS_UPLOAD,
            _P.RECEIPTS_READ,
            _P.JOBS_OWN,
        }
    ),
    "history_reader": _READ,
    "support": _SUPPORT,
    "investigator": _SUPPORT
    | {_P.DISPUTES_MANAGE, _P.SNAPSHOTS_COMPUTE, _P.EXPORTS_RUN, _P.JOBS_OWN, _P.HOLDS_READ},
    "auditor": _READ
    | {
        _P.LEDGER_PROVE,
        _P.AUDIT_READ,
        _P.ACCESS_LOGS_READ,
        _P.ROLES_READ,
        _P.HOLDS_READ,
        _P.RETENTION_READ,
        _P.QUOTAS_READ,
    },
    "admin": frozenset(Permission),
    "operator": frozenset(
        {
            _P.HEALTH_READ,
            _P.METRICS_READ,
            _P.QUOTAS_READ,
            _P.JOBS_OWN,
            _P.JOBS_READ,
            _P.JOBS_RUN,
        }
    ),
}
"""The built-in roles of every tenant, as http.md ("Callers") lists them."""


def permissions_of(roles: Iterable[str]) -> frozenset[Permission]:
    """All that these built-in roles permit together. A role that is not known gives nothing."""
    return frozenset().union(*(BUILT_IN.get(role, frozenset()) for role in roles))
