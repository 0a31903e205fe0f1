"""A house that signs often, and how what it proves is checked: offline, with its keys alone."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from application.ledger.ports import GLOBAL
from application.ledger.signatures import open_checkpoint
from domain.ledger.checkpoints import Checkpoint
from domain.ledger.hashing import leaf_hash
from domain.ledger.merkle import check_consistency, root_from_range
from domain.ledger.notes import VerifierKey
from infrastructure.postgres.connect import address
from interfaces.composition.proving import log_keys
from interfaces.settings import LedgerSettings, Settings
from tests.interfaces.http.journeys.house import House, Json, Shop
from tests.interfaces.http.journeys.house import opened as opened_house


@pytest.fixture(scope="module")
async def proving_house(
    anyio_backend: str, database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    """To be taken as `house`: signs twenty times a second."""
    settings = Settings(
        database_url=database_url,
        data_dir=tmp_path_factory.mktemp("house"),
        ledger=LedgerSettings(checkpoint_seconds=0.05),
    )
    async with opened_house(settings) as running:
        yield running


async def signed(shop: Shop) -> Json:
    """The status, once everything is signed."""
    async with asyncio.timeout(20):
        while (status := await shop.read("/ledger/status", "auditor"))["unsigned"]:  # noqa: ASYNC110  # it is asked for
            await asyncio.sleep(0.01)
    return dict(status)


def line(event: Json) -> bytes:
    """Of a bulk body."""
    return json.dumps(event).encode() + b"\n"


def keys_of(house: House, log: str) -> tuple[VerifierKey, ...]:
    """As `ledger key` prints them, of a tenant's log or the global one."""
    keys = log_keys(house.settings)
    return keys.verifier_keys(f"{keys.service_origin}/{log}")


def global_keys(house: House) -> tuple[VerifierKey, ...]:
    return keys_of(house, GLOBAL)


def checkpoint_of(shop: Shop, note: str) -> Checkpoint:
    """A checkpoint of the tenant that one of its keys, at least, has signed."""
    return open_checkpoint(note, keys_of(shop.house, shop.tenant)).checkpoint


def check_range(shop: Shop, proof: Json) -> Checkpoint:
    """What a verifier does with an answer of ledger/proof. Raises where it does not hold."""
    checkpoint = checkpoint_of(shop, proof["checkpoint"])
    leaves = [leaf_hash(bytes.fromhex(entry)) for entry in proof["entries"]]
    assert len(leaves) == proof["to"] - proof["from"] + 1
    left, right = decoded(proof["left"]), decoded(proof["right"])
    root = root_from_range(leaves, proof["from"] - 1, proof["tree_size"], left, right)
    assert (proof["tree_size"], root) == (checkpoint.size, checkpoint.root)
    return checkpoint


def check_since(older: Checkpoint, newer: Checkpoint, proof: Json) -> None:
    given = proof["consistency"]
    assert given["from_size"] == older.size
    check_consistency(older.size, older.root, newer.size, newer.root, decoded(given["hashes"]))


def decoded(hashes: list[str]) -> list[bytes]:
    return [b64decode(one, validate=True) for one in hashes]


@contextmanager
def superuser(house: House) -> Iterator[psycopg.Connection[Any]]:
    """Who may change everything, the event store's triggers being off meanwhile."""
    target = address(house.settings.database_url, "cell_0", name="superuser", as_owner=True)
    with psycopg.connect(target, autocommit=True) as connection:
        connection.execute("alter table events disable trigger all")
        connection.execute("alter table ledger_checkpoints disable trigger all")
        try:
            yield connection
        finally:
            connection.execute("alter table events enable always trigger events_append_only")
            connection.execute("alter table events enable always trigger events_no_truncate")
