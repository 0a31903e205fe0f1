"""Checks a directory of tiles, and the proofs claimed over it, with aics-tlog.

    python tlog_tiles.py DIRECTORY CLAIMS

Runs in the virtual environment of the peers, which has nothing of ours. Exit code 0: all of it
holds; 10: something does not, and the last line says what; else it did not run as it should.
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path

import aics_tlog as peer  # type: ignore[import-not-found]  # it is in .peers alone


def check(directory: Path, claims: dict) -> str | None:  # type: ignore[type-arg]  # JSON
    """What does not hold, or None."""
    key = peer.parse_vkey(claims["key"])
    note = peer.parse_note((directory / "checkpoint").read_bytes())
    witnesses = [peer.parse_vkey(claims["witness"])] if claims["witness"] else []
    head = peer.verify_checkpoint(note, key, witnesses, len(witnesses), expected_origin=key.name)
    if not head.ok:
        return f"checkpoint: {head.error}"
    reader = peer.FileSystemTileReader(directory)
    try:
        peer.audit_tiles(reader, head.size, head.root, entries=True)
    except (peer.TileMissingError, peer.TileVerificationError) as fault:
        return f"tiles: {fault}"
    tiles = peer.VerifiedTileReader(reader, head.size, head.root)
    for one in claims["inclusion"]:
        index, proof = one["index"], [base64.b64decode(each) for each in one["hashes"]]
        entry = tiles.entry(index)
        if not peer.verify_leaf_inclusion(entry, index, head.size, proof, head.root):
            return f"inclusion of {index}"
    for one in claims["consistency"]:
        root, proof = base64.b64decode(one["root"]), [base64.b64decode(h) for h in one["hashes"]]
        if not peer.verify_consistency(one["size"], head.size, root, head.root, proof):
            return f"consistency from {one['size']}"
    return None


if __name__ == "__main__":
    fault = check(Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text()))
    sys.stdout.write(f"{fault or 'holds'}\n")
    sys.exit(10 if fault else 0)
