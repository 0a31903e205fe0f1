"""From a question to a condition on `order_events e`, and to what the condition leaves open.

Values are bound, texts are constant; the tenant's condition is put first by who builds the
statement (`projections.orders.filters.where`). The condition is true of every event that the
question means. Where it is true of others too, `decide` tells them apart by the event's body:

    all(words, payload.items.qty > 3)     the words and "has a qty" in SQL; the comparison is left
    any(words, payload.items.qty > 3)     the same; what SQL says of the words is asked for as well

Null is not true: a condition is turned round with `is not true`, never with `not`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from application.search.ports import Decide
from domain.search.hashing import TermHash
from domain.search.matching import body_matcher
from domain.search.query import All, Any, Ident, Match, Node, Not, Scalar, Words
from projections.orders.filters import (
    EVENT_COLUMNS,
    OF_TENANT,
    ORDER_COLUMNS,
    absent,
    compared,
    present,
)
from projections.search.shapes import ORDERED, is_range_of_amounts, is_termed

Found = Mapping[str, Sequence[str]]
"""Of each part of an identifier that is asked for, the identifiers that have it."""

_TEXTS = frozenset({"type", "source", "order_id", "actor_id"})
_FEW_TERMS = 32


class Condition(Struct):
    """sql: about `order_events e`, without the tenant's; "true" for any event.

    known: further conditions, whose truth `decide` is given for each event, in this order; decide:
    None where the sql says all. scores: what relevance adds up, one for each word and identifier.
    within: those of its conditions that bound occurred_at; of_order: about `orders`, what holds of
    every order that has such an event. termed: the index of terms lists the
    events of which it can be true. wide: by so many terms that each event takes long to look at.
    common: more are listed than are collected, as was found out.
    """

    sql: str
    parameters: Mapping[str, object]
    known: tuple[str, ...] = ()
    decide: Decide | None = None
    scores: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
    of_order: tuple[str, ...] = ()
    termed: bool = False
    wide: bool = False
    common: bool = False


def compile_query(node: Node, tenant_id: str, hashes: TermHash, found: Found) -> Condition:
    """The condition of a tenant's question."""
    compiler = _Compiler(tenant_id, hashes, found)
    part = compiler.part(node)
    decide = compiler.left(node)
    scores = tuple(compiler.scores(node))
    return Condition(
        part.sql or "true",
        compiler.parameters,
        tuple(compiler.known),
        decide,
        scores,
        tuple(compiler.within(node)),
        tuple(compiler.of_order(node)),
        is_termed(node),
        compiler.wide,
    )


class _Part(Struct, frozen=True):
    """sql: None for "any event"; exact: it is true of no event but those that are meant."""

    sql: str | None
    exact: bool = True


_ANYTHING = _Part(None, exact=False)


