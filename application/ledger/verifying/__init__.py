"""Verifying offline: what a log proves, for whoever has its keys and not its server.

These modules run with the standard library and `cryptography`, and nothing else of ours than the
pure modules of `domain.ledger`. Each function returns what holds; it raises DoesNotHold for what
can be read and is false, and Malformed for what cannot be read.
"""

from application.ledger.verifying.bundles import BundleHolds, hashes_from_tiles, verify_bundle
from application.ledger.verifying.certificates import verify_certificate, verify_export
from application.ledger.verifying.files import (
    MAX_EVENT_BYTES,
    check_apart,
    key_path,
    read_file,
    read_keys,
)
from application.ledger.verifying.proofs import (
    ConsistencyHolds,
    ProofHolds,
    read_hashes,
    verify_consistency,
    verify_proof,
)

__all__ = [
    "MAX_EVENT_BYTES",
    "BundleHolds",
    "ConsistencyHolds",
    "ProofHolds",
    "check_apart",
    "hashes_from_tiles",
    "key_path",
    "read_file",
    "read_hashes",
    "read_keys",
    "verify_bundle",
    "verify_certificate",
    "verify_consistency",
    "verify_export",
    "verify_proof",
]
