from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from domain.errors import Invalid, OrderHistoryError, TooLarge, Unreadable
from domain.orders.events import Incoming
from domain.orders.incoming import MAX_ERRORS, check_event, read_event
from domain.times import parse_us
from infrastructure.schemas import PayloadSchemas
from tests.domain.orders.bad_events import BAD, CARD, GOOD, MAIL

NOW = parse_us("2025-09-01T00:00:00Z")
SCHEMAS = PayloadSchemas()
DATA = Path(__file__).parents[4] / "shared" / "data" / "events"


def read(raw: bytes, now_us: int = NOW) -> Incoming:
    return read_event(raw, now_us=now_us, validator=SCHEMAS)


def event(**changes: Any) -> bytes:
    return json.dumps(GOOD | changes).encode()


def refused(raw: bytes) -> Invalid:
    with pytest.raises(Invalid) as caught:
        read(raw)
    return caught.value


@pytest.mark.parametrize(("change", "pointer"), [case[1:] for case in BAD], ids=[c[0] for c in BAD])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_says_where_and_what_is_wrong(
    change: dict[str, Any], pointer: str, ascii_only: bool
) -> None:
    error = refused(json.dumps(GOOD | change, ensure_ascii=ascii_only).encode())
    assert pointer in [found.pointer for found in error.errors]
    for found in error.errors:
        assert found.detail
        assert not any(secret in found.pointer + found.detail for secret in (CARD, MAIL))


@pytest.mark.parametrize(("change", "pointer"), [case[1:] for case in BAD], ids=[c[0] for c in BAD])
def test_a_decoded_event_is_held_to_the_same(change: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Invalid) as caught:
        check_event(GOOD | change, now_us=NOW, validator=SCHEMAS)
    assert pointer in [found.pointer for found in caught.value.errors]


@pytest.mark.parametrize("raw", [b"[]", b"null", b'"x"', b"1", b"true"])
def test_a_body_is_an_object(raw: bytes) -> None:
    assert [found.pointer for found in refused(raw).errors] == [""]


def test_names_the_nearest_field() -> None:
    (found,) = refused(event(occured_at="2025-01-01T00:00:00Z")).errors
    assert "did you mean occurred_at?" in found.detail


def test_finds_every_error_at_once() -> None:
    raw = b'{"event_id":"","type":"X","payload":{"total_minor":"x"},"extra":1,"source":5}'
    found = {error.pointer for error in refused(raw).errors}
    assert found == {
        "/event_id",
        "/order_id",
        "/occurred_at",
        "/source",
        "/type",
        "/schema_version",
        "/extra",
    }


def test_an_answer_does_not_grow_without_bound() -> None:
    errors = refused(event(**{f"field{n}": n for n in range(5000)})).errors
    assert len(errors) == MAX_ERRORS + 1
    assert "more" in errors[-1].detail


def test_over_256_kib_is_too_large() -> None:
    room = 256 * 1024 - len(event(payload={"x": ""}))
    assert read(event(payload={"x": "y" * room})).payload == {"x": "y" * room}
    with pytest.raises(TooLarge):
        read(event(payload={"x": "y" * (room + 1)}))
    with pytest.raises(TooLarge):
        check_event(GOOD | {"payload": {"x": "y" * 300_000}}, now_us=NOW, validator=SCHEMAS)


def test_what_is_no_strict_json_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        read(event().replace(b'{"total_minor": 1999}', b'{"a": 1, "a": 2}'))


@pytest.mark.parametrize(
    "change",
    [
        {"event_id": "x" * 200},
        {"event_id": "Übergröße/12 #?%"},
        {"event_id": CARD, "order_id": CARD, "correction_of": CARD[:-1]},
        {"source": "s" * 100},
        {"type": "shop.basket.left", "schema_version": "2025-01", "payload": {"total_minor": "x"}},
        {"occurred_at": "2025-09-01T00:05:00Z"},
        {"occurred_at": "1970-01-01T00:00:00Z"},
        {"payload": {}},
        {"payload": {"total_minor": None, "customer": None, "items": []}},
        {"payload": {"a": "_sd", "b": {"x_sd": 1, "sd": '{"_sd":1}'}}},
        {"metadata": {"actor_id": None, "tenant_id": "other"}},
        {"type": "order.correction", "correction_of": "evt_0", "payload": {"correction": "typo"}},
        {"correction_of": "evt_later"},
        {"payload": {"note": f'"{MAIL}": and {{"k": "v"}}'}},
    ],
)
def test_accepts(change: dict[str, Any]) -> None:
    incoming = read(event(**change))
    for name, value in change.items():
        if name != "occurred_at":
            assert getattr(incoming, name) == value


