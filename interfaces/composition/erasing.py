"""Erasing persons, put together."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable

import structlog

from application.erasure.deleting import ChangeValues, DeleteValues
from application.erasure.erasing import EraseOwners
from application.erasure.finding import FindSubject
from application.erasure.lines import EraseLines
from application.erasure.replaying import Replayed, ReplayErasures, TellReplayed
from application.erasure.requests import RequestOfPerson, SealedSubjects
from application.erasure.rounds import Rounds
from application.erasure.running import Renewing, RunErasure
from application.jobs.asking import Jobs
from application.pseudonyms.replacing import Pseudonyms, Replacing
from application.pseudonyms.settling import Originals, SettleMappings
from application.retention.duties import Duties
from application.search.searching import Search
from domain.search.hashing import TermHash
from infrastructure.erasure.erasures import StoredErasures
from infrastructure.erasure.journal import FileJournal
from infrastructure.erasure.lines import StoredLines
from infrastructure.erasure.owned import StoredOwned
from infrastructure.erasure.rewrapping import Rewrap
from infrastructure.erasure.turns import PostgresTurns
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
    histories, store, search = Histories(side.pool), owned_values(side), searching_for(side)
    duties = Duties(side.acts, clock)
    holds, alias = choke_point(side, search), Pseudonyms(side.key_store).of_email
    erase = EraseOwners(deleting(side), store, histories, holds, duties, alias)
    return RunErasure(
        SealedSubjects(side.key_store),
        Rounds(finding(side, search), erase, store),
        store,
        histories,
        renewing(side),
        settling(side),
        clock,
    )


def searching_for(side: WriteSide) -> Search:
    """What persons are looked for with."""
    return Search(SearchQueries(side.pool, TermHash(search_key(side.settings.data_dir))))


def finding(side: WriteSide, search: Search) -> FindSubject:
    """What finds all that is kept of a person."""
    pseudonym = Pseudonyms(side.key_store).of_email
    return FindSubject(OrderQueries(side.pool), search, side.reader, pseudonym)


def renewing(side: WriteSide) -> Renewing:
    """What is done once values are gone."""
    rewrap, terms = Rewrap(side.pool, side.key_store), terms_of_values(side)
    return Renewing(rewrap, terms, _lines(side), bucket_of)


def deleting(side: WriteSide) -> DeleteValues:
    """What deletes personal values, on whatever ground."""
    return DeleteValues(changing(side), owned_values(side))


def changing(side: WriteSide) -> ChangeValues:
    """What changes personal values, whatever the change."""
    return ChangeValues(
        side.door,
        _journal(side),
        StoredErasures(side.pool),
        PostgresTurns(side.pool),
        settling(side),
        clock,
        os.urandom,
    )


def settling(side: WriteSide) -> SettleMappings:
    """What makes the originals of pseudonyms agree with the database."""
    return SettleMappings(owned_values(side), side.mappings, PostgresTurns(side.pool))


def originals(side: WriteSide) -> Originals:
    """What goes of the originals of pseudonyms, with what they were of."""
    return Originals(side.disclosures, settling(side))


def replacing(side: WriteSide) -> Replacing:
    """What it takes to have pseudonyms in the place of values."""
    return Replacing(owned_values(side), side.mappings, Pseudonyms(side.key_store))


def asking_of_persons(side: WriteSide, jobs: Jobs) -> RequestOfPerson:
    """What makes the jobs of erasures and pseudonyms, in an API process."""
    return RequestOfPerson(jobs, side.jobs, side.acts, SealedSubjects(side.key_store), clock)


async def erase_again(side: WriteSide) -> Replayed:
    """What a restored backup has brought back is gone before anybody reads it. Raises Unavailable,
    KeyUnavailable."""
    replayed = await ReplayErasures(
        _journal(side),
        StoredErasures(side.pool),
        owned_values(side),
        replacing(side),
        renewing(side),
        PostgresTurns(side.pool),
        settling(side),
    )()
    if replayed.entries:
        log.warning("erasures.replayed", entries=replayed.entries, values=replayed.values)
    return replayed


def tending_lines(side: WriteSide) -> Callable[[], Awaitable[int]]:
    """A worker's."""
    return _lines(side).tend


def telling_again(side: WriteSide) -> TellReplayed:
    """A worker's."""
    return TellReplayed(
        _journal(side), StoredErasures(side.pool), owned_values(side), side.door, clock, os.urandom
    )


def _lines(side: WriteSide) -> EraseLines:
    stored = StoredLines(side.pool, side.job_cipher)
    return EraseLines(stored, _journal(side), StoredErasures(side.pool))


def _journal(side: WriteSide) -> FileJournal:
    return FileJournal(side.settings.data_dir)


def owned_values(side: WriteSide) -> StoredOwned:
    return StoredOwned(side.pool, Keyring(side.key_store), side.mappings)


def terms_of_values(side: WriteSide) -> ErasedTerms:
    return ErasedTerms(connecting(side.settings, "erasure"), indexing(side.settings))
