"""Read models that have followed, what a superuser does to them, and walks that find it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from application.maintenance.ports import Finding, Range, merged
from projections.digest import digest
from projections.ledger.model import LedgerModel
from projections.orders.model import OrdersModel
from projections.progress import positions, register
from projections.read_model import ReadModel, apply_once
from projections.reading import Connection, read_batch
from projections.reconciling.walk import walking
from projections.redactions.model import RedactionsModel
from projections.sources.model import SourcesModel
from tests.projections.conftest import Connect
from tests.projections.indexing import INDEXING

MODELS: Sequence[ReadModel] = (
    OrdersModel(INDEXING),
    LedgerModel(),
    SourcesModel(),
    RedactionsModel(),
)
BATCH = 16
OF_ACME = "tenant_id = 'acme'"


async def follow(
    connection: Connection, models: Sequence[ReadModel] = MODELS, up_to: int | None = None
) -> None:
    """Let the models come to a position, or to the end."""
    await register(connection, [model.name for model in models])
    for model in models:
        place = (await positions(connection, [model.name]))[model.name]
        while (batch := await read_batch(connection, place, up_to=up_to)).end > place:
            await apply_once(connection, model, batch)
            place = batch.end


async def content(connection: Connection) -> Mapping[str, str]:
    """Digests of all tables of all models."""
    return {
        table.name: await digest(connection, table.name)
        for model in MODELS
        for table in model.tables
    }


async def damage(owner: Connection, *statements: str) -> None:
    """As a superuser, whom neither a trigger nor a foreign key keeps from it."""
    async with owner.transaction():
        await owner.execute("set local session_replication_role = replica")
        await owner.execute("alter table events disable trigger all")
        for one in statements:
            assert (await owner.execute(one.encode())).rowcount > 0, one
        for trigger in ("append_only", "no_truncate"):
            await owner.execute(
                f"alter table events enable always trigger events_{trigger}".encode()
            )


async def walked(
    connect: Connect,
    tenant_id: str = "acme",
    *,
    heal: bool = True,
    batch: int = BATCH,
    models: Sequence[ReadModel] = MODELS,
    **asked: Any,
) -> list[Finding]:
    """What a walk finds. asked: as in Range."""
    found: list[Finding] = []
    async with walking(connect, models, Range(tenant_id=tenant_id, **asked), batch) as walk:
        while not walk.ended:
            found += (await walk.step(heal=heal)).findings
    return merged(found)


def told(findings: Sequence[Finding]) -> set[tuple[str, str, int]]:
    """(table, what, count) of each."""
    return {(one.table, one.what, one.count) for one in findings}
