"""Witnesses of our checkpoints, and timestamps: what is configured, and what asks for them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from cryptography.x509 import Certificate

from application.ledger.gathering import Gathering
from application.ledger.witnessing import AskWitness
from domain.errors import OrderHistoryError
from domain.ledger.faults import Malformed
from domain.ledger.policy import Policy
from infrastructure.ledger.cosignatures import StoredCosignatures
from infrastructure.ledger.timestamp_authority import (
    AuthorityRefused,
    TimestampAuthority,
    read_roots,
)
from infrastructure.ledger.timestamps import Stamping, Timestamps
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


def troubles(settings: Settings, pool: Pool) -> Callable[[], Awaitable[list[str]]]:
    """What is wrong with witnesses and timestamps, for health. Raises PolicyRefused."""
    states = witnessed(settings, pool)
    stamps = timestamps(settings, pool)

    async def found() -> list[str]:
        return [*await states.troubles(), *await stamps.troubles()]

    return found


def timestamps(settings: Settings, pool: Pool) -> Timestamps:
    """What was stamped."""
    return Timestamps(pool, clock, expected=settings.ledger.tsa_url is not None)


@asynccontextmanager
async def witnessing(settings: Settings, side: WriteSide) -> AsyncIterator[list[Loop]]:
    """A worker's loops; none where nothing is configured.

    Raises PolicyRefused, AuthorityRefused.
    """
    async with AsyncExitStack() as stack:
        loops: list[Loop] = []
        if (policy := witness_policy(settings)) is not None:
            loops.append(_gathering(settings, side, policy, stack).run)
        if (given := _authority(settings)) is not None:
            authority = TimestampAuthority(*given)
            stack.push_async_callback(authority.aclose)
            loops.append(Stamping(side.pool, authority, side.ledger.published, clock).run)
        yield loops


def check_witnessing(settings: Settings) -> None:
    """Raises PolicyRefused, AuthorityRefused for what would keep a worker from starting."""
    witness_policy(settings)
    _authority(settings)


def _authority(settings: Settings) -> tuple[str, list[Certificate]] | None:
    """Where the configured one is, and its roots."""
    url, roots = settings.ledger.tsa_url, settings.ledger.tsa_roots
    if url is None or roots is None:
        return None
    try:
        check_url(url)
    except Malformed as fault:
        raise AuthorityRefused(f"the timestamp authority {url}: {fault}") from fault
    return url, read_roots(roots)


def _gathering(
    settings: Settings, side: WriteSide, policy: Policy, stack: AsyncExitStack
) -> Gathering:
    client = WitnessClient()
    stack.push_async_callback(client.aclose)
    kept = StoredCosignatures(side.pool, policy, clock)
    ask = AskWitness(client, LedgerQueries(side.pool, witnessed=True), kept)
    interval = min(settings.ledger.checkpoint_seconds, _LONGEST_INTERVAL)
    return Gathering(policy, ask, kept, side.ledger.alarms, clock, interval=interval)
