"""Giving access, put together."""

from __future__ import annotations

from application.access_log.recording import AccessLog
from application.erasure.finding import FindSubject
from application.pseudonyms.replacing import Pseudonyms
from application.search.searching import Search
from application.subject_access.answering import AnswerAccess
from application.subject_access.keeping import LegalHolds, RetentionPolicies
from application.subject_access.ports import Keeping
from application.subject_access.reading import Held
from infrastructure.erasure.lines import StoredLines
from interfaces.composition.connections import clock
from interfaces.composition.searching import choke_point
from interfaces.composition.writing import WriteSide
from projections.orders.queries import OrderQueries

PATIENCE = 2.0
"""Seconds that a request waits for the read models."""


def giving_access(side: WriteSide, search: Search, access_log: AccessLog) -> AnswerAccess:
    """An API process's. A further ground on which data is kept is one line more."""
    orders = OrderQueries(side.pool)
    keeping: tuple[Keeping, ...] = (
        LegalHolds(choke_point(side, search)),
        RetentionPolicies(side.acts),
    )
    held = Held(
        events=side.reader,
        hidden=side.disclosures,
        orders=orders,
        snapshots=side.snapshots,
        places=side.snapshots,
        access_log=access_log,
        rejected=StoredLines(side.pool, side.job_cipher),
    )
    pseudonym = Pseudonyms(side.key_store).of_email
    find = FindSubject(orders, search, side.reader, pseudonym, PATIENCE)
    return AnswerAccess(side.acts, find, held, keeping, clock)
