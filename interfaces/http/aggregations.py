"""Section 6: counting, adding up and ranking events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Literal

import msgspec
from litestar.types import ASGIApp
from msgspec import Meta, Struct

from application.search.ports import Asked
from domain.access.permissions import Permission
from domain.errors import Invalid
from domain.pointers import child
from domain.search.aggregation import Group, Groups, Measure, Operation, Value
from domain.search.calendar import Interval
from domain.search.grouping import (
    COUNT,
    MOST_FIELDS,
    MOST_MEASURES,
    read_group_field,
    read_groups,
    read_measure,
    read_measures,
)
from domain.search.query import Node
from domain.times import format_short
from interfaces.http.answers import READ_HEADERS, json_answer
from interfaces.http.asked import as_declared, may_ask, query_of, read_body, seen
from interfaces.http.caller import ApiRequest
from interfaces.http.endpoint import MIN_SEQUENCE, Content, Reply, endpoint, problems
from interfaces.http.schemas import Query

_MOST_K = 100
K = Annotated[int, Meta(ge=1, le=_MOST_K)]


class MeasureIn(Struct, frozen=True, forbid_unknown_fields=True):
    """An operation; all but `count` need a field of numbers."""

    op: Operation
    field: str | None = None


class ByTime(Struct, frozen=True, forbid_unknown_fields=True):
    """Intervals of a time zone of the IANA database; weeks begin on Monday."""

    field: Literal["occurred_at"]
    interval: Interval
    time_zone: str = "UTC"


class AggregationIn(Struct, frozen=True, forbid_unknown_fields=True):
    """What is counted of the events of a question; docs/search.md describes `query`. One count of
    all events where nothing else is said."""

    measures: Annotated[list[MeasureIn], Meta(min_length=1, max_length=MOST_MEASURES)] | None = None
    group_by: Annotated[list[str | ByTime], Meta(max_length=MOST_FIELDS)] | None = None
    query: Query | None = None


class TopIn(Struct, frozen=True, forbid_unknown_fields=True):
    """Which values of a field have the highest measure (a count, where nothing else is said)."""

    field: str
    k: K = 10
    measure: MeasureIn | None = None
    query: Query | None = None


class GroupItem(Struct, frozen=True):
    """A group: its value in each field, null for none; the beginning of an interval of time. And
    the value of each measure, in their order."""

    key: Mapping[str, Value | bool]
    values: Sequence[Value]


class AggregationOut(Struct, frozen=True):
    """The groups; `from`: whether what is added up beforehand told them, or the rows of events."""

    groups: list[GroupItem]
    from_: Literal["rollup", "rows"] = msgspec.field(name="from")


_AGGREGATION: dict[str, Any] = {
    "measures": [{"op": "count"}, {"op": "sum", "field": "payload.amount_minor"}],
    "group_by": ["currency", {"field": "occurred_at", "interval": "day", "time_zone": "UTC"}],
    "query": {"field": "type", "eq": "order.payment.succeeded"},
}
_TOP: dict[str, Any] = {
    "field": "payload.failure_code",
    "k": 10,
    "measure": {"op": "count"},
    "query": {"field": "type", "eq": "order.payment.failed"},
}


@endpoint(
    "POST",
    "/aggregations",
    permission=Permission.EVENTS_READ,
    summary="Count and add up events",
    tag="Search",
    headers=(MIN_SEQUENCE,),
    content=(Content(AggregationIn, example=_AGGREGATION),),
    replies={200: Reply("The groups, by key.", AggregationOut), **problems(413, 415)},
    costly=True,
)
async def aggregate(request: ApiRequest) -> ASGIApp:
    """At most 10,000 groups. Intervals of time without events are told as well. Amounts of several
    currencies in one sum are 422, which says how to ask. The service's own events count where the
    query names their type."""
    body = await read_body(request, AggregationIn.__struct_encode_fields__, "an aggregation")
    node = query_of(request, body)
    measures = body.read("measures", read_measures, [COUNT])
    groups = body.read("group_by", read_groups, list[Group]())
    node = _may_ask(request, node, groups, measures)
    body.done()
    aggregated, caller = request.services.aggregate, request.caller
    limited = not caller.reach(Permission.EVENTS_READ).is_of_all_events
    found = await aggregated(caller.tenant_id, node, Asked(measures, groups), limited=limited)
    return _answer(groups, found)


@endpoint(
    "POST",
    "/topk",
    permission=Permission.EVENTS_READ,
    summary="The values with the highest measure",
    tag="Search",
    headers=(MIN_SEQUENCE,),
    content=(Content(TopIn, example=_TOP),),
    replies={200: Reply("The highest first.", AggregationOut), **problems(413, 415)},
    costly=True,
)
async def top(request: ApiRequest) -> ASGIApp:
    """Of any field: the actors with the most changes, the most frequent failure codes, the
    customers with the highest refunds. Of equal ones the lower value comes first."""
    body = await read_body(request, TopIn.__struct_encode_fields__, "a top list")
    body.require("field")
    node = query_of(request, body)
    group = body.read("field", _field, None)
    allowed = f"a whole number from 1 to {_MOST_K}"
    count = body.read("k", as_declared(K, allowed), 10)
    measure = body.read("measure", _number, COUNT)
    node = _may_ask(request, node, [group] if group else [], [measure])
    body.done()
    assert group is not None, "it is required"
    aggregated = request.services.aggregate
    found = await aggregated(request.caller.tenant_id, node, Asked([measure], [group], count))
    return _answer([group], found)


def _may_ask(
    request: ApiRequest, node: Node, groups: Sequence[Group], measures: Sequence[Measure]
) -> Node:
    """The question, of what the caller may see of these. Raises as `may_ask`."""
    fields = [group.field for group in groups]
    fields += [one.field for one in measures if one.field is not None]
    return seen(request.caller, node, of_orders=may_ask(request.caller, fields))


def _field(value: Any, pointer: str) -> Group | None:
    return read_group_field(value, pointer)


def _number(value: Any, pointer: str) -> Measure:
    measure = read_measure(value, pointer)
    if measure.field is not None and measure.field.kind == "time":
        raise Invalid.field(child(pointer, "field"), "must be a field of numbers")
    return measure


def _answer(groups: list[Group], found: Groups) -> ASGIApp:
    names = [group.field.name for group in groups]
    times = [name for group, name in zip(groups, names, strict=True) if group.interval]
    shown = cache(format_short)  # most instants are in many groups
    items = []
    for values, measured in found.rows:
        key = dict(zip(names, values, strict=True))
        for name in times:
            key[name] = shown(key[name])
        items.append(GroupItem(key, measured))
    answer = AggregationOut(items, "rollup" if found.rollup else "rows")
    return json_answer(msgspec.json.encode(answer), headers=READ_HEADERS)


HANDLERS = (aggregate, top)
