"""Bodies that must be refused: what is sent, the status, and what the answer points at.

A row is (name, body, status, pointer). A body that is a dict is a change of a good one, in which
None takes a field away and NULL sends null; bytes are sent as they are. The pointer None stands for
none: what cannot be read has no fields. The tenant holds: ord_1 with evt_0 and its correction
evt_remark, ord_2 with evt_2, and the snapshot snap_0 of ord_1.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

CARD = "4111111111111111"
MAIL = "ann@example.org"


class Null:
    """Sent as null."""


NULL = Null()


class Bad(NamedTuple):
    name: str
    body: Any
    status: int
    pointer: str | None


GOOD_EVENT: dict[str, Any] = {
    "event_id": "evt_new",
    "order_id": "ord_1",
    "occurred_at": "2025-01-01T10:00:00Z",
    "source": "shop",
    "type": "order.note.added",
    "schema_version": "v1",
    "payload": {},
}
GOOD_CORRECTION: dict[str, Any] = {
    "event_id": "evt_new",
    "correction_of": "evt_0",
    "order_id": "ord_1",
    "occurred_at": "2025-01-01T10:00:00Z",
    "payload": {"correction": "typed wrong"},
}
GOOD_SNAPSHOT: dict[str, Any] = {
    "snapshot_id": "snap_new",
    "captured_at": "2025-01-01T10:00:00Z",
    "source": "shop",
    "state": {"status": "paid"},
}
GOOD_COMPUTE: dict[str, Any] = {"order_id": "ord_1"}


def encoded(good: dict[str, Any], body: Any) -> bytes:
    """The bytes of a row's body."""
    if isinstance(body, bytes):
        return body
    if not isinstance(body, dict):
        return json.dumps(body).encode()
    whole = {name: value for name, value in {**good, **body}.items() if value is not None}
    return json.dumps(
        {name: None if value is NULL else value for name, value in whole.items()}
    ).encode()


def event_with(payload: bytes) -> bytes:
    """A good event whose payload is spelt so."""
    return json.dumps(GOOD_EVENT).encode().replace(b'"payload": {}', b'"payload": ' + payload)


def nested(depth: int) -> bytes:
    """A list inside an object inside a list, `depth` levels."""
    return b"[" * depth + b"]" * depth


TEXT = json.dumps(GOOD_EVENT)

UNREADABLE: list[Bad] = [
    Bad(name, body, 400, None)
    for name, body in [
        ("empty", b""),
        ("blank", b" \r\n\t"),
        ("a byte order mark", b"\xef\xbb\xbf" + TEXT.encode()),
        ("UTF-16", TEXT.encode("utf-16")),
        ("UTF-16 without a mark", TEXT.encode("utf-16-le")),
        ("UTF-32", TEXT.encode("utf-32")),
        ("Latin-1", event_with('{"city": "Köln"}'.encode("latin-1"))),
        ("an overlong encoding", event_with(b'{"a": "\xc0\xaf"}')),
        ("a surrogate in UTF-8", event_with(b'{"a": "\xed\xa0\x80"}')),
        ("a cut character", event_with(b'{"a": "\xe2\x82"}')),
        ("truncated", TEXT[:-1].encode()),
        ("truncated in a string", TEXT[:25].encode()),
        ("trailing garbage", TEXT.encode() + b"x"),
        ("two values", TEXT.encode() * 2),
        ("a trailing NUL", TEXT.encode() + b"\0"),
        ("single quotes", TEXT.replace('"', "'").encode()),
        ("a trailing comma", event_with(b'{"a": 1,}')),
        ("a comment", b"/* x */" + TEXT.encode()),
        ("an unquoted key", event_with(b"{a: 1}")),
        ("a raw newline in a string", event_with(b'{"a": "x\ny"}')),
        ("an unknown escape", event_with(b'{"a": "\\x41"}')),
        ("NaN", event_with(b'{"a": NaN}')),
        ("Infinity", event_with(b'{"a": Infinity}')),
        ("-Infinity", event_with(b'{"a": [-Infinity]}')),
        ("None", event_with(b'{"a": None}')),
        ("a leading zero", event_with(b'{"a": 01}')),
        ("a plus sign", event_with(b'{"a": +1}')),
        ("hexadecimal", event_with(b'{"a": 0x10}')),
        ("a bare fraction", event_with(b'{"a": .5}')),
        ("1e400", event_with(b'{"a": 1e400}')),
        ("-1e400 in a list", event_with(b'{"a": [[-1e400]]}')),
        ("2^53", event_with(b'{"a": 9007199254740992}')),
        ("-2^53", event_with(b'{"a": {"b": -9007199254740992}}')),
        ("2^53 as a float", event_with(b'{"a": 9007199254740992.0}')),
        ("2^64", event_with(b'{"a": 18446744073709551616}')),
        ("a thousand digits", event_with(b'{"a": ' + b"9" * 1000 + b"}")),
        ("a lone high surrogate", event_with(b'{"a": "\\ud800"}')),
        ("a lone low surrogate", event_with(b'{"a": "x\\udc00y"}')),
        ("surrogates the wrong way round", event_with(b'{"a": "\\udc00\\ud800"}')),
        ("a lone surrogate in a key", event_with(b'{"\\ud800": 1}')),
        ("a key twice", b'{"event_id": "a",' + TEXT[1:].encode()),
        ("a key twice, spelt otherwise", b'{"event\\u005fid": "a",' + TEXT[1:].encode()),
        ("a key twice in the payload", event_with(b'{"a": 1, "a": 1}')),
        ("a key twice, deep", event_with(b'{"a": [{"b": {"c": 1, "d": 2, "c": 3}}]}')),
        ("a key twice, with spaces", event_with(b'{"a" : 1, "a"\t: 1}')),
        ("a key twice beside a look-alike", event_with(b'{"x": "\\":", "a": 1, "a": 2}')),
        ("the empty key twice", event_with(b'{"": 1, "": 2}')),
        ("nested 65 deep", event_with(b'{"a": ' + nested(63) + b"}")),
        ("nested 100,000 deep", nested(100_000)),
        ("opened 100,000 times", b"[" * 100_000),
    ]
]
"""Refused wherever JSON is taken."""

NO_OBJECT: list[Bad] = [
    Bad("null", b"null", 422, ""),
    Bad("true", b"true", 422, ""),
    Bad("a number", b"17", 422, ""),
    Bad("a string", b'"event"', 422, ""),
    Bad("an empty list", b"[]", 422, ""),
    Bad("a list of one", b"[" + TEXT.encode() + b"]", 422, ""),
    Bad("form data", b"event_id=1&order_id=2", 400, None),
    Bad("XML", b"<event/>", 400, None),
]
