"""What is counted and added up of the events that a question means.

An event belongs to a group by its values in the group's fields; one with several values (of a list
in its payload) to several groups; one without to the group of null. An amount is in the event's
`payload.currency`, else in the currency of its order; a sum never mixes two.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import chain, product
from math import prod
from operator import add, itemgetter
from typing import Any, Literal

from msgspec import Struct

from domain.errors import Invalid
from domain.search.calendar import Interval
from domain.search.fields import Field
from domain.search.query import Scalar
from domain.times import format_short

Operation = Literal["count", "sum", "avg", "min", "max", "p50", "p95"]
Value = int | float | str | None
MOST_GROUPS = 10_000
"""Groups that events are in."""
MOST_TOLD = 20_000
"""With the intervals of time that no event is in."""
CURRENCY = Field("currency", "event", "text")
"""Of the event's payload, else of its order; to group by, beside those of `fields.py`."""
LONGEST_CURRENCY = 200
"""Characters; what is longer is none."""
PERCENTILES: Mapping[Operation, int] = {"p50": 50, "p95": 95}


class Measure(Struct, frozen=True):
    """An operation on the values of a field. `count` without a field counts events, with one those
    that have it. Percentiles are by nearest rank: a value that is there."""

    op: Operation
    field: Field | None = None

    @property
    def money(self) -> bool:
        """Whether its values are amounts of a currency."""
        return self.op != "count" and self.field is not None and self.field.name.endswith("_minor")


class Group(Struct, frozen=True):
    """A field to group by; times by intervals of a time zone."""

    field: Field
    interval: Interval | None = None
    zone: str = "UTC"


Key = tuple[Scalar | None, ...]
"""The values of a group in its fields; of a time, when its interval begins, in microseconds."""


class Groups(Struct, frozen=True):
    """Groups with the value of each measure; rollup: whether they are of what is added
    up beforehand."""

    rows: list[tuple[Key, tuple[Value, ...]]]
    rollup: bool


def refuse_mix(place: int, *, top: bool = False) -> Invalid:
    """The error of the measure at this place, which would add up several currencies; of the one of
    a top list, which would rank amounts of several."""
    if top:
        detail = (
            "is of amounts in several currencies, which have no order: ask for one, with"
            ' {"field": "payload.currency", "eq": "EUR"} in the query'
        )
        return Invalid.field("/measure", detail)
    detail = (
        "is of amounts in several currencies: put 'currency' into group_by, or ask for one, with"
        ' {"field": "payload.currency", "eq": "EUR"} in the query'
    )
    return Invalid.field(f"/measures/{place}", detail)


def refuse_groups() -> Invalid:
    """The error of what gives more than MOST_GROUPS."""
    detail = f"gives more than {MOST_GROUPS:,} groups: group by less, or narrow the query"
    return Invalid.field("/group_by", detail)


class Seen(Struct):
    """One event. keys: its values in the field of each group; values: those of each measure's
    field, by its name; currency: of its own amounts; order_currency: of those of its order."""

    keys: Sequence[Sequence[Any]]
    values: Mapping[str, Sequence[Any]]
    currency: str | None
    order_currency: str | None


def currency_of(payload: Mapping[str, Any]) -> str | None:
    """The currency that an event itself gives its amounts: a text directly in its payload."""
    currency = payload.get("currency")
    usable = type(currency) is str and len(currency) <= LONGEST_CURRENCY
    return currency if usable else None


