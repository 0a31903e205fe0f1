"""Witnesses of our checkpoints: the policy that names them, and what asks them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from application.ledger.gathering import Gathering
from application.ledger.witnessing import AskWitness
from domain.errors import OrderHistoryError
from domain.ledger.faults import Malformed
from domain.ledger.policy import Policy
from infrastructure.ledger.cosignatures import StoredCosignatures
from infrastructure.ledger.witnessed import Witnessed
from infrastructure.ledger.witnesses import WitnessClient, check_url
from infrastructure.postgres.connect import Pool
from interfaces.composition.connections import clock
from interfaces.composition.writing import WriteSide
from interfaces.settings import Settings
from projections.ledger.queries import LedgerQueries

_LONGEST_INTERVAL = 1.0
"""Seconds: a witness that was away, and tenants who wait, need not wait for the next checkpoint."""

Loop = Callable[[], Awaitable[None]]


class PolicyRefused(OrderHistoryError):
    """The witness policy cannot be used."""


def witness_policy(settings: Settings) -> Policy | None:
    """The policy that is configured. Raises PolicyRefused, in one line."""
    path = settings.ledger.witness_policy
    if path is None:
        return None
    try:
        policy = Policy.parse(path.read_bytes())
        for one in policy.witnesses:
            one.name.encode()
            if one.url:
                check_url(one.url)
    except OSError as error:
        raise PolicyRefused(f"cannot read the witness policy {path}: {error.strerror}") from error
    except UnicodeEncodeError as error:
        raise PolicyRefused(f"a name in the witness policy {path} is not UTF-8") from error
    except Malformed as fault:
        raise PolicyRefused(f"the witness policy {path} cannot be used: {fault}") from fault
    if not policy.satisfied({one.name for one in policy.witnesses if one.url}):
        raise PolicyRefused(
            f"the witness policy {path} asks for more witnesses than it gives the URLs of: "
            "nothing would ever be trusted"
        )
    return policy


def witnessed(settings: Settings, pool: Pool) -> Witnessed:
    """How our logs stand with the witnesses. Raises PolicyRefused."""
    return Witnessed(pool, witness_policy(settings), clock)


@asynccontextmanager
async def witnessing(settings: Settings, side: WriteSide) -> AsyncIterator[list[Loop]]:
    """A worker's loops; none where there is no policy. Raises PolicyRefused."""
    policy = witness_policy(settings)
    if policy is None:
        yield []
        return
    client = WitnessClient()
    kept = StoredCosignatures(side.pool, policy, clock)
    ask = AskWitness(client, LedgerQueries(side.pool, witnessed=True), kept)
    interval = min(settings.ledger.checkpoint_seconds, _LONGEST_INTERVAL)
    gathering = Gathering(policy, ask, kept, side.ledger.alarms, clock, interval=interval)
    try:
        yield [gathering.run]
    finally:
        await client.aclose()
