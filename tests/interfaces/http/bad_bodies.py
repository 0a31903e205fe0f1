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


_TEXT = json.dumps(GOOD_EVENT)

UNREADABLE: list[Bad] = [
    Bad(name, body, 400, None)
    for name, body in [
        ("empty", b""),
        ("blank", b" \r\n\t"),
        ("a byte order mark", b"\xef\xbb\xbf" + _TEXT.encode()),
        ("UTF-16", _TEXT.encode("utf-16")),
        ("UTF-16 without a mark", _TEXT.encode("utf-16-le")),
        ("UTF-32", _TEXT.encode("utf-32")),
        ("Latin-1", event_with('{"city": "Köln"}'.encode("latin-1"))),
        ("an overlong encoding", event_with(b'{"a": "\xc0\xaf"}')),
        ("a surrogate in UTF-8", event_with(b'{"a": "\xed\xa0\x80"}')),
        ("a cut character", event_with(b'{"a": "\xe2\x82"}')),
        ("truncated", _TEXT[:-1].encode()),
        ("truncated in a string", _TEXT[:25].encode()),
        ("trailing garbage", _TEXT.encode() + b"x"),
        ("two values", _TEXT.encode() * 2),
        ("a trailing NUL", _TEXT.encode() + b"\0"),
        ("single quotes", _TEXT.replace('"', "'").encode()),
        ("a trailing comma", event_with(b'{"a": 1,}')),
        ("a comment", b"/* x */" + _TEXT.encode()),
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
        ("a key twice", b'{"event_id": "a",' + _TEXT[1:].encode()),
        ("a key twice, spelt otherwise", b'{"event\\u005fid": "a",' + _TEXT[1:].encode()),
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
    Bad("a list of one", b"[" + _TEXT.encode() + b"]", 422, ""),
    Bad("form data", b"event_id=1&order_id=2", 400, None),
    Bad("XML", b"<event/>", 400, None),
]

_MISSING = [
    Bad(f"{name} {kind}", {name: value}, 422, f"/{name}")
    for name in (
        "event_id",
        "order_id",
        "occurred_at",
        "source",
        "type",
        "schema_version",
        "payload",
    )
    for kind, value in (("missing", None), ("null", NULL), ("a list", [1]), ("true", True))
]
_TEXTS = [
    Bad(f"{name} {kind}", {name: text}, 422, f"/{name}")
    for name, limit in (("event_id", 200), ("order_id", 200), ("source", 100), ("type", 100),
                        ("schema_version", 100), ("correction_of", 200))
    for kind, text in (("empty", ""), ("too long", "x" * (limit + 1)), ("with a newline", "a\nb"),
                       ("with U+0000", "a\0b"), ("with a C1 control", "a\x9fb"),
                       ("an email", MAIL))
]  # fmt: skip

EVENTS: list[Bad] = [
    *_MISSING,
    *_TEXTS,
    Bad("an empty object", b"{}", 422, "/event_id"),
    Bad("event_id a number", {"event_id": 1}, 422, "/event_id"),
    Bad("event_id the service's", {"event_id": "oh_evt_000000000001"}, 422, "/event_id"),
    Bad("event_id a route's word: bulk", {"event_id": "bulk"}, 422, "/event_id"),
    Bad("event_id a route's word: stream", {"event_id": "stream"}, 422, "/event_id"),
    Bad("event_id a route's word: validate", {"event_id": "validate"}, 422, "/event_id"),
    Bad("source a card", {"source": f"pos {CARD}"}, 422, "/source"),
    Bad("type a card", {"type": f"a.{CARD}"}, 422, "/type"),
    Bad("schema_version a card", {"type": "a.b", "schema_version": CARD}, 422, "/schema_version"),
    # -- names ------------------------------------------------------------------------------------
    Bad("misspelt occured_at", {"occured_at": "2025-01-01T10:00:00Z"}, 422, "/occured_at"),
    Bad("misspelt orderId", {"orderId": "ord_1"}, 422, "/orderId"),
    Bad("misspelt Type", {"Type": "a.b"}, 422, "/Type"),
    Bad("tenant_id at the top", {"tenant_id": "other"}, 422, "/tenant_id"),
    Bad("sequence at the top", {"sequence": 1}, 422, "/sequence"),
    Bad("an unknown name to escape", {"a/b~c": 1}, 422, "/a~1b~0c"),
    Bad("an unknown name, an email", {MAIL: 1}, 422, ""),
    Bad("an unknown name, a card", {CARD: 1}, 422, ""),
    Bad("an unknown name, empty", {"": 1}, 422, "/"),
    Bad("_sd at the top", {"_sd": "x"}, 422, "/_sd"),
    Bad("_sd in the payload", {"payload": {"_sd": "x"}}, 422, "/payload/_sd"),
    Bad("_sd deep", {"payload": {"a": [0, {"_sd": []}]}}, 422, "/payload/a/1/_sd"),
    Bad("_sd in metadata", {"metadata": {"a": {"_sd": 1}}}, 422, "/metadata/a/_sd"),
    Bad("_sd spelt with escapes", event_with(b'{"\\u005fsd": 1}'), 422, "/payload/_sd"),
    Bad("a card in a key", {"payload": {"a": {CARD: 1}}}, 422, "/payload/a"),
    Bad("a card with dashes in a key", {"metadata": {"4111-1111-1111-1111": 1}}, 422, "/metadata"),
    Bad("an email in a key", {"payload": {"a": [{MAIL: 1}]}}, 422, "/payload/a/0"),
    Bad("U+0000 in a value", {"payload": {"a": ["", "\0"]}}, 422, "/payload/a/1"),
    Bad("U+0000 in a key", {"payload": {"a": {"\0": 1}}}, 422, "/payload/a"),
    Bad("U+0000 in metadata", {"metadata": {"a": "x\0"}}, 422, "/metadata/a"),
    # -- types ------------------------------------------------------------------------------------
    Bad("type without a dot", {"type": "created"}, 422, "/type"),
    Bad("type in capitals", {"type": "Order.Created"}, 422, "/type"),
    Bad("type ends in a dot", {"type": "order.created."}, 422, "/type"),
    Bad("type with two dots", {"type": "order..created"}, 422, "/type"),
    Bad("type with a dash", {"type": "order.pre-auth"}, 422, "/type"),
    Bad("type a pattern", {"type": "order.*"}, 422, "/type"),
    Bad("type in Arabic digits", {"type": "order.\u0661"}, 422, "/type"),
    Bad("type of the service", {"type": "history.subject.erased"}, 422, "/type"),
    Bad("a version nobody registered", {"schema_version": "v2"}, 422, "/schema_version"),
    Bad("a version in capitals", {"schema_version": "V1"}, 422, "/schema_version"),
    # -- times ------------------------------------------------------------------------------------
    *(
        Bad(f"occurred_at {text!r}", {"occurred_at": text}, 422, "/occurred_at")
        for text in (
            "now",
            "2025-01-01",
            "2025-01-01T10:00Z",
            "2025-01-01T10:00:00",
            "2025-01-01T10:00:60Z",
            "2016-12-31T23:59:60Z",
            "2025-02-30T10:00:00Z",
            "2025-02-29T10:00:00Z",
            "2025-13-01T10:00:00Z",
            "2025-01-01T24:00:00Z",
            "2025-01-01T10:00:00+25:00",
            "2025-01-01T10:00:00+0100",
            "2025-01-01T10:00:00 Z",
            "2025-01-01T10:00:00.Z",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+00:01",
            "2099-01-01T00:00:00Z",
            "9999-12-31T23:59:59-01:00",
            "0000-01-01T00:00:00Z",
            "12025-01-01T10:00:00Z",
            "\uff12025-01-01T10:00:00Z",
        )
    ),
    Bad("occurred_at a number", {"occurred_at": 1735725600}, 422, "/occurred_at"),
    # -- persons ----------------------------------------------------------------------------------
    Bad("customer_id an email", {"payload": {"customer_id": MAIL}}, 422, "/payload/customer_id"),
    Bad("customer.id an email", {"payload": {"customer": {"id": MAIL}}}, 422,
        "/payload/customer/id"),
    Bad("actor_id an email", {"metadata": {"actor_id": MAIL}}, 422, "/metadata/actor_id"),
    Bad("actor_id a number", {"metadata": {"actor_id": 7}}, 422, "/metadata/actor_id"),
    Bad("actor_id too long", {"metadata": {"actor_id": "a" * 201}}, 422, "/metadata/actor_id"),
    # -- payloads of canonical types --------------------------------------------------------------
    Bad("payload a string", {"payload": "{}"}, 422, "/payload"),
    Bad("metadata a list", {"metadata": []}, 422, "/metadata"),
    Bad("metadata a string", {"metadata": "x"}, 422, "/metadata"),
    *(
        Bad(f"{name} {json.dumps(payload)}", {"type": name, "payload": payload},
            422, f"/payload/{pointer}")
        for name, payload, pointer in (
            ("order.created", {"total_minor": "19.99"}, "total_minor"),
            ("order.created", {"total_minor": 19.99}, "total_minor"),
            ("order.created", {"total_minor": True}, "total_minor"),
            ("order.created", {"total_minor": int(CARD)}, "total_minor"),
            ("order.created", {"currency": "Euro"}, "currency"),
            ("order.created", {"currency": "eur"}, "currency"),
            ("order.created", {"items": {}}, "items"),
            ("order.created", {"items": [{"qty": 1}, 7]}, "items/1"),
            ("order.created", {"items": [{"qty": 1.5}]}, "items/0/qty"),
            ("order.created", {"customer": "Jo"}, "customer"),
            ("order.created", {"shipping_address": []}, "shipping_address"),
            ("order.created", {"promised_delivery_at": "soon"}, "promised_delivery_at"),
            ("order.updated", {"status": 1}, "status"),
            ("order.updated", {"billing_address": {"line1": 7}}, "billing_address/line1"),
            ("order.confirmed", {"to": 1}, "to"),
            ("order.shipped", {"tracking_number": 9400}, "tracking_number"),
            ("order.delivered", {"packages": "2"}, "packages"),
            ("order.cancelled", {"reason": ["x"]}, "reason"),
            ("order.closed", {"from": False}, "from"),
            ("order.status.changed", {}, "to"),
            ("order.payment.authorized", {"amount_minor": "1"}, "amount_minor"),
            ("order.payment.succeeded", {"amount_minor": 1.5}, "amount_minor"),
            ("order.payment.failed", {"attempt": "first"}, "attempt"),
            ("order.payment.voided", {"payment_id": 1}, "payment_id"),
            ("order.payment.refunded", {"currency": 978}, "currency"),
            ("order.payment.disputed", {"dispute_id": {}}, "dispute_id"),
            ("order.payment.dispute_closed", {"outcome": 0}, "outcome"),
            ("order.fulfillment.created", {"lines": "3"}, "lines"),
            ("order.fulfillment.packed", {"weight_g": "heavy"}, "weight_g"),
            ("order.shipment.in_transit", {"code": 7}, "code"),
            ("order.shipment.out_for_delivery", {"carrier": []}, "carrier"),
            ("order.shipment.delivery_failed", {"location": 1}, "location"),
            ("order.shipment.exception", {"description": 1}, "description"),
            ("order.item.price_changed", {"before": 5}, "before"),
            ("order.item.price_changed", {"after": {"unit_price_minor": "5"}},
             "after/unit_price_minor"),
            ("order.item.quantity_changed", {"after": {"qty": "2"}}, "after/qty"),
            ("order.address.changed", {"after": "Lyon"}, "after"),
            ("order.hold.placed", {"risk_score": "high"}, "risk_score"),
            ("order.hold.released", {"reason": 1}, "reason"),
            ("order.return.requested", {"rma": 1}, "rma"),
            ("order.return.approved", {"condition": []}, "condition"),
            ("order.return.received", {"reason": {}}, "reason"),
            ("order.note.added", {"note": 1}, "note"),
        )
    ),
    # -- corrections among events -----------------------------------------------------------------
    Bad("a correction of nothing", {"type": "order.correction", "payload": {"correction": "x"}},
        422, "/correction_of"),
    Bad("a correction of itself", {"correction_of": "evt_new"}, 422, "/correction_of"),
    Bad("a correction of a correction", {"correction_of": "evt_remark"}, 422, "/correction_of"),
    Bad("a correction across orders", {"correction_of": "evt_2"}, 422, "/correction_of"),
    Bad("a correction without a sentence", {"type": "order.correction", "correction_of": "evt_0"},
        422, "/payload/correction"),
    # -- sizes and ids that are taken -------------------------------------------------------------
    Bad("256 KiB and a byte", event_with(b'{"a": "' + b"x" * (256 * 1024) + b'"}'), 413, None),
    Bad("256 KiB of spaces and a byte", _TEXT.encode() + b" " * (256 * 1024), 413, None),
    Bad("an event_id with other content", {"event_id": "evt_0"}, 409, "/type"),
]  # fmt: skip

CORRECTIONS: list[Bad] = [
    Bad("of nothing", {"correction_of": None}, 422, "/correction_of"),
    Bad("of null", {"correction_of": NULL}, 422, "/correction_of"),
    Bad("of what is not there", {"correction_of": "evt_none"}, 422, "/correction_of"),
    Bad("of the service's id", {"correction_of": "oh_evt_000000000001"}, 422, "/correction_of"),
    Bad("of another order's event", {"correction_of": "evt_2"}, 422, "/correction_of"),
    Bad("of a correction", {"correction_of": "evt_remark"}, 422, "/correction_of"),
    Bad("of itself", {"correction_of": "evt_new"}, 422, "/correction_of"),
    Bad("of a list", {"correction_of": ["evt_0"]}, 422, "/correction_of"),
    Bad("of another type", {"type": "order.note.added"}, 422, "/type"),
    Bad("type a number", {"type": 1}, 422, "/type"),
    Bad("without event_id", {"event_id": None}, 422, "/event_id"),
    Bad("without order_id", {"order_id": None}, 422, "/order_id"),
    Bad("without occurred_at", {"occurred_at": None}, 422, "/occurred_at"),
    Bad("without payload", {"payload": None}, 422, "/payload"),
    Bad("without a sentence", {"payload": {}}, 422, "/payload/correction"),
    Bad("a sentence that is null", {"payload": {"correction": None}}, 422, "/payload/correction"),
    Bad("a patch that is a list", {"payload": {"correction": "x", "patch": []}}, 422,
        "/payload/patch"),
    Bad("a void that is a word", {"payload": {"correction": "x", "void": "true"}}, 422,
        "/payload/void"),
    Bad("_sd in the patch", {"payload": {"correction": "x", "patch": {"_sd": 1}}}, 422,
        "/payload/patch/_sd"),
    Bad("another version", {"schema_version": "v2"}, 422, "/schema_version"),
    Bad("source an email", {"source": MAIL}, 422, "/source"),
    Bad("an unknown name", {"corection_of": "evt_0"}, 422, "/corection_of"),
    Bad("an event_id that is taken", {"event_id": "evt_remark"}, 409, "/source"),
    Bad("too large", {"payload": {"correction": "x" * 256 * 1024}}, 413, None),
]  # fmt: skip

SNAPSHOTS: list[Bad] = [
    *(
        Bad(f"{name} {kind}", {name: value}, 422, f"/{name}")
        for name in ("snapshot_id", "captured_at", "source", "state")
        for kind, value in (("missing", None), ("null", NULL), ("a list", [1]), ("a number", 1))
    ),
    *(
        Bad(f"{name} {kind}", {name: text}, 422, f"/{name}")
        for name, limit in (("snapshot_id", 200), ("source", 100))
        for kind, text in (("empty", ""), ("too long", "x" * (limit + 1)), ("an email", MAIL),
                           ("with a newline", "a\nb"), ("with U+0000", "\0"))
    ),
    Bad("snapshot_id a route's word", {"snapshot_id": "compute"}, 422, "/snapshot_id"),
    Bad("source a card", {"source": CARD}, 422, "/source"),
    Bad("captured_at without a zone", {"captured_at": "2025-01-01T10:00:00"}, 422, "/captured_at"),
    Bad("captured_at second 60", {"captured_at": "2016-12-31T23:59:60Z"}, 422, "/captured_at"),
    Bad("captured_at to come", {"captured_at": "2099-01-01T00:00:00Z"}, 422, "/captured_at"),
    Bad("captured_at 1969", {"captured_at": "1969-12-31T23:59:59Z"}, 422, "/captured_at"),
    Bad("an unknown name", {"orderid": "ord_1"}, 422, "/orderid"),
    Bad("an unknown name to escape", {"a/b": 1}, 422, "/a~1b"),
    Bad("an unknown name, an email", {MAIL: 1}, 422, ""),
    Bad("order_id in the body", {"order_id": "ord_1"}, 422, "/order_id"),
    Bad("state a string", {"state": "{}"}, 422, "/state"),
    Bad("metadata a list", {"metadata": []}, 422, "/metadata"),
    Bad("_sd in the state", {"state": {"a": {"_sd": "x"}}}, 422, "/state/a/_sd"),
    Bad("_sd in metadata", {"metadata": {"_sd": "x"}}, 422, "/metadata/_sd"),
    Bad("U+0000 in the state", {"state": {"a": ["\0"]}}, 422, "/state/a/0"),
    Bad("a card in a key", {"state": {"a": {CARD: 1}}}, 422, "/state/a"),
    Bad("an email in a key", {"state": {MAIL: 1}}, 422, "/state"),
    Bad("customer_id an email", {"state": {"customer_id": MAIL}}, 422, "/state/customer_id"),
    Bad("customer.id an email", {"state": {"customer": {"id": MAIL}}}, 422, "/state/customer/id"),
    Bad("4 MiB and a byte", {"state": {"a": "x" * 4 * 1024 * 1024}}, 413, None),
    Bad("an id that is taken", {"snapshot_id": "snap_0"}, 409, None),
]  # fmt: skip

COMPUTE: list[Bad] = [
    Bad("without order_id", {"order_id": None}, 422, "/order_id"),
    Bad("order_id null", {"order_id": NULL}, 422, "/order_id"),
    Bad("order_id a number", {"order_id": 1}, 422, "/order_id"),
    Bad("order_id empty", {"order_id": ""}, 422, "/order_id"),
    Bad("order_id too long", {"order_id": "x" * 201}, 422, "/order_id"),
    Bad("order_id an email", {"order_id": MAIL}, 422, "/order_id"),
    Bad("order_id with U+0000", {"order_id": "\0"}, 422, "/order_id"),
    Bad("snapshot_id a list", {"snapshot_id": []}, 422, "/snapshot_id"),
    Bad("snapshot_id too long", {"snapshot_id": "x" * 201}, 422, "/snapshot_id"),
    Bad("snapshot_id a route's word", {"snapshot_id": "compute"}, 422, "/snapshot_id"),
    Bad("at no time", {"at": "now"}, 422, "/at"),
    Bad("at a number", {"at": 1}, 422, "/at"),
    Bad("known_at without a zone", {"known_at": "2025-01-01T00:00:00"}, 422, "/known_at"),
    Bad("an unknown name", {"orderid": "ord_1"}, 422, "/orderid"),
    Bad("too large", {"snapshot_id": "x" * 256 * 1024}, 413, None),
]

VALIDATE: list[Bad] = [
    Bad("1,001 events", b"[" + b",".join([_TEXT.encode()] * 1001) + b"]", 422, ""),
    Bad("4 MiB and a byte", b"[" + b" " * (4 * 1024 * 1024) + b"]", 413, None),
]
"""What /events/validate refuses as a whole; of a bad event it tells what is bad, with 200."""
