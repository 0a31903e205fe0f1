"""Erasing persons, put together."""

from __future__ import annotations

import os

from application.erasure.erasing import EraseOwners
from application.erasure.finding import FindSubject
from application.erasure.requests import RequestErasure, SealedSubjects
from application.erasure.running import Renewing, RunErasure
from application.jobs.asking import Jobs
from application.search.searching import Search
from domain.search.hashing import TermHash
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


def erasing(side: WriteSide) -> RunErasure:
    """What does the jobs, in a worker."""
    settings, pool = side.settings, side.pool
    histories = Histories(pool)
    store = StoredOwned(pool, Keyring(side.key_store))
    search = Search(SearchQueries(pool, TermHash(search_key(settings.data_dir))))
    terms = ErasedTerms(connecting(settings, "erasure"), indexing(settings))
    return RunErasure(
        SealedSubjects(side.key_store),
        FindSubject(OrderQueries(pool), search, side.reader),
        EraseOwners(side.door, store, histories, choke_point(side, search), clock, os.urandom),
        store,
        histories,
        Renewing(
            Rewrap(pool, side.key_store), terms, StoredLines(pool, side.job_cipher), bucket_of
        ),
        clock,
    )


def asking_for_erasure(side: WriteSide, jobs: Jobs) -> RequestErasure:
    """What makes the jobs, in an API process."""
    return RequestErasure(jobs, side.jobs, side.acts, SealedSubjects(side.key_store), clock)