class Fold:
    """Groups events one by one. top: for a top list, which leaves out the group of null, and whose
    amounts are all of one currency."""

    def __init__(self, measures: Sequence[Measure], *, top: bool = False) -> None:
        self._measures = measures
        self._top = top
        self._taken: dict[tuple[Any, ...], list[_Sum]] = {}
        self._currencies: dict[tuple[Any, ...], list[set[str | None]]] = defaultdict(
            lambda: [set() for _ in measures]
        )

    def take(self, seen: Seen) -> None:
        """One more event. Raises Invalid for more than MOST_GROUPS, but for a top list."""
        lacking = [] if self._top else [(0, None)]
        keys = [_distinct(values) or lacking for values in seen.keys]
        # Of one event with several lists there may be more groups than any memory holds.
        if not self._top and max(prod(map(len, keys)), len(self._taken)) > MOST_GROUPS:
            raise refuse_groups()
        said = [_said(measure, _measured(measure, seen)) for measure in self._measures]
        for key in product(*keys):
            taken = self._taken.setdefault(key, [[] for _ in self._measures])
            for at, measure in enumerate(self._measures):
                if not said[at]:
                    continue
                _add(measure, taken[at], said[at])
                if measure.money:
                    of_order = measure.field is not None and measure.field.scope == "order"
                    currency = seen.order_currency if of_order else seen.currency
                    self._currencies[() if self._top else key][at].add(currency)

    def rows(self) -> Iterator[tuple[Key, tuple[Value, ...]]]:
        """The groups so far, in no order, each made when it is asked for. Raises Invalid at once
        for a mix of currencies, and as `take`."""
        if not self._top and len(self._taken) > MOST_GROUPS:
            raise refuse_groups()
        for mixed in self._currencies.values():
            for at, currencies in enumerate(mixed):
                if len(currencies) > 1:
                    raise refuse_mix(at, top=self._top)
        return (
            (tuple(value for _, value in key), tuple(map(_worth, self._measures, taken)))
            for key, taken in self._taken.items()
        )


def _distinct(values: Iterable[Any]) -> list[tuple[int, Any]]:
    """1 and true are two values; 1 and 1.0 are one."""
    return list(dict.fromkeys((1 if type(value) is bool else 2, value) for value in values))


def _measured(measure: Measure, seen: Seen) -> list[Any]:
    if measure.field is None:
        return [1]
    values = seen.values[measure.field.name]
    if measure.op == "count":
        return [1] if values else []
    return [value for value in values if type(value) in (int, float)]


_Sum = list[Any]
"""What becomes of a measure's values: one number, of an average two; of a percentile all of them,
a list for each event. Empty without any."""


def _said(measure: Measure, values: list[Any]) -> _Sum:
    """Of one event's values, made once for all groups that it is in."""
    if not values:
        return []
    match measure.op:
        case "count":
            return [len(values)]
        case "sum":
            return [sum(map(Decimal, values), Decimal())]
        case "avg":
            return [sum(map(Decimal, values), Decimal()), len(values)]
        case "min":
            return [min(values)]
        case "max":
            return [max(values)]
    return [values]


def _add(measure: Measure, taken: _Sum, said: _Sum) -> None:
    if not taken or measure.op in PERCENTILES:
        taken += said
    elif measure.op in ("min", "max"):
        taken[0] = (min if measure.op == "min" else max)(taken[0], said[0])
    else:
        taken[:] = map(add, taken, said)


def _worth(measure: Measure, taken: _Sum) -> Value:
    if measure.op in ("count", "sum"):
        return _number(taken[0]) if taken else 0
    if not taken:
        return None
    if measure.op == "avg":
        return _number(taken[0]) / int(taken[1])
    if measure.op in PERCENTILES:
        values = sorted(chain.from_iterable(taken))
        rank = -(-len(values) * PERCENTILES[measure.op] // 100)
        return told(measure, values[rank - 1])
    return told(measure, taken[0])


def _number(total: Decimal | int) -> int | float:
    """A sum, exact where all that is in it is whole."""
    return int(total) if total == int(total) else float(total)


def told(measure: Measure, value: Any) -> Value:
    """A value as it is answered: times as text."""
    if value is None or measure.field is None or measure.field.kind != "time":
        found: Value = value
        return found
    return format_short(value)


def nothing(measures: Sequence[Measure]) -> tuple[Value, ...]:
    """The measures of no events."""
    return tuple(_worth(measure, []) for measure in measures)


def sort_key(key: Key) -> tuple[Any, ...]:
    """Orders keys of several types: true and false, then numbers, then texts, then null."""
    return tuple(map(_place, key))


def in_order(rows: Iterable[tuple[Key, tuple[Value, ...]]]) -> list[tuple[Key, tuple[Value, ...]]]:
    """The rows by `sort_key`. Most often each column is of one type, and is in that order as it
    is."""
    found = list(rows)
    kinds = (set(map(type, column)) for column in zip(*(key for key, _ in found), strict=True))
    if all(kind in ({int}, {str}) for kind in kinds):
        found.sort(key=itemgetter(0))
    else:
        found.sort(key=lambda row: sort_key(row[0]))
    return found


def _place(value: Scalar | None) -> tuple[int, Any]:
    match value:
        case None:
            return 3, 0
        case str():
            return 2, value
        case bool():
            return 0, value
    return 1, value
