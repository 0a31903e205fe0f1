"""The API process: everything that its handlers are given."""

from __future__ import annotations

import hmac
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

from application.access.api_keys import KnowKeys, ManageApiKeys
from application.access.authenticate import Authenticator, TokenVerifier
from application.access.roles import ManageRoles
from application.audit.newest import Newest
from application.holds.managing import ManageHolds
from application.intake.fingerprint import Fingerprinter
from application.intake.rejected import RejectedLines
from application.intake.spool import ReceiveBulk
from application.jobs.asking import Jobs
from application.maintenance.requests import RequestMaintenance
from application.orders.record import RecordEvent
from application.orders.tail import Tail
from application.orders.validate import ValidateEvents
from application.orders.views import Viewer
from application.retention.duties import Duties
from application.retention.requests import RETENTION
from application.snapshots.computing import RequestSnapshot
from application.snapshots.deleting import DeleteSnapshot
from domain.access.api_keys import ApiKeys
from domain.access.permissions import Permission
from domain.access.roles import Roles
from domain.erasure.requests import ERASURE, PSEUDONYMISATION, REVERSAL
from domain.errors import OrderHistoryError
from infrastructure.access.jwks import JwksVerifier, check_source
from infrastructure.access.key_uses import StoredKeyUses
from infrastructure.access.local_issuer import ISSUER, LocalIssuer
from infrastructure.access.tokens import Issuer, IssuerVerifier, VerifierByIssuer
from infrastructure.event_store.listener import Listener
from infrastructure.event_store.pages import Pages
from infrastructure.event_store.recorded_ids import RecordedIds
from infrastructure.jobs.queue import ProcrastinateQueue
from infrastructure.key_store import durable
from interfaces.composition.access_log import logging_access
from interfaces.composition.connections import clock, connecting
from interfaces.composition.endings import on_release
from interfaces.composition.erasing import asking_of_persons, erase_again, originals
from interfaces.composition.health import diagnose, health
from interfaces.composition.metrics import metrics
from interfaces.composition.proofs import proofs
from interfaces.composition.retaining import asking_for_runs, managing_policies
from interfaces.composition.searching import choke_point, searching
from interfaces.composition.subject_access import giving_access
from interfaces.composition.tenancy import destroy_keys_again, standing
from interfaces.composition.tracing import tracing
from interfaces.composition.writing import writing
from interfaces.http.services import Services
from interfaces.http.timing import RequestTimes
from interfaces.issuers import IssuerSettings
from interfaces.settings import Settings
from projections.audit.queries import AuditQueries
from projections.orders.queries import OrderQueries
from projections.redactions.queries import RedactionQueries

READERS = 12
"""Connections that an API process reads with."""


class WrongIssuer(OrderHistoryError):
    """An issuer that is configured cannot be used."""


RESULTS = {
    ERASURE: Permission.ERASURE_MANAGE,
    PSEUDONYMISATION: Permission.ERASURE_MANAGE,
    REVERSAL: Permission.PSEUDONYMS_REVERSE,
    RETENTION: Permission.RETENTION_READ,
}
"""Whose results name orders: operators, who see all jobs, see no order data."""


