"""The published vectors (docs/vectors/ledger.json) are what this code makes, and never change."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from domain.ledger.hashing import GENESIS, chain, entry, leaf_hash
from domain.ledger.merkle import (
    Node,
    check_consistency,
    consistency_path,
    covering,
    fold,
    inclusion_path,
    root_from_inclusion,
    root_from_range,
    tree_root,
)
from domain.ledger.sealing import event_bytes
from domain.ledger.tiles import WIDTH, Tile, encode_entries, full, tiles_of
from domain.orders.events import Content
from domain.privacy.sealing import TOPIC, draft_of, open_disclosures, originator

FILE = Path(__file__).parents[3] / "docs" / "vectors" / "ledger.json"
VECTORS: dict[str, Any] = json.loads(FILE.read_bytes())
STATES = [one["event"].encode() for one in VECTORS["events"]]
LEAVES = [bytes.fromhex(one["leaf"]) for one in VECTORS["events"]]
BODIES = ("payload", "metadata", "redactions")
ROOTS = {one["size"]: bytes.fromhex(one["root"]) for one in VECTORS["roots"]}


def vectors(member: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", VECTORS[member])


def hashes(texts: list[str]) -> list[bytes]:
    return [bytes.fromhex(text) for text in texts]


def known(nodes: list[Node]) -> list[bytes]:
    return [tree_root(LEAVES[at << level : (at + 1) << level]) for level, at in nodes]


def test_they_are_frozen() -> None:
    digest = sha256(FILE.read_bytes()).hexdigest()
    assert digest == "f882fcabc23be816eea60b3cc2bc2d77573fa889ab0e356c6febf83e966f3970"


@pytest.mark.parametrize("state", STATES)
def test_event_bytes(state: bytes) -> None:
    said = json.loads(state)
    assert rfc8785.dumps(said) == state
    bodies = {name: rfc8785.dumps(said[name]) for name in BODIES if name in said}
    fields: dict[str, Any] = {name: said.get(name) for name in Content.__struct_fields__}
    content = Content(**fields | bodies)
    draft = draft_of(content, (), originator("acme", "any"), TOPIC)
    version = said.get("order_version") or said["stream_version"]
    assert event_bytes(draft, version, said["received_at"].encode()) == state


def test_entries_leaves_and_chain() -> None:
    previous = GENESIS
    for sequence, (state, one) in enumerate(zip(STATES, VECTORS["events"], strict=True), 1):
        previous = chain(previous, entry(state))
        assert one == {
            "sequence": sequence,
            "event": state.decode(),
            "entry": entry(state).hex(),
            "leaf": leaf_hash(entry(state)).hex(),
            "ledger_hash": previous.hex(),
        }


def test_the_disclosure() -> None:
    said = VECTORS["disclosure"]
    placed = json.loads(STATES[said["sequence"] - 1])
    for name in said["pointer"].split("/")[1:]:
        placed = placed[name]
    assert open_disclosures(said["disclosure"]) == {placed["_sd"]: said["value"]}


def test_roots() -> None:
    assert {size: tree_root(LEAVES[:size]) for size in range(len(LEAVES) + 1)} == ROOTS


@vectors("inclusion")
def test_inclusion(vector: dict[str, Any]) -> None:
    index, size, proof = vector["index"], vector["size"], hashes(vector["hashes"])
    assert proof == [fold(known(nodes)) for nodes in inclusion_path(index, size)]
    assert root_from_inclusion(LEAVES[index], index, size, proof) == ROOTS[size]


@vectors("consistency")
def test_consistency(vector: dict[str, Any]) -> None:
    old, new, proof = vector["old"], vector["new"], hashes(vector["hashes"])
    assert proof == [fold(known(nodes)) for nodes in consistency_path(old, new)]
    check_consistency(old, ROOTS[old], new, ROOTS[new], proof)


@vectors("ranges")
def test_ranges(vector: dict[str, Any]) -> None:
    start, end, size = vector["from"] - 1, vector["to"], vector["size"]
    left, right = hashes(vector["left"]), hashes(vector["right"])
    assert (left, right) == (known(covering(0, start)), known(covering(end, size)))
    assert root_from_range(LEAVES[start:end], start, size, left, right) == ROOTS[size]


@vectors("trees")
def test_trees(vector: dict[str, Any]) -> None:
    tiles = list(tiles_of(vector["size"]))
    assert vector["tiles"] == [
        {
            "level": level,
            "full": full(level, vector["size"]),
            "partial": sum(
                tile.width for tile in tiles if tile.level == level and tile.width < WIDTH
            ),
        }
        for level in sorted({tile.level for tile in tiles})
    ]


@vectors("paths")
def test_paths(vector: dict[str, Any]) -> None:
    tile = Tile(vector["level"], vector["index"], vector["width"])
    assert tile.path() == vector["path"]
    assert Tile.parse(vector["path"]) == tile


def test_files() -> None:
    assert VECTORS["files"] == {
        "tile/0/000.p/3": b"".join(LEAVES[:3]).hex(),
        "tile/entries/000.p/3": encode_entries(entry(state) for state in STATES[:3]).hex(),
    }
