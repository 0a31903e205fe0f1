"""The use cases' surroundings, on a real database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import psycopg

from application.access.seeing import Sight
from application.orders.as_of import AsOfQueries
from infrastructure.event_store.committer import Committer
from infrastructure.event_store.framework import OrderLedger
from infrastructure.event_store.histories import Histories
from infrastructure.event_store.reader import Reader
from infrastructure.key_store.files import FileKeyStore
from infrastructure.postgres.connect import Pool, address
from infrastructure.privacy.disclosures import StoredDisclosures
from infrastructure.privacy.keyring import Keyring
from projections.orders.queries import OrderQueries


class World:
    """Door, reader and as-of queries on one database, in an event loop that lasts as long as the
    module: properties ask it again and again."""

    def __init__(self, url: str, committer: Committer, pool: Pool, keys: FileKeyStore) -> None:
        target = address(url, "cell_0", name="test snapshots")
        self.door = committer
        self.reader = Reader(pool)
        self.sight = Sight(OrderQueries(pool), self.reader)
        self.disclosures = StoredDisclosures(pool, Keyring(keys))
        self.as_of = AsOfQueries(Histories(pool), self.reader)
        self.ledger = OrderLedger(lambda: psycopg.connect(target, autocommit=True))
        self.run: Callable[[Coroutine[Any, Any, Any]], Any] = asyncio.run