class _Compiler:
    def __init__(self, tenant_id: str, hashes: TermHash, found: Found) -> None:
        self.parameters: dict[str, object] = {}
        self.known: list[str] = []
        self.wide = False
        self._parts: dict[tuple[int, bool], _Part] = {}
        self._tenant = tenant_id
        self._hashes = hashes
        self._found = found

    def part(self, node: Node, *, negated: bool = False) -> _Part:
        """The condition of a node, or of its opposite. What is turned round must be exact: a
        condition true of too many events is, turned round, true of too few."""
        key = id(node), negated
        if key not in self._parts:
            self._parts[key] = self._part(node, negated)
        return self._parts[key]

    def _part(self, node: Node, negated: bool) -> _Part:
        match node:
            case All(parts=parts):
                return self._joined(parts, negated, every=not negated)
            case Any(parts=parts):
                return self._joined(parts, negated, every=negated)
            case Not(part=inner):
                return self.part(inner, negated=not negated)
            case _:
                leaf = self._leaf(node)
        if not negated:
            return leaf
        return _Part(f"({leaf.sql}) is not true") if leaf.exact else _ANYTHING

    def left(self, node: Node) -> Decide | None:
        """What the condition of a node leaves to decide."""
        if self.part(node).exact:
            return None
        if isinstance(node, All):
            open_ = [decide for one in node.parts if (decide := self.left(one)) is not None]
            return lambda said, body: all(decide(said, body) for decide in open_)
        return self._whole(node)

    def scores(self, node: Node) -> Iterator[str]:
        """A condition for each word and identifier that is asked for, not excluded."""
        match node:
            case Words(words=words):
                for one in words:
                    yield self._has([self._hashes.word(self._tenant, one)], "@>")
            case Ident():
                yield self._ident(node)
            case All(parts=parts) | Any(parts=parts):
                for part in parts:
                    yield from self.scores(part)

    def within(self, node: Node) -> Iterator[str]:
        """The conditions on occurred_at that hold beside all others."""
        match node:
            case Match(field=field) if field.name == "occurred_at":
                yield self.part(node).sql or "true"
            case All(parts=parts):
                for part in parts:
                    yield from self.within(part)

    def of_order(self, node: Node) -> Iterator[str]:
        """What the conditions that hold beside all others say of the order of an event."""
        match node:
            case All(parts=parts):
                for part in parts:
                    yield from self.of_order(part)
            case Match(field=field) if field.scope == "order":
                yield self._compared(ORDER_COLUMNS[field.name], node)
            case Match(field=field) if field.name == "order_id":
                yield self._compared("order_id", node)
            case Match(field=field, op=op, value=value) if field.name == "occurred_at":
                if op in ("gt", "gte", "eq"):
                    yield compared("last_us", "gte", self._bind(value, ""))
                if op in ("lt", "lte", "eq"):
                    yield compared("first_us", "lte", self._bind(value, ""))

    def _joined(self, nodes: Sequence[Node], negated: bool, *, every: bool) -> _Part:
        if every and not negated:
            nodes, about_order = _apart(nodes)
        else:
            about_order = []
        parts = [self.part(one, negated=negated) for one in nodes]
        if about_order:
            parts.append(_Part(self._of_order(about_order)))
        exact = all(part.exact for part in parts)
        texts = [part.sql for part in parts if part.sql is not None]
        if every:
            return _Part(f"({' and '.join(texts)})" if texts else None, exact)
        if len(texts) < len(parts):
            return _Part(None, exact)
        return _Part(f"({' or '.join(texts)})" if texts else "false", exact)

    def _whole(self, node: Node) -> Decide:
        """A function for a node: what SQL can say is asked of it, the rest of the body."""
        part = self.part(node)
        if part.exact:
            self.known.append(part.sql or "true")
            place = len(self.known) - 1
            return lambda said, _: said[place]
        match node:
            case All(parts=parts):
                each = [self._whole(one) for one in parts]
                return lambda said, body: all(decide(said, body) for decide in each)
            case Any(parts=parts):
                each = [self._whole(one) for one in parts]
                return lambda said, body: any(decide(said, body) for decide in each)
            case Not(part=inner):
                decide = self._whole(inner)
                return lambda said, body: not decide(said, body)
            case _:
                assert isinstance(node, Match), "words and identifiers are exact"
                test = body_matcher(node)
                return lambda _, body: test(body)

    def _leaf(self, node: Words | Ident | Match) -> _Part:
        match node:
            case Words(words=words):
                return _Part(
                    self._has([self._hashes.word(self._tenant, one) for one in words], "@>")
                )
            case Ident():
                return _Part(self._ident(node))
            case Match(field=field, op="exists", value=False) if field.scope == "order":
                return _Part(f"not {_in_order(present(ORDER_COLUMNS[field.name]))}")
            case Match(field=field) if field.scope == "order":
                return _Part(self._of_order([node]))
            case Match(field=field) if field.scope == "event" or is_range_of_amounts(node):
                return _Part(self._compared(EVENT_COLUMNS[field.name], node))
        return self._of_payload(node)

    def _of_payload(self, node: Match) -> _Part:
        field = node.field
        if not field.indexed:
            return _ANYTHING
        if node.op in ("eq", "in"):
            pairs = [self._hashes.pair(self._tenant, field, one) for one in _values(node)]
            return _Part(self._has(pairs, "&&"))
        there = self._has([self._hashes.exists(self._tenant, field)], "@>")
        if node.op == "exists":
            return _Part(there if node.value else f"({there}) is not true")
        return _Part(there, exact=False)

    def _ident(self, node: Ident) -> str:
        values = [node.value] if node.exact else self._found[node.value]
        terms = [self._hashes.ident(self._tenant, value) for value in values]
        if node.email is not None:
            terms.append(self._hashes.email(self._tenant, node.email))
        if node.phone is not None:
            terms.append(self._hashes.phone(self._tenant, node.phone))
        return self._has(terms, "&&") if terms else "false"

    def _has(self, terms: Sequence[int], operator: str) -> str:
        self.wide = self.wide or len(terms) > _FEW_TERMS
        return f"e.terms {operator} {self._bind(list(terms), '::bigint[]')}"

    def _of_order(self, nodes: Sequence[Match]) -> str:
        """One look at the order for all that is asked of it. An event of no order has none of its
        fields."""
        asked = [self._compared(ORDER_COLUMNS[one.field.name], one) for one in nodes]
        return _in_order(" and ".join(asked))

    def _compared(self, column: str, node: Match) -> str:
        if node.op == "exists":
            return present(column) if node.value else absent(column)
        if node.op == "in":
            kind = "::text[]" if node.field.kind == "text" else "::bigint[]"
            return compared(column, "in", self._bind(list(_values(node)), kind))
        by_code_point = node.op in ORDERED and node.field.kind == "text"
        value = self._bind(node.value, ' collate "C"' if by_code_point else "")
        return compared(column, node.op, value)

    def _bind(self, value: object, suffix: str) -> str:
        name = f"q{len(self.parameters)}"
        self.parameters[name] = value
        return f"%({name})s{suffix}"


def _in_order(condition: str) -> str:
    return (
        f"exists (select from orders o"
        f" where o.{OF_TENANT} and o.order_id = e.order_id and {condition})"
    )


def _apart(nodes: Sequence[Node]) -> tuple[list[Node], list[Match]]:
    """What is asked beside the order, and of the order."""
    about_order = [
        one
        for one in nodes
        if isinstance(one, Match)
        and one.field.scope == "order"
        and not (one.op == "exists" and one.value is False)
    ]
    return [one for one in nodes if one not in about_order], about_order


def _values(node: Match) -> Sequence[Scalar]:
    return node.value if isinstance(node.value, tuple) else (node.value,)
