"""The plans of the statements that the service sends, as it sends them: same text, same values, on
the same connection under the same settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from msgspec import Struct

from projections.orders.queries import OrderQueries
from projections.search.running import Running

Json = Any
_EXPLAIN = "explain (analyze, buffers, format json)"


class Explained(Struct):
    """A statement with its plan, and what it read: blocks of 8 kB, each time that it did."""

    text: str
    values: Mapping[str, object]
    plan: Json

    @property
    def blocks(self) -> int:
        """Of tables and indexes."""
        return int(self.plan["Shared Hit Blocks"] + self.plan["Shared Read Blocks"])

    @property
    def scanned(self) -> set[str]:
        """The tables that are read from end to end."""
        return {
            node["Relation Name"] for node in _nodes(self.plan) if node["Node Type"] == "Seq Scan"
        }

    def told(self) -> str:
        """The plan in lines, for who reads that a test failed."""
        return "\n".join(_lines(self.plan, 0))


@contextmanager
def explained() -> Iterator[list[Explained]]:
    """Every statement of lists, searches and aggregations that is sent until left."""
    found: list[Explained] = []
    search, lists = Running.rows, OrderQueries._rows

    async def of_search(self: Running, text: str, tenant: str, values: Json, **how: Json) -> Json:
        ((plan,),) = await search(self, f"{_EXPLAIN} {text}", tenant, values, **how)
        found.append(Explained(text, values, plan[0]["Plan"]))
        return await search(self, text, tenant, values, **how)

    async def of_lists(
        self: OrderQueries, text: str, tenant: str, values: Json, *limit: int, **how: Json
    ) -> Json:
        how_explained = {**how, "skewed": True}  # which makes a plan for these values
        ((plan,),) = await lists(
            self, f"{_EXPLAIN} {text}", tenant, values, *limit, **how_explained
        )
        found.append(Explained(text, values, plan[0]["Plan"]))
        return await lists(self, text, tenant, values, *limit, **how)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Running, "rows", of_search)
        patch.setattr(OrderQueries, "_rows", of_lists)
        yield found


def _nodes(plan: Json) -> Iterator[Json]:
    yield plan
    for inner in plan.get("Plans", []):
        yield from _nodes(inner)


def _lines(plan: Json, depth: int) -> Iterator[str]:
    what = " ".join(
        str(plan[name]) for name in ("Node Type", "Relation Name", "Index Name") if name in plan
    )
    removed = plan.get("Rows Removed by Filter", 0)
    blocks = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    yield (
        f"{'  ' * depth}{what}: {plan['Actual Rows']:.0f} rows, {plan['Actual Loops']:.0f} times,"
        f" {removed} removed, {blocks} blocks"
    )
    for inner in plan.get("Plans", []):
        yield from _lines(inner, depth + 1)
