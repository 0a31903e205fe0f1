"""Witnesses that answer in the test's own process: real ones, and ones that misbehave."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

from application.ledger.cosigning import TrustedLogs, Witness
from application.ledger.ports import LedgerReader
from application.ledger.witnessing import Told
from domain.errors import Unavailable
from domain.ledger.merkle import tree_root
from domain.ledger.notes import VerifierKey
from domain.ledger.policy import Policy
from domain.ledger.policy import Witness as PolicyWitness
from domain.ledger.tiles import WIDTH, Tile
from domain.ledger.witnessing import Submission
from infrastructure.ledger import witness_keys
from infrastructure.ledger.witness_state import SqliteState
from tests.domain.ledger.growing import GrowingLog
from tests.domain.ledger.signing import TIME

Answering = Callable[[bytes], Told]


class LocalWitness:
    """A real witness, reached without a network. `instead`: answers in its place."""

    def __init__(
        self,
        directory: Path,
        name: str,
        *,
        logs: Sequence[VerifierKey] = (),
        services: Sequence[VerifierKey] = (),
    ) -> None:
        self.name = name
        self.url = f"https://{name}.example"
        self.keys = witness_keys.make(directory / f"{name}.keys", f"{name}.example")
        self.state = SqliteState(directory / name)
        self.witness = Witness(TrustedLogs(logs, services), self.keys, self.state, lambda: TIME)
        self.instead: Answering | None = None
        self.asked: list[Submission] = []

    def __call__(self, body: bytes) -> Told:
        self.asked.append(Submission.parse(body))
        if self.instead is not None:
            return self.instead(body)
        return self.honest(body)

    def honest(self, body: bytes) -> Told:
        answer = self.witness.add_checkpoint(body)
        return Told(answer.status, answer.body.encode())

    def in_policy(self, key: int = 0) -> PolicyWitness:
        """key: 0 for Ed25519, 1 for ML-DSA-44."""
        return PolicyWitness(self.name, self.keys.verifier_keys[key], self.url)


class Reaching:
    """Implements AddCheckpoint over such witnesses."""

    def __init__(self, *witnesses: LocalWitness) -> None:
        self._by_url = {one.url: one for one in witnesses}

    async def __call__(self, url: str, body: bytes) -> Told:
        return self._by_url[url](body)


class GrowingLogReader:
    """The hashes of one log."""

    def __init__(self, log: GrowingLog) -> None:
        self._log = log

    async def hashes(self, tenant_id: str, tiles: Sequence[Tile]) -> Mapping[Tile, bytes]:
        return {tile: self._tile(tile) for tile in tiles}

    def _tile(self, tile: Tile) -> bytes:
        span = WIDTH**tile.level
        first = tile.index * WIDTH
        return b"".join(
            tree_root(self._log.leaves[at * span : (at + 1) * span])
            for at in range(first, first + tile.width)
        )


def reader_of(log: GrowingLog) -> LedgerReader:
    return cast(LedgerReader, GrowingLogReader(log))


def policy(quorum: str, *witnesses: PolicyWitness) -> Policy:
    """quorum: as in a group line, such as `2`, `any`, `all`."""
    lines = [f"witness {one.name} {one.key} {one.url}\n" for one in witnesses]
    names = " ".join(one.name for one in witnesses)
    group = f"group quorum-of {quorum} {names}\nquorum quorum-of\n"
    return Policy.parse("".join([*lines, group]).encode())


def away(_: bytes) -> Told:
    raise Unavailable("it cannot be reached (ConnectError)")
