from __future__ import annotations

import msgspec
import pytest

from application.intake.lines import RawLine
from application.intake.scrubbing import Line, scrub
from tests.application.intake.kit import event

CARD = "4111111111111111"
SPELT = b"4111 1111 1111 1111"


def scrubbed(text: bytes) -> Line:
    return scrub(RawLine(1, text, len(text)))


def test_a_line_without_a_card_stays_as_it_is() -> None:
    text = event("a", payload={"n": 4111111111111112, "note": "x"})
    assert scrubbed(text) == Line(1, text)


def test_a_card_in_the_payload_is_remembered_by_its_pointer() -> None:
    line = scrubbed(event("a", payload={"note": f"paid with {CARD}"}, metadata={"m": [CARD]}))
    assert line.redactions == ("/payload/note", "/metadata/m/0")
    assert msgspec.json.decode(line.text)["payload"] == {"note": "paid with [PAN ****1111]"}
    assert not line.refused


def test_ids_may_look_like_cards() -> None:
    text = event(CARD, order_id=CARD, correction_of="4242424242424242", payload={"rma_id": CARD})
    assert scrubbed(text) == Line(1, text)


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        (event("a", payload={f"x{CARD}": 1}), "/payload"),
        (event("a", source=f"shop {CARD}"), "/source"),
        (event("a", nonsense=[CARD]), "/nonsense/0"),
        (event("a", payload=[CARD]), "/payload/0"),
        (event("a", order_id=int(CARD)), "/order_id"),
        (event("a", order_id={"card": CARD}), "/order_id"),
        (event("a", correction_of=[CARD]), "/correction_of"),
        (event(f"{CARD} {'x' * 200}"), "/event_id"),
        (event("a", **{"jo@example.org": CARD}), ""),
        (event("a", payload={"jo@example.org": {CARD: 1}}), "/payload"),
        (event("a", payload={"n": [CARD] * 1001}), ""),
        (event("a", payload={"n" * 1000: CARD}), ""),
    ],
)
def test_a_card_where_none_may_be_refuses_the_line(text: bytes, pointer: str) -> None:
    line = scrubbed(text)
    assert [error.pointer for error in line.refused] == [pointer]
    assert CARD.encode() not in line.text


@pytest.mark.parametrize(
    "text",
    [
        b'{"note": "' + SPELT,
        b'["' + SPELT + b'"]',
        SPELT,
        b'"' + SPELT + b'"',
        b"\xff" + SPELT,
        b'{"a":1,"a":"' + SPELT + b'"}',
        '{"note": "4111111111111111"'.encode("utf-16-le"),
        b'{"note": "\\u0034111111111111111"',
    ],
)
def test_what_is_not_an_event_is_scrubbed_as_text(text: bytes) -> None:
    line = scrubbed(text)
    assert b"[PAN ****" in line.text.replace(b"\0", b"")
    bare = line.text.replace(b"\0", b"").replace(b" ", b"").replace(b"\\u0034", b"4")
    assert CARD.encode() not in bare


def test_escaped_digits_of_a_readable_event_are_found() -> None:
    text = event("a", payload={"note": CARD}).replace(b"411", b"\\u003411")
    line = scrubbed(text)
    assert line.redactions == ("/payload/note",)
    assert b"[PAN ****1111]" in line.text


def test_a_cut_line_says_how_long_it_was() -> None:
    line = scrub(RawLine(3, b"x" * 262144, 300_000))
    assert "300000 bytes" in line.refused[0].detail
