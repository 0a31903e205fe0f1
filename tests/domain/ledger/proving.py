"""Proofs over a few leaves, for tests."""

from __future__ import annotations

from collections.abc import Sequence

from domain.ledger.merkle import Node, consistency_path, fold, inclusion_path, tree_root


def inclusion_proof(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    return _hashes(leaves, inclusion_path(index, len(leaves)))


def consistency_proof(leaves: Sequence[bytes], old: int) -> tuple[bytes, ...]:
    return _hashes(leaves, consistency_path(old, len(leaves)))


def _hashes(leaves: Sequence[bytes], path: list[list[Node]]) -> tuple[bytes, ...]:
    return tuple(
        fold([tree_root(leaves[i << level : (i + 1) << level]) for level, i in nodes])
        for nodes in path
    )
