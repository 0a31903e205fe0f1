"""Bodies that ask a question: read whole, with all that is wrong told at once."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import msgspec

from domain import canonical
from domain.access.caller import Caller
from domain.access.permissions import Permission
from domain.errors import FieldError, Invalid
from domain.orders.envelope import refuse_unknown
from domain.search.fields import Field
from domain.search.narrowing import conditions
from domain.search.query import All, Node
from domain.search.reading import read_query
from domain.search.within import within, within_orders, without_acts
from interfaces.http.bodies import EVENT_LIMIT, read_json_bytes
from interfaces.http.caller import ApiRequest
from projections.search.shapes import asks_history

ANYTHING: Node = All(())
_SMALL = 2048
"""Bytes of a body that is read in no time. Larger ones take milliseconds, in which nobody else
would be served: one thread reads them, which gives way to the others after each."""
_GIVES_WAY = 0.001
_beside = ThreadPoolExecutor(1, "questions", partial(sys.setswitchinterval, _GIVES_WAY))
_T = TypeVar("_T")


class Body:
    """A decoded body. Each part is read by itself; `done` raises what is wrong with any. `node`:
    its question, where that was read with it."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self._fields = fields
        self.node: Node | None = None
        self.wrong: list[FieldError] = []

    def read(self, name: str, read: Callable[[Any, str], _T], default: _T) -> _T:
        """A part, read with its pointer; the default where it is left out, null, or wrong."""
        if self._fields.get(name) is None:
            return default
        try:
            return read(self._fields[name], f"/{name}")
        except Invalid as error:
            self.wrong += error.errors
            return default

    def require(self, name: str) -> None:
        """Note that a part is left out."""
        if self._fields.get(name) is None:
            self.wrong.append(FieldError(f"/{name}", "is required"))

    def done(self) -> None:
        """Raises Invalid where anything was wrong."""
        if self.wrong:
            raise Invalid(self.wrong)

    def without(self, *names: str) -> bytes:
        """The canonical bytes of the body without these parts: what a cursor is bound to."""
        return canonical.encode(
            {name: value for name, value in self._fields.items() if name not in names}
        )


async def read_body(request: ApiRequest, fields: Collection[str], what: str) -> Body:
    """The body. Raises Unreadable for what is no JSON, Invalid for what is no object and for a
    field that is not one of these."""
    raw = await read_json_bytes(request, EVENT_LIMIT)
    personal = request.caller.may_look_for_persons

    def read() -> Body:
        value = canonical.decode(raw)
        if type(value) is not dict:
            raise Invalid.field("", f"must be a JSON object: {what}")
        body = Body(value)
        refuse_unknown(value, fields, what, body.wrong)
        body.node = _read_node(body, personal)
        return body

    if len(raw) <= _SMALL:
        return read()
    return await asyncio.get_running_loop().run_in_executor(_beside, read)


def query_of(request: ApiRequest, body: Body) -> Node:
    """The question of the body, `query`, of what the caller may see; without one, about every such
    event. Raises as `may_ask`."""
    caller = request.caller
    node = body.node or _read_node(body, caller.may_look_for_persons)
    of_orders = may_ask(caller, (one.field for one in conditions(node)))
    return seen(caller, node, of_orders=of_orders)


def seen(caller: Caller, node: Node, *, of_orders: bool) -> Node:
    """The question, about what the caller may see. of_orders: it tells of orders as they are.
    Raises as `Caller.reach_of_orders`."""
    if of_orders:
        node = within_orders(node, caller.reach_of_orders(Permission.ORDERS_READ))
    if not caller.may(Permission.AUDIT_READ) and asks_history(node):
        node = without_acts(node)
    return within(node, caller.reach(Permission.EVENTS_READ))


def _read_node(body: Body, personal: bool) -> Node:
    return body.read(
        "query", lambda value, pointer: read_query(value, pointer, personal=personal), ANYTHING
    )


def may_ask(caller: Caller, fields: Iterable[Field]) -> bool:
    """Whether these are fields of orders: whoever asks by such learns of orders as they are now,
    from whichever events are found. Raises Forbidden for who may not read orders."""
    of_orders = any(field.scope == "order" for field in fields)
    if of_orders:
        caller.require(Permission.ORDERS_READ)
    return of_orders


def as_declared(kind: Any, allowed: str) -> Callable[[Any, str], Any]:
    """Reads a value of a type, as msgspec declares it. allowed: what is told of another."""

    def read(value: Any, pointer: str) -> Any:
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError:
            raise Invalid.field(pointer, f"must be {allowed}") from None

    return read
