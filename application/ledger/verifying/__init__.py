"""Verifying offline: what a log proves, for whoever has its keys and not its server.

These modules run with the standard library and `cryptography`, and nothing else of ours than the
pure modules of `domain.ledger`. Each function returns what holds; it raises DoesNotHold for what
can be read and is false, and Malformed for what cannot be read.
"""

from application.ledger.verifying.bundles import BundleHolds, consistency_from_tiles, verify_bundle
from application.ledger.verifying.files import check_apart, read_file, read_keys
from application.ledger.verifying.proofs import (
    ConsistencyHolds,
    ProofHolds,
    read_hashes,
    verify_consistency,
    verify_proof,
)

__all__ = [
    "BundleHolds",
    "ConsistencyHolds",
    "ProofHolds",
    "check_apart",
    "consistency_from_tiles",
    "read_file",
    "read_hashes",
    "read_keys",
    "verify_bundle",
    "verify_consistency",
    "verify_proof",
]
