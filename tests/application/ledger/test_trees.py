"""What proofs are made of is read once, and never remembered when it is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import pytest

from application.ledger.ports import LedgerReader
from application.ledger.trees import Tree, Trees
from domain.ledger.merkle import root_from_inclusion
from domain.ledger.tiles import WIDTH, Tile, edge_of
from tests.application.ledger.asked import reader_of
from tests.domain.ledger.growing import GrowingLog

pytestmark = pytest.mark.anyio


class Counted:
    """A reader that says what it was asked for; `damaged` tiles come with a bit changed."""

    def __init__(self, log: GrowingLog) -> None:
        self._reader = reader_of(log)
        self.asked: list[Tile] = []
        self.damaged: set[Tile] = set()

    async def hashes(self, tenant_id: str, tiles: Sequence[Tile]) -> Mapping[Tile, bytes]:
        self.asked += tiles
        found = await self._reader.hashes(tenant_id, tiles)
        return {tile: self._given(tile, hashes) for tile, hashes in found.items()}

    def _given(self, tile: Tile, hashes: bytes) -> bytes:
        return bytes([hashes[0] ^ 1]) + hashes[1:] if tile in self.damaged else hashes


class Several:
    """A reader of more than one log."""

    def __init__(self, logs: Mapping[str, GrowingLog]) -> None:
        self._readers = {tenant: reader_of(log) for tenant, log in logs.items()}

    async def hashes(self, tenant_id: str, tiles: Sequence[Tile]) -> Mapping[Tile, bytes]:
        return await self._readers[tenant_id].hashes(tenant_id, tiles)


def trees_over(reader: Counted | Several) -> Trees:
    return Trees(cast(LedgerReader, reader))


async def holds(tree: Tree, log: GrowingLog, index: int) -> bool:
    proof = await tree.inclusion(index)
    root = root_from_inclusion(log.leaves[index], index, tree.size, proof)
    return root == log.head(tree.size).root


async def test_the_edge_is_read_once() -> None:
    log = GrowingLog(1700)
    reader = Counted(log)
    tree = trees_over(reader).at("acme", 1700, log.head().root)
    assert [await holds(tree, log, index) for index in (0, 300, 1699)] == [True] * 3
    assert [one for one in reader.asked if one.width < WIDTH] == edge_of(1700)
    assert {one for one in reader.asked if one.width == WIDTH} == {Tile(0, 0), Tile(0, 1)}


async def test_a_damaged_edge_is_not_remembered() -> None:
    log = GrowingLog(900)
    reader = Counted(log)
    tree = trees_over(reader).at("acme", 900, log.head().root)
    reader.damaged = {edge_of(900)[1]}
    assert not await holds(tree, log, 899)
    reader.damaged = set()
    assert await holds(tree, log, 899)


async def test_trees_of_one_size_are_told_apart() -> None:
    logs = {tenant: GrowingLog(700, branch=tenant) for tenant in ("acme", "other")}
    trees = trees_over(Several(logs))
    for tenant, log in logs.items():
        assert await holds(trees.at(tenant, 700, log.head().root), log, 699)
