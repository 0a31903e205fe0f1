"""Snapshots that must be refused, taken and computed; rows as in bad_bodies."""

from __future__ import annotations

from tests.interfaces.http.bad_bodies import CARD, MAIL, NULL, Bad

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
