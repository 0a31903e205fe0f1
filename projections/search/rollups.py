"""The SQL texts of aggregations by what is added up already: by hour and by day, and by the values
of some fields.

They give for each group its key, then what each measure is made of (`Made`), then whether the rows
of events have to be asked after all: of an amount without a currency of its own that of its order
counts, which the counts do not know; nor do they know each value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from application.search.ports import Asked
from domain.search.aggregation import CURRENCY, Measure
from domain.search.calendar import DAY_US, HOUR_US
from domain.search.counted import COUNTED
from domain.search.query import All, Match, Node
from projections.orders.filters import compared, where
from projections.search.grouping import BUCKET, Made, currencies

Rollup = tuple[str, dict[str, object], list[Made]]
"""A statement, its values, and what its columns are."""

OTHER_CURRENCIES = f"""
select 1 from event_values {where(["field = 'payload.currency'", "kind = 'other'"])} limit 1
"""
"""Whether an event has a list of currencies: one of them may be the one that is asked for, and the
counts do not know it."""

_NO_HISTORY = "not starts_with(type, 'history.')"
_COLUMNS: Mapping[str, str] = {"type": "type", "source": "source", "currency": "currency"}


def rollup(node: Node, asked: Asked, starts: Sequence[int]) -> Rollup | None:
    """The counts that tell it; None where none can. starts: when intervals of time begin."""
    return _by_counts(node, asked, starts) or _by_values(node, asked, starts)


def asks_for_currency(node: Node) -> bool:
    """Whether a question that counts can tell is about the currency in the payload."""
    return any(isinstance(one, Match) and bool(one.field.path) for one in _conditions(node))


def _by_counts(node: Node, asked: Asked, starts: Sequence[int]) -> Rollup | None:
    """By the counts of days or hours."""
    table, column, length = _kept_by(node, starts)
    conditions = _of_counts(node, column)
    measures, groups = asked.measures, asked.groups
    fits = (
        conditions is not None
        and all(map(_is_counted, measures))
        and all(group.interval or group.field.name in _COLUMNS for group in groups)
        and all(start % length == 0 for start in starts)
        and (asked.top is None or measures[0].op == "count")
    )
    if not fits or conditions is None:
        return None
    texts, parameters = conditions
    made = [Made(tuple(_added(measure)), measure) for measure in measures]
    keys = [
        BUCKET.format(column=column) if group.interval else _COLUMNS[group.field.name]
        for group in groups
    ]
    lacking = ["events" if group.field is CURRENCY else "0" for group in groups]
    lacking += ["amounts" for measure in measures if measure.field is not None]
    columns = [column for one in made for column in one.columns]
    columns.append(_any(f"currency = '' and ({' + '.join([*lacking, '0'])}) > 0"))
    text = _grouped(keys, columns, table, [*texts, _NO_HISTORY], top=asked.top is not None)
    return text, parameters, made


def _by_values(node: Node, asked: Asked, starts: Sequence[int]) -> Rollup | None:
    """By the counts of values of a field by day."""
    fields = [group.field for group in asked.groups if not group.interval]
    conditions = _of_values(node, fields[0].name) if len(fields) == 1 else None
    fits = (
        conditions is not None
        and fields[0].name in COUNTED
        and all(measure.field is None for measure in asked.measures)
        and all(start % DAY_US == 0 for start in starts)
    )
    if not fits or conditions is None:
        return None
    texts, parameters = conditions
    value = "case kind when 'text' then value end"
    keys = [BUCKET.format(column="day_us") if group.interval else value for group in asked.groups]
    columns = ["sum(events)::bigint" for _ in asked.measures]
    columns.append(_any("kind = 'other'"))
    texts = ["field = %(field)s", *texts]
    if asked.top is not None:  # groups of null are left out
        texts.append("kind <> 'none'")
    text = _grouped(keys, columns, "event_values", texts, top=asked.top is not None)
    made = [Made(("events",), measure) for measure in asked.measures]
    return text, {**parameters, "field": fields[0].name}, made


def _grouped(
    keys: Sequence[str], columns: Sequence[str], table: str, conditions: Sequence[str], *, top: bool
) -> str:
    """top: the highest by the first measure; of equal ones the lower text, by code point."""
    text = f"select {', '.join([*keys, *columns])} from {table} {where(conditions)}"
    if keys:
        text += f" group by {', '.join(str(at + 1) for at in range(len(keys)))}"
    if top:
        text += f' order by 2 desc, {keys[0]} collate "C"'
    return f"{text} limit %(limit)s"


def _any(condition: str) -> str:
    """Whether it is true of any row, also of one in a group that the limit leaves out."""
    return f"coalesce(bool_or(bool_or({condition})) over (), false)"


def _added(measure: Measure) -> list[str]:
    if measure.field is None:
        return ["sum(events)::bigint"]
    amounts = "sum(amounts)::bigint"
    if measure.op == "count":
        return [amounts]
    columns = ["sum(amount_minor)", amounts] if measure.op == "avg" else ["sum(amount_minor)"]
    return columns + currencies("currency", "amounts > 0")


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


def _of_values(node: Node, field: str) -> tuple[list[str], dict[str, object]] | None:
    """The conditions on counts of the values of a field; None for a question they cannot answer."""
    texts: list[str] = []
    parameters: dict[str, object] = {}
    for one in _conditions(node):
        if not isinstance(one, Match):
            return None
        edge = _edge(one)
        if edge is not None and edge % DAY_US == 0:
            name = f"q{len(parameters)}"
            parameters[name] = edge
            op = "gte" if one.op in ("gte", "gt") else "lt"
            texts.append(compared("day_us", op, f"%({name})s"))
        elif (one.field.name, one.op, one.value) == (field, "exists", True):
            texts.append("kind <> 'none'")
        else:
            return None
    return texts, parameters
