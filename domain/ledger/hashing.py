"""The hashes of a ledger, each of 32 bytes (docs: what is hashed).

SHA-256 throughout. The first byte tells a leaf (0), a node (1: both RFC 6962, section 2.1) and a
link of the chain (2) apart, so that none can be passed off as another.
"""

from __future__ import annotations

from hashlib import sha256

GENESIS = bytes(32)
"""The ledger hash before a tenant's first event."""

EMPTY_ROOT = sha256(b"").digest()
"""The Merkle root of a ledger without events."""


def entry(state: bytes) -> bytes:
    """The entry of an event: SHA-256 of its bytes; what the ledger's leaves and chain are over."""
    return sha256(state).digest()


def leaf_hash(event_entry: bytes) -> bytes:
    """The Merkle leaf of an entry (RFC 6962)."""
    return sha256(b"\x00" + event_entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The Merkle node over two subtrees, each of 32 bytes (RFC 6962)."""
    return sha256(b"\x01" + left + right).digest()


def chain(previous: bytes, event_entry: bytes) -> bytes:
    """The ledger hash after an event, from that before it (GENESIS before the first)."""
    return sha256(b"\x02" + previous + event_entry).digest()
