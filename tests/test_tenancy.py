"""No statement reads or changes a tenant's rows without naming the tenant."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator

import infrastructure
import projections
from infrastructure.postgres.tables import CELL

TABLES = {table.name for table in CELL.sorted_tables if "tenant_id" in table.c}

OF_A_WHOLE_CELL = {
    # The committer and the hub work on a cell, in the order of positions.
    "infrastructure.event_store.statements.LOAD_LAST",
    "infrastructure.event_store.snapshotting.DUE",
    "infrastructure.event_store.snapshotting.SPAN",
    "infrastructure.event_store.auditing.POSITIONS",
    "infrastructure.event_store.keys.ANY_EVENT",
    "infrastructure.event_store.framework.NOTIFICATIONS",
    "projections.progress._HEAD",
    "projections.progress._STATUS",
    "projections.traces.TRACES",
    "projections.traces.PRUNE",
    # So do the signer and what watches over it.
    "infrastructure.ledger.behind.NEWEST",
    "infrastructure.ledger.figures.FIGURES",
    "projections.reconciling.place.FIGURES",
    "infrastructure.ledger.reopening.LAST_EVENT",
    "infrastructure.ledger.signed_store.LIMITS",
    "infrastructure.ledger.signed_store._HEAD",
    # So does who measures an installation, and names no tenant.
    "infrastructure.watching.figures.NEWEST",
    "infrastructure.watching.figures.JOBS",
    "infrastructure.watching.figures.QUEUED",
    "infrastructure.watching.figures.LINES",
    "infrastructure.watching.figures.LINES_LATELY",
    # An originator id is made from its tenant (formats.md): it names the tenant.
    "infrastructure.event_store.statements.LOAD_VERSIONS",
    "infrastructure.event_store.framework.SELECT",
    "infrastructure.event_store.histories.LOAD",
    "infrastructure.event_store.histories.NEWEST",
    "infrastructure.event_store.histories.NEWEST_OF",
}

_READS = re.compile(r"\b(?:from|join|into|update)\s+(?:only\s+)?([a-z_]+)", re.IGNORECASE)


def statements() -> Iterator[tuple[str, str]]:
    """Every module-level text that touches a table of tenants, by its full name."""
    for package in (infrastructure, projections):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".migrations" in found.name:
                continue
            module = importlib.import_module(found.name)
            for name, value in vars(module).items():
                if isinstance(value, str) and TABLES & set(_READS.findall(value)):
                    yield f"{found.name}.{name}", value


def test_every_statement_names_the_tenant() -> None:
    found = dict(statements())
    assert len(found) > 30, "the search itself must work"
    without = {name for name, text in found.items() if "tenant_id" not in text}
    assert without <= OF_A_WHOLE_CELL, without - OF_A_WHOLE_CELL
