"""Whether the data keys in the database open with the key store that stands beside it."""

from __future__ import annotations

from typing import Any

from psycopg import Connection

from application.ports import KeyStore
from domain.errors import KeyUnavailable
from infrastructure.privacy.keyring import Keyring, KeyRow

_PAGE = 10_000
LIVE = """
select tenant_id, kind, subject, key_id, bucket, bucket_key_id, wrapped from data_keys
 where wrapped is not null and (tenant_id, kind, subject) > (%s, %s, %s)
 order by tenant_id, kind, subject limit %s
"""


def unopenable_keys(connection: Connection[Any], key_store: KeyStore) -> int:
    """How many live data keys the key store cannot unwrap."""
    keyring, lost, after = Keyring(key_store), 0, ("", "", "")
    while rows := connection.execute(LIVE, (*after, _PAGE), binary=True).fetchall():
        for row in rows:
            try:
                keyring.cipher(KeyRow(row[:3], *row[3:]))
            except KeyUnavailable:
                lost += 1
        after = rows[-1][:3]
    return lost