def test_null_for_an_optional_field_is_absent() -> None:
    incoming = read(event(metadata=None, correction_of=None))
    assert incoming == read(event())
    assert (incoming.metadata, incoming.correction_of, incoming.redactions) == (None, None, ())


def test_occurred_at_keeps_its_precision_in_utc() -> None:
    incoming = read(event(occurred_at="2025-08-29T12:34:56.7812345+02:00"))
    assert incoming.occurred_at == "2025-08-29T10:34:56.781234Z"
    assert incoming.occurred_us == parse_us("2025-08-29T10:34:56.781234Z")


def test_card_numbers_are_replaced_and_listed() -> None:
    payload = {"a": {"b/c": ["x", f"card {CARD}!"]}, "n": int(CARD), "ref_id": CARD, "sku": CARD}
    incoming = read(event(payload=payload, metadata={"raw": "4111 1111 1111 1111"}))
    assert incoming.payload == {
        "a": {"b/c": ["x", "card [PAN ****1111]!"]},
        "n": "[PAN ****1111]",
        "ref_id": CARD,
        "sku": CARD,
    }
    assert incoming.metadata == {"raw": "[PAN ****1111]"}
    assert incoming.redactions == ("/payload/a/b~1c/1", "/payload/n", "/metadata/raw")


@pytest.mark.parametrize("spelling", [b"4111111111111111.0", b"4.111111111111111e15"])
def test_a_card_number_spelled_as_a_float_is_found(spelling: bytes) -> None:
    assert read(event(payload={"n": 7}).replace(b"7", spelling)).redactions == ("/payload/n",)


def test_an_escaped_card_number_is_found() -> None:
    raw = event(payload={"n": CARD}).replace(b"4111", rb"\u00341\u00311")
    assert read(raw).payload == {"n": "[PAN ****1111]"}


def test_check_event_leaves_its_value_alone() -> None:
    value = GOOD | {"payload": {"a": [CARD]}}
    before = json.dumps(value)
    assert check_event(value, now_us=NOW, validator=SCHEMAS).redactions == ("/payload/a/0",)
    assert json.dumps(value) == before


def outcomes(name: str) -> Counter[str]:
    now_us = parse_us("2026-11-01T00:00:00Z")
    counts: Counter[str] = Counter()
    with gzip.open(DATA / name) as lines:
        for line in lines:
            if not line.strip():
                continue
            try:
                assert read(line, now_us).redactions == ()
                counts["read"] += 1
            except Invalid as error:
                counts[error.errors[0].pointer] += 1
            except OrderHistoryError as error:
                counts[type(error).__name__] += 1
    return counts


def test_reads_the_generated_events_but_for_the_planted_bad_ones() -> None:
    counts = outcomes("generated-20k.ndjson.gz")
    assert counts == {
        "read": 19_952,
        "Unreadable": 22,
        "/occurred_at": 11,
        "/order_id": 5,
        "/schema_version": 6,
        "/type": 5,
    }


@pytest.mark.parametrize(
    ("name", "count"), [("olist.ndjson.gz", 60_371), ("online-retail.ndjson.gz", 10_783)]
)
def test_reads_all_the_real_events(name: str, count: int) -> None:
    assert outcomes(name) == {"read": count}


@pytest.mark.parametrize("item", [CARD, "\0", {CARD: 1}, {"_sd": 1}])
def test_a_body_does_not_grow_by_its_own_pointers(item: Any) -> None:
    error = refused(event(type="a.b", payload={"n" * 50_000: [item] * 2000}))
    assert sum(len(one.pointer) for one in error.errors) < 100_000
