"""Retention, put together."""

from __future__ import annotations

import os

from application.jobs.asking import Jobs
from application.retention.dry_runs import DryRun
from application.retention.duties import Duties
from application.retention.evaluating import EvaluatePolicy
from application.retention.letting_go import LetGo
from application.retention.managing import ManagePolicies
from application.retention.requests import RequestRun
from application.retention.running import RunPolicy
from application.retention.scheduling import ResumeRetention, RunDaily
from application.retention.settling import Settle
from application.search.searching import Search
from application.snapshots.deleting import DeleteSnapshot
from domain.retention.policies import STREAM
from domain.search.hashing import TermHash
from infrastructure.erasure.rewrapping import Rewrap
from infrastructure.event_store.histories import Histories
from infrastructure.event_store.tenants import TenantsHaving
from infrastructure.privacy.keyring import bucket_of
from infrastructure.retention.evaluations import StoredEvaluations
from infrastructure.search.secret import search_key
from interfaces.composition.connections import clock
from interfaces.composition.erasing import deleting, originals, owned_values, terms_of_values
from interfaces.composition.searching import choke_point
from interfaces.composition.writing import WriteSide
from projections.retention.due import DueQueries
from projections.search.queries import SearchQueries


def retaining(side: WriteSide) -> EvaluatePolicy:
    """What does the jobs, in a worker."""
    search = Search(SearchQueries(side.pool, TermHash(search_key(side.settings.data_dir))))
    holds, histories = choke_point(side, search), Histories(side.pool)
    due, store = DueQueries(side.pool, side.reader), owned_values(side)
    delete_snapshot = DeleteSnapshot(
        side.door,
        side.snapshots,
        holds,
        Duties(side.acts, clock),
        originals(side),
        clock,
        os.urandom,
    )
    let_go = LetGo(side.acts, due, holds, histories, store, deleting(side), delete_snapshot)
    rewrap = Rewrap(side.pool, side.key_store)
    settle = Settle(histories, store, rewrap, terms_of_values(side), bucket_of)
    run = RunPolicy(due, let_go, settle, clock)
    return EvaluatePolicy(side.acts, DryRun(due, holds), run, settle)


def managing_policies(side: WriteSide) -> ManagePolicies:
    """An API process's."""
    return ManagePolicies(side.acts, StoredEvaluations(side.pool))


def asking_for_runs(side: WriteSide, jobs: Jobs) -> RequestRun:
    """What makes the jobs, in an API process."""
    return RequestRun(jobs, side.jobs, side.acts, clock)


def running_daily(side: WriteSide, jobs: Jobs) -> RunDaily:
    """A worker's."""
    return RunDaily(side.acts, jobs, TenantsHaving(side.pool, STREAM), clock)


def resuming_retention(side: WriteSide, jobs: Jobs) -> ResumeRetention:
    """What goes on when a hold has ended."""
    evaluations = StoredEvaluations(side.pool)
    return ResumeRetention(side.acts, jobs, side.jobs, evaluations, clock)
