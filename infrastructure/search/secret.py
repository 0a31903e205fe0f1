"""The secret of an installation's search index: 32 bytes in a file, never in the database."""

from __future__ import annotations

import os
from pathlib import Path

from infrastructure.key_store import durable

SECRET_BYTES = 32
_FILE = "search.key"


def search_key(data_dir: Path) -> bytes:
    """The same in all processes of a data directory; made on first use.

    Backups carry it. If it is lost, a new one is made, and the index, which tells one from the
    other, has to be rebuilt. Raises KeyUnavailable when the file cannot be read or is damaged.
    """
    with durable.locked(data_dir / "search.lock"):
        key = stored_search_key(data_dir)
        if key is None:
            key = os.urandom(SECRET_BYTES)
            durable.write(data_dir / _FILE, key)
    return key


def stored_search_key(data_dir: Path) -> bytes | None:
    """The secret, None while there is none. Raises as `search_key`."""
    return durable.read(data_dir / _FILE)
