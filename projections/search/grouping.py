"""The SQL texts of aggregations: of the rows of events, and of the counts kept by hour.

Both give, for each group, its key, then what each measure is made of (`Made`). Of an amount without
a currency of its own that of its order counts, which the counts by hour do not know: where there is
one, they are not used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from domain.search.aggregation import CURRENCY, PERCENTILES, Group, Measure, Value, told
from domain.search.calendar import DAY_US, HOUR_US
from domain.search.fields import Field
from domain.search.query import All, Match, Node
from projections.orders.filters import EVENT_COLUMNS, OF_TENANT, ORDER_COLUMNS, compared, where
from projections.search.conditions import Condition

SPAN = f"select min(occurred_us), max(occurred_us) from order_events where {OF_TENANT}"
_BUCKET = "width_bucket({column}, %(starts)s::bigint[])"
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

    def value(self, given: Sequence[Any]) -> Value:
        """The measure's value."""
        op, first = self.measure.op, given[0]
        if op in ("count", "sum"):
            return int(first or 0)
        if op == "avg":
            return int(first) / given[1] if given[1] else None
        return told(self.measure, first)

    def mixed(self, given: Sequence[Any]) -> bool:
        """Whether several currencies are in it."""
        if not self.measure.money:
            return False
        lowest, highest, unknown = given[-3:]
        return bool(lowest != highest or (unknown and lowest is not None))


def of_rows(
    asked: Condition, measures: Sequence[Measure], groups: Sequence[Group], *, top: bool
) -> tuple[str, list[Made]]:
    """By the rows of events. top: the highest by the first measure, groups of null left out."""
    made = [Made(tuple(_measured(measure)), measure) for measure in measures]
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


def of_counts(
    node: Node, measures: Sequence[Measure], groups: Sequence[Group], starts: Sequence[int]
) -> tuple[str, dict[str, object], list[Made]] | None:
    """By the counts of days or hours; None where they do not fit. The last column of its answer
    tells whether rows have to be asked after all."""
    table, column, length = _kept_by(node, starts)
    conditions = _of_counts(node, column)
    fits = (
        conditions is not None
        and all(map(_is_counted, measures))
        and all(group.interval or group.field.name in _COUNTED for group in groups)
        and all(start % length == 0 for start in starts)
    )
    if not fits or conditions is None:
        return None
    texts, parameters = conditions
    made = [Made(tuple(_added(measure)), measure) for measure in measures]
    keys = [
        _BUCKET.format(column=column) if group.interval else _COUNTED[group.field.name]
        for group in groups
    ]
    lacking = ["events" if group.field is CURRENCY else "0" for group in groups]
    lacking += ["amounts" for measure in measures if measure.field is not None]
    columns = [*keys, *(column for one in made for column in one.columns)]
    columns.append(
        f"coalesce(bool_or(currency = '' and ({' + '.join([*lacking, '0'])}) > 0), false)"
    )
    text = f"select {', '.join(columns)} from {table} {where([*texts, _NO_HISTORY])}"
    if keys:
        text += f" group by {', '.join(str(at + 1) for at in range(len(keys)))}"
    return f"{text} limit %(limit)s", parameters, made


_NO_HISTORY = "not starts_with(type, 'history.')"
_COUNTED: Mapping[str, str] = {"type": "type", "source": "source", "currency": "currency"}


def _key(group: Group) -> str:
    if group.interval:
        return _BUCKET.format(column="e.occurred_us")
    return "s.sku" if group.field.name == "order.sku" else _column(group.field)


def _column(field: Field) -> str:
    if field is CURRENCY:
        return "coalesce(e.currency, o.currency)"
    if field.name in ORDER_COLUMNS:
        return f"o.{ORDER_COLUMNS[field.name]}"
    return f"e.{EVENT_COLUMNS[field.name]}"


def _rank(measure: Measure, group: Group) -> str:
    """The highest first; of equal ones the lower key."""
    by_code_point = ' collate "C"' if group.field.kind == "text" else ""
    worth = f"avg({_column(measure.field)})" if measure.op == "avg" and measure.field else "2"
    return f"{worth} desc nulls last, {_key(group)}{by_code_point}"


def _about_order(field: Field) -> bool:
    return field is CURRENCY or field.name in ORDER_COLUMNS


def _measured(measure: Measure) -> list[str]:
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
        columns += _currencies(currency, f"{column} is not null")
    return columns


def _added(measure: Measure) -> list[str]:
    if measure.field is None:
        return ["sum(events)"]
    if measure.op == "count":
        return ["sum(amounts)"]
    columns = (
        ["sum(amount_minor)", "sum(amounts)"] if measure.op == "avg" else ["sum(amount_minor)"]
    )
    return columns + _currencies("currency", "amounts > 0")


def _currencies(currency: str, counts: str) -> list[str]:
    """The lowest and the highest, and whether there is an amount of none."""
    return [
        f"min({currency}) filter (where {counts})",
        f"max({currency}) filter (where {counts})",
        f"bool_or(({currency}) is null) filter (where {counts})",
    ]


def _is_counted(measure: Measure) -> bool:
    if measure.field is None:
        return True
    return measure.field.name == "payload.amount_minor" and measure.op in ("count", "sum", "avg")


def _kept_by(node: Node, starts: Sequence[int]) -> tuple[str, str, int]:
    """Table, column and length of the longest stretches, by UTC, that the question cuts nowhere."""
    edges = [edge for one in _conditions(node) if (edge := _edge(one)) is not None]
    if all(edge % DAY_US == 0 for edge in (*starts, *edges)):
        return "event_days", "day_us", DAY_US
    return "event_counts", "hour_us", HOUR_US


def _edge(node: Node) -> int | None:
    """Where a condition on occurred_at cuts; None for any other condition."""
    if not isinstance(node, Match) or node.field.name != "occurred_at":
        return None
    late = {"gte": 0, "lt": 0, "gt": 1, "lte": 1}.get(node.op)
    return node.value + late if late is not None and isinstance(node.value, int) else None


def _of_counts(node: Node, start: str) -> tuple[list[str], dict[str, object]] | None:
    """The conditions on counts; None for a question that they cannot answer. start: the column
    where their stretches begin."""
    texts: list[str] = []
    parameters: dict[str, object] = {}
    for one in _conditions(node):
        if not isinstance(one, Match) or (found := _of_count(one, start)) is None:
            return None
        column, op, value = found
        name = f"q{len(parameters)}"
        parameters[name] = value
        texts.append(compared(column, op, f"%({name})s"))
    return texts, parameters


def _conditions(node: Node) -> list[Node]:
    if isinstance(node, All):
        return [one for part in node.parts for one in _conditions(part)]
    return [node]


def _of_count(match: Match, start: str) -> tuple[str, str, object] | None:
    """A condition as (column, operator, value) of counts."""
    name, op, value = match.field.name, match.op, match.value
    if name in ("type", "source") and op in ("eq", "in", "prefix"):
        values = value if isinstance(value, tuple) else (value,)
        if name == "type" and any(map(_is_history, values)):
            return None
        return name, op, list(value) if isinstance(value, tuple) else value
    if name == "payload.currency" and op in ("eq", "in"):
        values = value if isinstance(value, tuple) else (value,)
        usable = [one for one in values if one != ""]
        return ("currency", "in", usable) if len(usable) == len(values) else None
    edge = _edge(match)
    if edge is not None and edge % HOUR_US == 0:
        return start, "gte" if op in ("gte", "gt") else "lt", edge
    return None


def _is_history(value: object) -> bool:
    return isinstance(value, str) and value.startswith("history.")
