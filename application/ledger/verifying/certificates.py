"""Certificates of destruction, and the exports that they name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

from application.ledger.signatures import verify_signature
from application.ledger.verifying.files import read_file
from domain.ledger.certificates import Certificate
from domain.ledger.faults import DoesNotHold, Malformed
from domain.ledger.notes import ED25519, SignedNote, VerifierKey

MANIFEST = "manifest.json"
_MAX_MANIFEST_BYTES = 1 << 20
_BUFFER_BYTES = 1 << 20


def verify_certificate(note: bytes, keys: Sequence[VerifierKey]) -> Certificate:
    """What a certificate says that one of these keys of its log has signed (Ed25519; the logs'
    ML-DSA keys sign checkpoints alone), and by which nothing is left.

    Raises Malformed; DoesNotHold where none has, a signature fails, or something is left.
    """
    read = SignedNote.parse(note)
    certificate = Certificate.parse(read.text)
    logs = [one for one in keys if one.name == certificate.origin and one.algorithm == ED25519]
    if not logs:
        raise DoesNotHold(
            f"the certificate is of the log {certificate.origin!r}, and no Ed25519 key of it is"
            " given"
        )
    signed = False
    for key in logs:
        for one in read.signatures:
            if one.is_by(key) and not verify_signature(key, one, read.text):
                raise DoesNotHold(f"the signature of {key.name!r} ({key.key_id.hex()}) is false")
            signed = signed or one.is_by(key)
    if not signed:
        raise DoesNotHold(
            f"the certificate of {certificate.origin!r} is signed by none of its keys"
        )
    left = [one for one in certificate.destroyed if one.left]
    if left:
        raise DoesNotHold(f"the certificate says that {left[0].left} {left[0].store} are left")
    return certificate


def verify_export(directory: Path, certificate: Certificate) -> int:
    """That an export is the one of a certificate, and each file that its manifest lists is what was
    written; how many there are. Raises DoesNotHold, Malformed."""
    raw = read_file(directory / MANIFEST, _MAX_MANIFEST_BYTES)
    if sha256(raw).hexdigest() != certificate.manifest:
        raise DoesNotHold(f"{MANIFEST} is not the one that the certificate names")
    files = _listed(raw)
    for path, digest in files:
        if _digest(directory / path) != digest:
            raise DoesNotHold(f"{path} is not what was written")
    return len(files)


def _listed(raw: bytes) -> list[tuple[str, Any]]:
    try:
        files = [(str(one["path"]), one["sha256"]) for one in json.loads(raw)["files"]]
    except (ValueError, KeyError, TypeError):
        raise Malformed(f"{MANIFEST} cannot be read") from None
    for path, _ in files:
        if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
            raise Malformed(f"{MANIFEST} names a file outside of the export")
    return files


def _digest(path: Path) -> str:
    hashed = sha256()
    try:
        with path.open("rb") as file:
            while page := file.read(_BUFFER_BYTES):
                hashed.update(page)
    except FileNotFoundError:
        raise DoesNotHold(f"{path.name} is not there") from None
    return hashed.hexdigest()
