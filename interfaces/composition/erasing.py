"""Erasing persons, put together."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable

import structlog

from application.erasure.deleting import DeleteValues
from application.erasure.erasing import EraseOwners
from application.erasure.finding import FindSubject
from application.erasure.replaying import Replayed, ReplayErasures, TellReplayed
from application.erasure.requests import RequestErasure, SealedSubjects
from application.erasure.running import Renewing, RunErasure
from application.jobs.asking import Jobs
from application.retention.duties import Duties
from application.search.searching import Search
from domain.search.hashing import TermHash
from infrastructure.erasure.erasures import StoredErasures
from infrastructure.erasure.journal import FileJournal
from infrastructure.erasure.lines import StoredLines
from infrastructure.erasure.owned import StoredOwned
from infrastructure.erasure.rewrapping import Rewrap
from infrastructure.event_store.histories import Histories
from infrastructure.privacy.keyring import Keyring, bucket_of
from infrastructure.search.secret import search_key
from interfaces.composition.connections import clock, connecting
from interfaces.composition.models import indexing
from interfaces.composition.searching import choke_point
from interfaces.composition.writing import WriteSide
from projections.orders.queries import OrderQueries
from projections.search.erasing import ErasedTerms
from projections.search.queries import SearchQueries

log = structlog.get_logger(__name__)


def erasing(side: WriteSide) -> RunErasure:
    """What does the jobs, in a worker."""
    pool, histories, store = side.pool, Histories(side.pool), owned_values(side)
    search = Search(SearchQueries(pool, TermHash(search_key(side.settings.data_dir))))
    duties = Duties(side.acts, clock)
    erase = EraseOwners(deleting(side), store, histories, choke_point(side, search), duties)
    renewing = Renewing(
        Rewrap(pool, side.key_store),
        terms_of_values(side),
        StoredLines(pool, side.job_cipher),
        bucket_of,
    )
    return RunErasure(
        SealedSubjects(side.key_store),
        FindSubject(OrderQueries(pool), search, side.reader),
        erase,
        store,
        histories,
        renewing,
        clock,
    )


def deleting(side: WriteSide) -> DeleteValues:
    """What deletes personal values, on whatever ground."""
    return DeleteValues(
        side.door, owned_values(side), _journal(side), StoredErasures(side.pool), clock, os.urandom
    )


def asking_for_erasure(side: WriteSide, jobs: Jobs) -> RequestErasure:
    """What makes the jobs, in an API process."""
    return RequestErasure(jobs, side.jobs, side.acts, SealedSubjects(side.key_store), clock)


async def erase_again(side: WriteSide) -> Replayed:
    """What a restored backup has brought back is gone before anybody reads it. Raises Unavailable,
    KeyUnavailable."""
    replayed = await ReplayErasures(
        _journal(side),
        StoredErasures(side.pool),
        owned_values(side),
        Rewrap(side.pool, side.key_store),
        terms_of_values(side),
        bucket_of,
    )()
    if replayed.entries:
        log.warning("erasures.replayed", entries=replayed.entries, values=replayed.values)
    return replayed


def renewing_lines(side: WriteSide) -> Callable[[], Awaitable[int]]:
    """A worker's: what was erased of the lines of a job that was still running then."""
    return StoredLines(side.pool, side.job_cipher).renew


def telling_again(side: WriteSide) -> TellReplayed:
    """A worker's."""
    return TellReplayed(
        _journal(side), StoredErasures(side.pool), owned_values(side), side.door, clock, os.urandom
    )


def _journal(side: WriteSide) -> FileJournal:
    return FileJournal(side.settings.data_dir)


def owned_values(side: WriteSide) -> StoredOwned:
    return StoredOwned(side.pool, Keyring(side.key_store))


def terms_of_values(side: WriteSide) -> ErasedTerms:
    return ErasedTerms(connecting(side.settings, "erasure"), indexing(side.settings))
