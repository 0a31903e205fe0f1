"""What proofs are made with, for the API and for exports."""

from __future__ import annotations

from dataclasses import dataclass

from application.ledger.checking import VerifyEvent
from application.ledger.covering import Covering
from application.ledger.proving import ProveLedger
from infrastructure.pseudonyms.kept import KeptBeside
from interfaces.composition.witnessing import witness_policy, witnessed
from interfaces.composition.writing import WriteSide
from projections.ledger.queries import LedgerQueries


@dataclass(slots=True)
class Proofs:
    """The use cases, connected."""

    ledger: LedgerQueries
    prove: ProveLedger
    verify: VerifyEvent


def proofs(side: WriteSide) -> Proofs:
    """Raises PolicyRefused for a witness policy that cannot be used."""
    policy = witness_policy(side.settings)
    states = witnessed(side.settings, side.pool)
    ledger = LedgerQueries(side.pool, witnessed=policy is not None)
    covering = Covering(ledger)
    return Proofs(
        ledger,
        ProveLedger(ledger, side.reader, covering, states.witness_states),
        VerifyEvent(
            ledger,
            KeptBeside(side.disclosures, side.mappings),
            side.ledger.keys,
            covering,
            policy,
        ),
    )
