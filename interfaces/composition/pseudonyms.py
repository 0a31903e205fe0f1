"""Pseudonyms for persons, put together."""

from __future__ import annotations

from collections.abc import Callable

from application.erasure.deleting import Changes, Deletion
from application.erasure.erasing import EraseOwners
from application.erasure.requests import SealedSubjects
from application.erasure.rounds import Rounds
from application.holds.choke import Holding
from application.pseudonyms.replacing import (
    Pseudonyms,
    PutBackValues,
    ReplaceValues,
    in_clear,
    with_pseudonyms,
)
from application.pseudonyms.running import (
    NoDuties,
    NothingHeld,
    Reading,
    RunPseudonymisation,
    RunReversal,
    Work,
)
from application.retention.duties import Duties
from application.search.searching import Search
from domain.privacy.disclosing import PSEUDONYMISED, REIDENTIFIED
from infrastructure.event_store.histories import Histories
from interfaces.composition.connections import clock
from interfaces.composition.erasing import (
    changing,
    finding,
    owned_values,
    renewing,
    replacing,
    searching_for,
    settling,
)
from interfaces.composition.searching import choke_point
from interfaces.composition.writing import WriteSide


def pseudonymising(side: WriteSide) -> RunPseudonymisation:
    """What does the jobs, in a worker."""
    search = searching_for(side)
    change = ReplaceValues(changing(side), replacing(side))
    rounds = _rounds(side, search, change, choke_point(side, search), PSEUDONYMISED, in_clear)
    return RunPseudonymisation(_work(side, rounds))


def reversing(side: WriteSide) -> RunReversal:
    """What puts values back, in a worker."""
    search = searching_for(side)
    change = PutBackValues(changing(side), owned_values(side), side.mappings)
    rounds = _rounds(side, search, change, NothingHeld(), REIDENTIFIED, with_pseudonyms)
    return RunReversal(_work(side, rounds))


def _work(side: WriteSide, rounds: Rounds) -> Work:
    return Work(SealedSubjects(side.key_store), rounds, _reading(side), renewing(side), clock)


def _rounds(
    side: WriteSide,
    search: Search,
    change: Changes,
    holds: Holding,
    type: str,  # noqa: A002  # the ledger's word
    narrowed: Callable[[Deletion], Deletion],
) -> Rounds:
    histories, duties = Histories(side.pool), NoDuties(Duties(side.acts, clock))
    alias, store = Pseudonyms(side.key_store).of_email, owned_values(side)
    erase = EraseOwners(change, store, histories, holds, duties, alias, type, narrowed)
    return Rounds(finding(side, search), erase, store)


def _reading(side: WriteSide) -> Reading:
    return Reading(owned_values(side), Histories(side.pool), settling(side))