@asynccontextmanager
async def api(settings: Settings) -> AsyncIterator[Services]:
    """Connected, until left."""
    async with AsyncExitStack() as stack:
        traced = await stack.enter_async_context(tracing(settings, "api"))
        side = await stack.enter_async_context(writing(settings, "api", READERS, traced))
        destroy_keys_again(side)
        await erase_again(side)
        listener = Listener(connecting(settings, "api listener"), settings.cell)
        await listener.start()
        stack.push_async_callback(listener.close)
        queue = ProcrastinateQueue(settings.database_url, settings.cell, name="api queue")
        await stack.enter_async_context(queue.opened())
        jobs = Jobs(side.jobs, queue, RESULTS)
        verifier = await _verifier(settings, stack)
        cursor_key = _cursor_key(settings.data_dir)
        proving = proofs(side)
        asking = searching(side)
        asked, times = health(side), RequestTimes()
        pseudonym = partial(_pseudonym, cursor_key)
        roles, keys = Newest(side.acts, Roles), Newest(side.acts, ApiKeys)
        served = standing(side)
        key_uses = StoredKeyUses(side.pool)
        stack.push_async_callback(key_uses.aclose)
        orders = OrderQueries(side.pool)
        sight = side.sight
        access_log = await stack.enter_async_context(logging_access(side))
        yield Services(
            access_log=access_log,
            authenticator=Authenticator(
                verifier,
                roles,
                KnowKeys(keys, key_uses, clock),
                served,
                clock,
                pseudonym=pseudonym,
                failures=settings.failed_tokens,
            ),
            roles=ManageRoles(side.acts, roles, pseudonym),
            api_keys=ManageApiKeys(side.acts, keys, key_uses, clock, os.urandom),
            audit=AuditQueries(side.pool),
            health=asked,
            metrics=metrics(side, asked, times),
            diagnose=diagnose(side),
            times=times,
            open_metrics=settings.open_metrics,
            cursor_key=cursor_key,
            clock=clock,
            preparer=traced.preparer(side.preparer),
            quotas=side.quotas,
            record=RecordEvent(
                side.door, side.reader, side.disclosures, side.comparer, side.admission
            ),
            validate=ValidateEvents(RecordedIds(side.pool), side.schemas, clock),
            reader=side.reader,
            sight=sight,
            viewer=Viewer(side.disclosures, Pages(side.pool, side.disclosures), sight),
            orders=orders,
            redactions=RedactionQueries(side.pool),
            search=asking.search,
            aggregate=asking.aggregate,
            saved=asking.saved,
            as_of=side.as_of,
            tail=Tail(side.reader, listener),
            ledger=proving.ledger,
            prove=proving.prove,
            verify=proving.verify,
            capture=side.capture,
            delete_snapshot=DeleteSnapshot(
                side.door,
                side.snapshots,
                choke_point(side, asking.search),
                Duties(side.acts, clock),
                originals(side),
                clock,
                os.urandom,
            ),
            holds=ManageHolds(side.acts, asking.search, clock, on_release(side, jobs)),
            policies=managing_policies(side),
            retain=asking_for_runs(side, jobs),
            compute=RequestSnapshot(jobs, side.capture, clock),
            snapshots=side.snapshots,
            jobs=jobs,
            maintain=RequestMaintenance(jobs, clock),
            of_person=asking_of_persons(side, jobs),
            give_access=giving_access(side, asking.search, access_log),
            bulk=ReceiveBulk(
                side.jobs,
                queue,
                side.spool,
                side.job_cipher,
                Fingerprinter(side.key_store),
                served,
                clock,
            ),
            rejected=RejectedLines(side.jobs, side.spool, side.job_cipher),
            around=traced.app,
        )


def issuer(data_dir: Path) -> LocalIssuer:
    """The issuer of the embedded default, for `token`."""
    data_dir.mkdir(mode=0o711, parents=True, exist_ok=True)
    return LocalIssuer(data_dir, clock)


def check_issuers(settings: Settings) -> None:
    """Raise WrongIssuer, in one line, unless each issuer that is configured can be used."""
    names = {ISSUER}
    for given in settings.issuers:
        if given.issuer in names:
            raise WrongIssuer(f"two issuers are named {given.issuer}; {ISSUER} is the local one")
        names.add(given.issuer)
        try:
            check_source(given.jwks_url, given.algorithms)
        except ValueError as error:
            raise WrongIssuer(f"issuer {given.issuer}: {error}") from error


async def _verifier(settings: Settings, stack: AsyncExitStack) -> TokenVerifier:
    check_issuers(settings)
    local = issuer(settings.data_dir)
    _ = local.key  # an unusable key file should stop the start, not the first request
    verifiers: dict[str, IssuerVerifier] = {ISSUER: local}
    for given in settings.issuers:
        remote = JwksVerifier(_issuer_of(given), given.jwks_url, clock)
        stack.push_async_callback(remote.aclose)
        verifiers[given.issuer] = remote
    return VerifierByIssuer(verifiers)


def _issuer_of(given: IssuerSettings) -> Issuer:
    tenants, roles = given.tenants_claim, given.roles_claim
    return Issuer(
        name=given.issuer,
        audiences=given.audiences,
        algorithms=given.algorithms,
        tenants_claim=(tenants,) if isinstance(tenants, str) else tenants,
        roles_claim=(roles,) if isinstance(roles, str) else roles,
        leeway=given.leeway,
    )


def _pseudonym(key: bytes, subject: str) -> str:
    """The same for a subject in all processes, and of no use to who guesses at subjects."""
    return f"sub_{hmac.digest(key, subject.encode(), 'sha256').hex()[:24]}"


def _cursor_key(data_dir: Path) -> bytes:
    """The same in all API processes of a data directory; made on first use."""
    path = data_dir / "cursor.key"
    with durable.locked(data_dir / "cursor.lock"):
        key = durable.read(path)
        if key is None:
            key = os.urandom(32)
            durable.write(path, key)
    return key
