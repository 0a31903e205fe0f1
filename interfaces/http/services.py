"""What the handlers are given: the use cases and ports, put together by the composition root."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from litestar.types import ASGIApp

from interfaces.http.timing import RequestTimes

if TYPE_CHECKING:
    from application.access.api_keys import ManageApiKeys
    from application.access.roles import ManageRoles
    from application.access.seeing import Sight
    from application.access_log.recording import AccessLog
    from application.erasure.requests import RequestOfPerson
    from application.holds.managing import ManageHolds
    from application.intake.rejected import RejectedLines
    from application.intake.spool import ReceiveBulk
    from application.jobs.asking import Jobs
    from application.ledger.checking import VerifyEvent
    from application.ledger.ports import LedgerReader
    from application.ledger.proving import ProveLedger
    from application.maintenance.requests import RequestMaintenance
    from application.orders.as_of import AsOfQueries
    from application.orders.record import Prepares, RecordEvent
    from application.orders.tail import Tail
    from application.orders.validate import ValidateEvents
    from application.orders.views import Viewer
    from application.ports import Clock, EventReader
    from application.retention.managing import ManagePolicies
    from application.retention.requests import RequestRun
    from application.search.aggregating import Aggregate
    from application.search.saving import SavedSearches
    from application.search.searching import Search
    from application.snapshots.capture import CaptureSnapshot
    from application.snapshots.computing import RequestSnapshot
    from application.snapshots.deleting import DeleteSnapshot
    from application.snapshots.ports import SnapshotStore
    from application.subject_access.answering import AnswerAccess
    from application.tenancy.quotas import KeepQuotas
    from application.watching.diagnostics import Diagnose
    from interfaces.http.caller import Authenticator
    from interfaces.http.health import Health
    from interfaces.http.metrics import Metrics
    from projections.audit.queries import AuditQueries
    from projections.orders.queries import OrderQueries
    from projections.redactions.queries import RedactionQueries


@dataclass(slots=True, kw_only=True)
class Services:
    """`cursor_key` (32 bytes) is the same in every API process of an installation. `stopping` is
    set at SIGTERM: open streams end then. `open_metrics`: this machine may
    have them without a token. `times`: what this process has answered. `around`: what the server
    puts around the application; None: nothing."""

    authenticator: Authenticator
    roles: ManageRoles
    api_keys: ManageApiKeys
    audit: AuditQueries
    access_log: AccessLog
    health: Health
    metrics: Metrics
    diagnose: Diagnose
    open_metrics: bool
    cursor_key: bytes
    clock: Clock
    preparer: Prepares
    quotas: KeepQuotas
    record: RecordEvent
    validate: ValidateEvents
    reader: EventReader
    sight: Sight
    viewer: Viewer
    orders: OrderQueries
    redactions: RedactionQueries
    search: Search
    aggregate: Aggregate
    saved: SavedSearches
    as_of: AsOfQueries
    tail: Tail
    ledger: LedgerReader
    prove: ProveLedger
    verify: VerifyEvent
    capture: CaptureSnapshot
    compute: RequestSnapshot
    delete_snapshot: DeleteSnapshot
    holds: ManageHolds
    policies: ManagePolicies
    retain: RequestRun
    snapshots: SnapshotStore
    jobs: Jobs
    maintain: RequestMaintenance
    of_person: RequestOfPerson
    give_access: AnswerAccess
    bulk: ReceiveBulk
    rejected: RejectedLines
    times: RequestTimes = field(default_factory=RequestTimes)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    around: Callable[[ASGIApp], ASGIApp] | None = None
