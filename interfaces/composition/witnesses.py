"""Our own witness: its file of state, its keys beside it, and what it trusts."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from application.ledger.cosigning import TrustedLogs, Witness
from domain.errors import KeyUnavailable
from domain.ledger.notes import VerifierKey
from infrastructure.ledger import witness_keys
from infrastructure.ledger.witness_keys import WitnessKeys
from infrastructure.ledger.witness_state import SqliteState


class WitnessRefused(KeyUnavailable):
    """The witness cannot be begun, or gone on with, like this."""


def witness_keys_of(state: Path, name: str | None) -> WitnessKeys:
    """The keys of the witness with this file of state; with a name, made when it is new.

    Raises WitnessRefused, in one line.
    """
    path = state.with_name(f"{state.name}.keys")
    keys = witness_keys.load(path)
    if keys is None:
        if name is None:
            raise WitnessRefused(f"there is no witness at {state}: give --name to begin one")
        # The state first: keys without it are a witness that has forgotten what it cosigned.
        SqliteState(state).close()
        keys = witness_keys.make(path, name)
    if name not in {None, keys.name}:
        raise WitnessRefused(f"the witness at {state} is {keys.name!r}: give that as --name")
    if not state.exists():
        raise WitnessRefused(
            f"{state} is gone, and the witness would cosign again what it has cosigned before: "
            "bring it back, or begin another witness elsewhere, under another name"
        )
    return keys


@contextmanager
def witness(
    state: Path, name: str | None, logs: Sequence[VerifierKey], services: Sequence[VerifierKey]
) -> Iterator[Witness]:
    """The witness, its state open until left. Raises Malformed, WitnessRefused, Unavailable."""
    trusted = TrustedLogs(logs, services)
    keys = witness_keys_of(state, name)
    with closing(SqliteState(state)) as opened:
        yield Witness(trusted, keys, opened, lambda: int(time.time()))
