"""A slow second opinion on what a question about events means.

Nothing here comes from domain/search or the read model: JSON queries are held against the events as
they were sent, one after the other. docs/search.md says what matches what.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from unicodedata import normalize

Json = Any
Meant = Callable[["Event"], bool]

_IDENTS = ("number", "tracking_number", "sku", "rma")
_TIMES = (
    "occurred_at",
    "order.created_at",
    "order.last_event_at",
    "payload.promised_delivery_at",
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Sent(NamedTuple):
    """What a producer said. A personal value reads {"_sd": a name for it}."""

    type: str
    source: str
    order_id: str | None
    occurred_us: int
    payload: dict[str, Json]
    metadata: dict[str, Json]


class Event:
    """An event of one tenant with what it says, by the reference's own reading.

    said: path -> the values there, lists being gone through. personal: the personal values of its
    payload. order: its order as it is now, once all of its events are known.
    """

    def __init__(self, sequence: int, sent: Sent, personal: Mapping[str, str]) -> None:
        self.sequence = sequence
        self.type, self.source, self.order_id, self.occurred_us = sent[:4]
        self.actor_id = sent.metadata.get("actor_id")
        self.words = {*_words(sent.type), *_words(sent.source)}
        self.idents = set() if sent.order_id is None else {_folded(sent.order_id)}
        self.personal: set[str] = set()
        self.emails: set[str] = set()
        self.phones: set[str] = set()
        self.order: dict[str, Json] = {}
        self.said: dict[str, list[Json]] = {}
        for path, value in _leaves(sent.payload, ("payload",)):
            if path[-1] == "_sd":
                self._disclose(path[-2], personal[value])
            elif value is not None:
                self.said.setdefault(".".join(path), []).append(value)
                self._read(path, value)
        for path, value in _leaves(sent.metadata, ("metadata",)):
            if path[-1] != "_sd" and value is not None:
                self.said.setdefault(".".join(path), []).append(value)

    def _disclose(self, name: str, value: str) -> None:
        self.personal.add(value)
        if "@" in value:
            self.emails.add(_folded(value))
        elif name == "phone":
            self.phones.add(_digits(value))

    def _read(self, path: tuple[str, ...], value: Json) -> None:
        name = path[-1]
        if name in _IDENTS or name.endswith("_id") or path[-2:] == ("customer", "id"):
            if type(value) in (str, int):
                self.idents.add(_folded(str(value)))
        elif isinstance(value, str) and not name.endswith("_at"):
            self.words |= set(_words(value))

    def values(self, name: str) -> Sequence[Json]:
        """What a field of a query has here."""
        scope, _, rest = name.partition(".")
        if scope in ("payload", "metadata"):
            return self.said.get(name, ())
        if scope == "order":
            value = self.order.get(rest)
            return value if isinstance(value, list) else () if value is None else (value,)
        own = self.occurred_us if name == "occurred_at" else getattr(self, name)
        return () if own is None else (own,)

    def one(self, name: str) -> Json:
        """The first of a field's values; None without any."""
        values = self.values(name)
        return values[0] if values else None

    @property
    def currency(self) -> str | None:
        """Of its amount: its own, else its order's."""
        found: str | None = self.one("payload.currency") or self.one("order.currency")
        return found


def history(sent: Iterable[Sent], personal: Mapping[str, str]) -> list[Event]:
    """A tenant's events, each with its order as all of them make it; from 1 in the order given."""
    events = [Event(place, one, personal) for place, one in enumerate(sent, 1)]
    orders: dict[str, list[Event]] = {}
    for event in events:
        if event.order_id is not None:
            orders.setdefault(event.order_id, []).append(event)
    for of_order in orders.values():
        order = _order(of_order)
        for event in of_order:
            event.order = order
    return events


_STATUSES = ("confirmed", "shipped", "delivered", "cancelled", "closed")
_SET = ("number", "channel", "currency", "total_minor")


def _order(events: Sequence[Event]) -> dict[str, Json]:
    """The order as it is now: the fold of the vocabulary, of the types that the inputs have, none
    of whose corrections changes anything."""
    by_time = sorted(events, key=lambda event: (event.occurred_us, event.sequence))
    order: dict[str, Json] = {"on_hold": False, "created_at": events[0].occurred_us}
    order["last_event_at"] = by_time[-1].occurred_us
    for event in by_time:
        kind = event.type.removeprefix("order.")
        if kind == "created":
            given = {name: event.one(f"payload.{name}") for name in _SET}
            given["customer_id"] = event.one("payload.customer.id")
            given["sku"] = sorted(set(event.values("payload.items.sku"))) or None
            order |= {name: value for name, value in given.items() if value is not None}
            order["status"] = event.one("payload.status") or "pending"
        elif kind in _STATUSES or kind == "status.changed":
            order["status"] = event.one("payload.to") or kind
        elif kind in ("hold.placed", "hold.released"):
            order["on_hold"] = kind == "hold.placed"
        elif kind in ("item.price_changed", "item.quantity_changed"):
            order["total_minor"] = event.one("payload.total_after_minor")
    return order


