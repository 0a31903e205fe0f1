"""Which secret the index is made with. Terms made with another one would never be found."""

from __future__ import annotations

from collections.abc import Sequence

from domain.errors import Unavailable
from projections.reading import Connection


class IndexKeyDiffers(Unavailable):
    """search.key is not the one of the index: restart, else run `order-history rebuild orders`"""


_CLAIM = """
with claimed as (insert into search_key{suffix} (model, fingerprint) values ('orders', %s)
                     on conflict (model) do nothing returning fingerprint)
select fingerprint from claimed
 union all
select fingerprint from search_key{suffix} where model = 'orders'
"""
FINGERPRINT = "select fingerprint from search_key where model = 'orders'"
"""Of the secret that the index is made with; no row while that is without any event."""


def claim_sql(suffix: str) -> bytes:
    """Reads the fingerprint of an index, or sets it while there is none."""
    return _CLAIM.format(suffix=suffix).encode()


async def claim(connection: Connection, statement: bytes, fingerprint: bytes) -> None:
    """Within the transaction that adds to the index. Raises IndexKeyDiffers."""
    cursor = await connection.execute(statement, (fingerprint,), binary=True)
    if await cursor.fetchall() != [(fingerprint,)]:
        raise IndexKeyDiffers


async def require_key(connection: Connection, fingerprint: bytes) -> None:
    """Raises IndexKeyDiffers where the index is made with another secret."""
    refuse_other(await (await connection.execute(FINGERPRINT)).fetchall(), fingerprint)


def refuse_other(found: Sequence[tuple[bytes]], fingerprint: bytes) -> None:
    """Raises IndexKeyDiffers unless what FINGERPRINT found is this one, or nothing."""
    if any(one != (fingerprint,) for one in found):
        raise IndexKeyDiffers
