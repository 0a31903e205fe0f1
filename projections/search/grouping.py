"""The SQL texts of aggregations by the rows of events.

They give, for each group, its key, then what each measure is made of (`Made`). Of an amount without
a currency of its own that of its order counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from domain.search.aggregation import CURRENCY, PERCENTILES, Group, Measure, Value, told
from domain.search.fields import Field
from projections.orders.filters import EVENT_COLUMNS, OF_TENANT, ORDER_COLUMNS, where
from projections.search.conditions import Condition

SPAN = f"select min(occurred_us), max(occurred_us) from order_events where {OF_TENANT}"
BUCKET = "width_bucket({column}, %(starts)s::bigint[])"
"""The number of an interval of time."""
_SKUS = " left join lateral (select distinct one as sku from unnest(o.skus) as one) as s on true"
_OF_ORDERS = " left join orders o on o.tenant_id = e.tenant_id and o.order_id = e.order_id"
_ORDERS_CURRENCY = (
    "(select of.currency from orders of"
    " where of.tenant_id = e.tenant_id and of.order_id = e.order_id)"
)


def in_columns(field: Field) -> bool:
    """Whether a field is a column, so that no event is read for it."""
    return field.name in EVENT_COLUMNS or field.name in ORDER_COLUMNS or field is CURRENCY


class Made(Struct, frozen=True):
    """What a measure is made of: columns of the answer, and how they become its value.

    mixed: the columns before are followed by three that tell the currencies of its amounts.
    """

    columns: tuple[str, ...]
    measure: Measure

    def values(self, rows: Iterable[Sequence[Any]], start: int) -> list[Value]:
        """The measure's value in each row, its columns being there from `start` on."""
        op = self.measure.op
        if op in ("count", "sum"):
            return [int(row[start] or 0) for row in rows]
        if op == "avg":
            return [int(row[start]) / row[start + 1] if row[start + 1] else None for row in rows]
        return [told(self.measure, row[start]) for row in rows]

    def mixed(self, rows: Iterable[Sequence[Any]], start: int) -> bool:
        """Whether several currencies are in a row of it."""
        if not self.measure.money:
            return False
        end = start + len(self.columns)
        return any(
            lowest != highest or (unknown and lowest is not None)
            for lowest, highest, unknown in (row[end - 3 : end] for row in rows)
        )


def of_rows(
    asked: Condition, measures: Sequence[Measure], groups: Sequence[Group], *, top: bool
) -> tuple[str, list[Made]]:
    """By the rows of events. top: the highest by the first measure, groups of null left out."""
    made = [Made(tuple(_measured(measure, top=top)), measure) for measure in measures]
    keys = [_key(group) for group in groups]
    fields = [group.field for group in groups]
    fields += [measure.field for measure in measures if measure.field is not None]
    joins = _OF_ORDERS if any(_about_order(field) for field in fields) else ""
    if any(group.field.name == "order.sku" for group in groups):
        joins += _SKUS
    columns = [f"{key} as key_{at}" for at, key in enumerate(keys)]
    columns += [column for one in made for column in one.columns]
    text = (
        f"select {', '.join(columns)}"
        f" from (select * from order_events e {where([asked.sql])}) as e{joins}"
    )
    names = ", ".join(f"{at + 1}" for at in range(len(keys)))
    if top:
        text += f" where {keys[0]} is not null group by 1 order by {_rank(measures[0], groups[0])}"
    elif keys:
        text += f" group by {names}"
    return f"{text} limit %(limit)s", made


def _key(group: Group) -> str:
    if group.interval:
        return BUCKET.format(column="e.occurred_us")
    return "s.sku" if group.field.name == "order.sku" else _column(group.field)


def _column(field: Field) -> str:
    if field is CURRENCY:
        return "coalesce(e.currency, o.currency)"
    if field.name in ORDER_COLUMNS:
        return f"o.{ORDER_COLUMNS[field.name]}"
    return f"e.{EVENT_COLUMNS[field.name]}"


def _rank(measure: Measure, group: Group) -> str:
    """The highest first; of equal ones the lower key. The sum of nothing is 0, above losses."""
    by_code_point = ' collate "C"' if group.field.kind == "text" else ""
    worth = "2"
    if measure.field is not None and measure.op in ("avg", "sum"):
        column = _column(measure.field)
        worth = f"avg({column})" if measure.op == "avg" else f"coalesce(sum({column}), 0)"
    return f"{worth} desc nulls last, {_key(group)}{by_code_point}"


def _about_order(field: Field) -> bool:
    return field is CURRENCY or field.name in ORDER_COLUMNS


def _measured(measure: Measure, *, top: bool) -> list[str]:
    if measure.field is None:
        return ["count(*)"]
    column = _column(measure.field)
    if measure.op == "count":
        is_list = measure.field.name == "order.sku"
        return [f"count(nullif({column}, '{{}}'))" if is_list else f"count({column})"]
    if measure.op == "avg":
        columns = [f"sum({column})", f"count({column})"]
    elif measure.op in PERCENTILES:
        share = PERCENTILES[measure.op] / 100
        columns = [f"percentile_disc({share}) within group (order by {column})"]
    else:
        columns = [f"{measure.op}({column})"]
    if measure.money:
        currency = "o.currency"
        if not _about_order(measure.field):
            currency = f"case when e.currency is null then {_ORDERS_CURRENCY} else e.currency end"
        columns += currencies(currency, f"{column} is not null", top=top)
    return columns


def currencies(currency: str, counts: str, *, top: bool = False) -> list[str]:
    """The lowest and the highest, and whether there is an amount of none. top: of all groups, also
    of those that the limit leaves out, for amounts of several currencies cannot be ranked."""
    values = {"min": currency, "max": currency, "bool_or": f"({currency}) is null"}
    found = {name: f"{name}({value}) filter (where {counts})" for name, value in values.items()}
    return [f"{name}({one}) over ()" if top else one for name, one in found.items()]