def is_meant(query: dict[str, Json], event: Event) -> bool:
    """Whether the query is true of the event."""
    return meaning(query)(event)


def meaning(query: dict[str, Json]) -> Meant:
    """Of which events the query is true."""
    if "all" in query:
        every = [meaning(part) for part in query["all"]]
        return lambda event: all(part(event) for part in every)
    if "any" in query:
        some = [meaning(part) for part in query["any"]]
        return lambda event: any(part(event) for part in some)
    if "not" in query:
        part = meaning(query["not"])
        return lambda event: not part(event)
    if "text" in query:
        words = set(_words(query["text"]))
        return lambda event: words <= event.words
    return _having(query) if "ident" in query else _holding(query)


def scoring(query: dict[str, Json]) -> list[Meant]:
    """What relevance counts: each word and each identifier that is asked for, not excluded."""
    if "text" in query:
        return [meaning({"text": word}) for word in dict.fromkeys(_words(query["text"]))]
    if "ident" in query:
        return [meaning(query)]
    parts = [*query.get("all", []), *query.get("any", [])]
    return [one for part in parts for one in scoring(part)]


def parts_of_idents(query: dict[str, Json]) -> Iterator[str]:
    """The parts of identifiers that are asked for, as they are compared."""
    if "ident" in query and not query.get("exact"):
        yield _folded(query["ident"])
    inner = [query["not"]] if "not" in query else []
    for part in [*query.get("all", []), *query.get("any", []), *inner]:
        yield from parts_of_idents(part)


def _having(query: dict[str, Json]) -> Meant:
    wanted = _folded(query["ident"])
    is_number = bool(re.fullmatch(r"[\W\d_]+", wanted)) and len(_digits(wanted)) >= 6
    number = _digits(wanted) if is_number else None

    def has(event: Event) -> bool:
        if wanted in event.emails or number in event.phones:
            return True
        if query.get("exact"):
            return wanted in event.idents
        return any(wanted in one for one in event.idents)

    return has


def _holding(query: dict[str, Json]) -> Meant:
    name = query["field"]
    tests = [_test(op, wanted, name) for op, wanted in query.items() if op != "field"]

    def holds(event: Event) -> bool:
        values = event.values(name)
        return all(test(values) for test in tests)

    return holds


def _test(op: str, wanted: Json, name: str) -> Callable[[Sequence[Json]], bool]:
    if op == "exists":
        return lambda values: bool(values) == bool(wanted)
    if name in _TIMES:
        wanted = [us(one) for one in wanted] if op == "in" else us(wanted)
        return lambda values: any(_is_one(op, wanted, us(value)) for value in values)
    return lambda values: any(_is_one(op, wanted, value) for value in values)


def _is_one(op: str, wanted: Json, value: Json) -> bool:
    if op == "in":
        return any(_equal(value, one) for one in wanted)
    return _compared(op, value, wanted)


def _equal(value: Json, wanted: Json) -> bool:
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    return isinstance(value, str) == isinstance(wanted, str) and value == wanted


def _compared(op: str, value: Json, wanted: Json) -> bool:
    if op == "eq":
        return _equal(value, wanted)
    if isinstance(value, bool) or isinstance(value, str) != isinstance(wanted, str):
        return False
    if op == "prefix":
        return isinstance(value, str) and value[: len(wanted)] == wanted
    if op in ("gt", "gte"):
        return bool(value > wanted or (op == "gte" and value == wanted))
    return bool(value < wanted or (op == "lte" and value == wanted))


def us(moment: str | int) -> int:
    """Microseconds since 1970 of an RFC 3339 time."""
    if isinstance(moment, int):
        return moment
    return (datetime.fromisoformat(moment) - _EPOCH) // timedelta(microseconds=1)


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[\W_]+", _folded(text)) if word]


def _folded(text: str) -> str:
    return normalize("NFKC", normalize("NFKC", text).casefold()).strip()


def _digits(text: str) -> str:
    return re.sub("[^0-9]", "", text).removeprefix("00")


def _leaves(value: Json, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Json]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, (*path, name))
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, path)
    else:
        yield path, value
