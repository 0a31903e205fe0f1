"""Ledgers to show to the independent programs, made with what the service makes them of.

SampleLog   entries, keys, and what is published and claimed of them
Published   that, on disk: a directory of tiles with its checkpoint, and a file of claims
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from domain.ledger import hashing, merkle, tiles
from domain.ledger.checkpoints import Checkpoint, cosignature_message, subtree_message
from domain.ledger.notes import (
    COSIGNED_ED25519,
    COSIGNED_MLDSA44,
    ED25519,
    NoteSignature,
    SignedNote,
    VerifierKey,
)

ORIGIN = "ledger.example/acme"
WITNESS = "witness.example/w1"
SIGNED_AT = 1767225600
"""Seconds: 2026-01-01."""


@dataclass(frozen=True)
class Published:
    """directory: what a web server would serve; claims: a JSON file of what is claimed of it.

    Claims: {key, witness, inclusion: [{index, entry (hex), hashes}], consistency: [{size, root,
    hashes}], artifact}; hashes are in base64, keys are verifier keys.
    """

    directory: Path
    claims: Path

    @property
    def checkpoint(self) -> Path:
        return self.directory / "checkpoint"

    def read_claims(self) -> dict[str, Any]:
        return dict(json.loads(self.claims.read_text()))

    def write_claims(self, claims: dict[str, Any]) -> None:
        self.claims.write_text(json.dumps(claims))


def signed_artifact(content: bytes = b"anything") -> dict[str, str]:
    """What Sigstore's bundles are about: some content, signed with ECDSA."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return {
        "content": content.hex(),
        "digest": _text(sha256(content).digest()),
        "signature": _text(key.sign(content, ec.ECDSA(hashes.SHA256()))),
        "public_key": public.decode(),
    }


@dataclass
class SampleLog:
    """A log over these entries, with keys of its own. newer_key: signs beside the key, once it is
    given, and is the one that is claimed."""

    entries: Sequence[bytes]
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    quantum_key: MLDSA44PrivateKey = field(default_factory=MLDSA44PrivateKey.generate)
    witness_key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    artifact: dict[str, str] = field(default_factory=signed_artifact)
    newer_key: Ed25519PrivateKey | None = None

    @classmethod
    def of_events(cls, size: int) -> SampleLog:
        return cls([hashing.entry(b"event %d" % number) for number in range(size)])

    @property
    def size(self) -> int:
        return len(self.entries)

    @cached_property
    def leaves(self) -> list[bytes]:
        return [hashing.leaf_hash(entry) for entry in self.entries]

    @cached_property
    def tiles(self) -> dict[tiles.Tile, bytes]:
        """Each tile with its hashes."""
        found = {}
        row = {0: self.leaves}
        for tile in tiles.tiles_of(self.size):
            start = tile.index * tiles.WIDTH
            data = b"".join(row[tile.level][start : start + tile.width])
            found[tile] = data
            if tile.width == tiles.WIDTH:
                row.setdefault(tile.level + 1, []).append(tiles.tile_root(data))
        return found

    def prove(self, path: Iterable[Sequence[merkle.Node]]) -> list[str]:
        """The hashes of a proof, computed of the tiles, in base64."""
        return [_text(merkle.fold([self._node(node) for node in nodes])) for nodes in path]

    def _node(self, node: merkle.Node) -> bytes:
        tile = tiles.tile_of(node, self.size)
        return tiles.node_in_tile(node, tile, self.tiles[tile])

    def note(self) -> str:
        """The checkpoint, signed by the log with both of its keys, and by a witness."""
        head = Checkpoint(ORIGIN, self.size, merkle.tree_root(self.leaves))
        text, time = head.text(), SIGNED_AT.to_bytes(8, "big")
        subtree = subtree_message(ORIGIN, SIGNED_AT, ORIGIN, 0, head.size, head.root)
        keys = [self.key, self.newer_key] if self.newer_key else [self.key]
        signed = [
            *((_verifier(key), key.sign(text.encode())) for key in keys),
            (self.quantum_verifier, time + self.quantum_key.sign(subtree)),
            (self.witness, time + self.witness_key.sign(cosignature_message(SIGNED_AT, text))),
        ]
        lines = [NoteSignature(key.name, key.key_id, signature) for key, signature in signed]
        return SignedNote(text, tuple(lines)).format()

    @property
    def verifier(self) -> VerifierKey:
        return _verifier(self.newer_key or self.key)

    @property
    def quantum_verifier(self) -> VerifierKey:
        public = self.quantum_key.public_key().public_bytes_raw()
        return VerifierKey.of(ORIGIN, COSIGNED_MLDSA44, public)

    @property
    def witness(self) -> VerifierKey:
        public = self.witness_key.public_key().public_bytes_raw()
        return VerifierKey.of(WITNESS, COSIGNED_ED25519, public)

    def claims(self, indexes: Iterable[int], sizes: Iterable[int]) -> dict[str, Any]:
        """That these leaves are in it, and that it goes on from itself at these sizes."""
        return {
            "key": str(self.verifier),
            "witness": str(self.witness),
            "inclusion": [
                {
                    "index": index,
                    "entry": self.entries[index].hex(),
                    "hashes": self.prove(merkle.inclusion_path(index, self.size)),
                }
                for index in indexes
            ],
            "consistency": [
                {
                    "size": size,
                    "root": _text(merkle.tree_root(self.leaves[:size])),
                    "hashes": self.prove(merkle.consistency_path(size, self.size)),
                }
                for size in sizes
            ],
            "artifact": self.artifact,
        }

    def publish(self, place: Path, indexes: Iterable[int], sizes: Iterable[int]) -> Published:
        """Write all of it below `place`."""
        published = self.publish_head(place, indexes, sizes)
        for tile, data in self.tiles.items():
            write_file(published.directory / tile.path(), data)
            if tile.level == 0:
                start = tile.index * tiles.WIDTH
                bundle = tiles.encode_entries(self.entries[start : start + tile.width])
                path = tiles.bundle_path(tile.index, tile.width)
                write_file(published.directory / path, bundle)
        return published

    def publish_head(self, place: Path, indexes: Iterable[int], sizes: Iterable[int]) -> Published:
        """Write the checkpoint and what is claimed under it, without tiles."""
        published = Published(place / "site", place / "claims.json")
        write_file(published.checkpoint, self.note().encode())
        published.write_claims(self.claims(indexes, sizes))
        return published


def rekor_record(artifact: dict[str, str]) -> bytes:
    """The entry that Rekor's log holds of an artifact: a hashedrekord."""
    sha256_hex = base64.b64decode(artifact["digest"]).hex()
    public = _text(artifact["public_key"].encode())
    record = {
        "apiVersion": "0.0.1",
        "kind": "hashedrekord",
        "spec": {
            "data": {"hash": {"algorithm": "sha256", "value": sha256_hex}},
            "signature": {"content": artifact["signature"], "publicKey": {"content": public}},
        },
    }
    return json.dumps(record).encode()


def _verifier(key: Ed25519PrivateKey) -> VerifierKey:
    return VerifierKey.of(ORIGIN, ED25519, key.public_key().public_bytes_raw())


def write_file(file: Path, data: bytes) -> None:
    """Write it, and make the directories above."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
