"""Events and corrections that must be refused; rows as in bad_bodies."""

from __future__ import annotations

import json

from tests.interfaces.http.bad_bodies import CARD, MAIL, NULL, TEXT, Bad, event_with

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
    Bad("256 KiB of spaces and a byte", TEXT.encode() + b" " * (256 * 1024), 413, None),
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

VALIDATE: list[Bad] = [
    Bad("1,001 events", b"[" + b",".join([TEXT.encode()] * 1001) + b"]", 422, ""),
    Bad("4 MiB and a byte", b"[" + b" " * (4 * 1024 * 1024) + b"]", 413, None),
]
"""What /events/validate refuses as a whole; of a bad event it tells what is bad, with 200."""
