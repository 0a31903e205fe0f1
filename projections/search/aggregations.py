"""Implements `application.search.ports.GroupIndex` on the orders read model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from application.search.ports import Asked, Plan, Rows
from domain.search.aggregation import MOST_GROUPS, Value, refuse_groups, refuse_mix
from domain.search.fields import Field
from domain.search.query import Node
from projections.orders.filters import ORDER_COLUMNS, where
from projections.search.grouping import SPAN, Made, in_columns, of_rows
from projections.search.queries import SearchQueries
from projections.search.rollups import OTHER_CURRENCIES, asks_for_currency, rollup

_ORDER_VALUES = (
    f"select order_id, {', '.join(ORDER_COLUMNS.values())} from orders"
    f" {where(['order_id = any(%(order_ids)s::text[])'])}"
)


class AggregationQueries:
    """Reads as `SearchQueries` does."""

    def __init__(self, search: SearchQueries) -> None:
        self._search = search

    def in_columns(self, field: Field) -> bool:
        return in_columns(field)

    async def span(self, tenant_id: str) -> tuple[int, int] | None:
        ((first, last),) = await self._search.rows(SPAN, tenant_id, {})
        return None if first is None else (first, last)

    async def rolled_up(
        self, tenant_id: str, node: Node, asked: Asked, starts: Sequence[int]
    ) -> Rows | None:
        fitting = rollup(node, asked, starts)
        if fitting is None:
            return None
        if asks_for_currency(node) and await self._search.rows(OTHER_CURRENCIES, tenant_id, {}):
            return None
        text, parameters, made = fitting
        values = {**parameters, "starts": list(starts), "limit": _most(asked)}
        rows = await self._search.rows(text, tenant_id, values)
        if any(row[-1] for row in rows):
            return None
        return _groups(rows, made, asked)

    async def grouped(self, plan: Plan, asked: Asked, starts: Sequence[int]) -> Rows:
        text, made = of_rows(
            plan.condition, asked.measures, asked.groups, top=asked.top is not None
        )
        values = {
            **plan.condition.parameters,
            "starts": list(starts),
            "limit": _most(asked),
        }
        rows = await self._search.rows(text, plan.tenant_id, values)
        return _groups(rows, made, asked)

    async def order_values(
        self, tenant_id: str, order_ids: Sequence[str]
    ) -> Mapping[str, Mapping[str, Any]]:
        values = {"order_ids": list(order_ids)}
        rows = await self._search.rows(_ORDER_VALUES, tenant_id, values)
        return {row[0]: dict(zip(ORDER_COLUMNS, row[1:], strict=True)) for row in rows}


def _most(asked: Asked) -> int:
    """Groups that are fetched: one more than are told, to tell that there are more."""
    return MOST_GROUPS + 1 if asked.top is None else asked.top


def _groups(rows: Sequence[tuple[Any, ...]], made: Sequence[Made], asked: Asked) -> Rows:
    keys = len(asked.groups)
    if len(rows) > MOST_GROUPS:
        raise refuse_groups()
    columns: list[list[Value]] = []
    start = keys
    for place, one in enumerate(made):
        if one.mixed(rows, start):
            raise refuse_mix(place, top=asked.top is not None)
        columns.append(one.values(rows, start))
        start += len(one.columns)
    return list(zip((row[:keys] for row in rows), zip(*columns, strict=True), strict=True))
