"""The quick look is never false where the search, which is slow, would find something."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain import canonical
from domain.privacy.cards import mask_body, mask_text, may_hold_card, scrub_line, scrub_text

CARDS = ["4111111111111111", "5555555555554444", "378282246310005", "4222222222222"]
ZEROS = "0\uff10\u0660\u0966\U0001d7ce"
SEPARATORS = ["", "", "", " ", "-", ".", "/", "_", "\t", " - ", "  ", "\u00a0", "\u2009", "\u2013"]
NAMES = [
    *(
        "cvv",
        "cvc2",
        "cav2",
        "cv2",
        "CSC",
        "cid",
        "card_cid",
        "pin",
        "PIN_BLOCK",
        "cardPin",
        "pin code",
    ),
    *(
        "cvv_code",
        "security-code",
        "SecurityCode",
        "cardCode",
        "pin_number",
        "cidValue",
        "cvc_value",
    ),
    *(
        "card_verification_value",
        "verification_value",
        "card_validation_code",
        "cardVerificationNumber",
    ),
    *("track1", "track_2", "track2_data", "Track2EquivalentData", "cvv2Code", "pinBlockData"),
    *(
        "card",
        "pan",
        "cc",
        "number",
        "card_number",
        "1",
        "2",
        "card_1",
        "card_2",
        "pan part1",
        "cc2",
    ),
    *("credit1", "credit2", "debit1", "address1", "line1", "last4", "piece2", "note", "order_id"),
]

around = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)


@st.composite
def spellings(draw: st.DrawFn) -> str:
    """A card number, or nearly one: its digits of any script, with or without separators."""
    parts = re.findall(
        draw(st.sampled_from([".", "..", ".{4}", ".+"])), draw(st.sampled_from(CARDS))
    )
    zero = ord(draw(st.sampled_from(ZEROS)))
    text = draw(st.sampled_from(SEPARATORS)).join(parts)
    return "".join(chr(zero + int(char)) if char.isdecimal() else char for char in text)


texts = st.one_of(
    st.builds(lambda *parts: "".join(parts), around, spellings(), around),
    st.sampled_from(["4111", "1111", "123", " 1234", "411111", "1111111111", "", "a-b-c-" * 6]),
    st.sampled_from(
        ["[CVV]", "[PIN]", "[TRACK]", "x [PAN ****1111]", "CVC: 123", "[TRACK ****1111]", "x"]
    ),
    st.sampled_from([";4111111111111111=2512101?", "%B4111 1111 1111 1111^A/B^25121010?"]),
    around,
)
numbers = st.sampled_from([4111, 1111, 123, 411111, 1111111111, 4111111111111111, 1.5, True, None])
bodies = st.recursive(
    st.one_of(texts, numbers),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(NAMES), inner, max_size=5)
    ),
    max_leaves=12,
)


def found_slowly(body: dict[str, Any]) -> list[str]:
    found: list[str] = []
    mask_body(body, "", found, found)
    return found


@given(st.dictionaries(st.sampled_from(NAMES), bodies, min_size=1, max_size=6))
@example({"credit_card": {"credit1": "411111", "credit2": "1111111111"}})
@example({"card": ["\u0664111", "1111", "1111", "1111"]})
@example({"note": "4111\t1111\t1111\t1111"})
def test_the_quick_look_never_misses(body: dict[str, Any]) -> None:
    found = found_slowly(body)
    text = canonical.encode(body)
    plain = json.dumps(body, ensure_ascii=False, indent=1).encode()
    if found:
        assert may_hold_card(text)
        assert b"\\" in plain or may_hold_card(plain)
    masked = mask_body(body, "", [], [])
    assert found_slowly(masked) == found
    assert mask_body(masked, "", [], []) is masked
    assert not found or may_hold_card(canonical.encode(masked))
    line = scrub_line(text)
    assert scrub_line(line) == line


@pytest.mark.parametrize(
    "raw", [b'{"n":4242e12}', b'{"n":[1,4.242E15]}', b'{"n":[[4242e+012],"x"]}', b'{"cvv":1.23e2}']
)
def test_numbers_with_exponents_are_seen(raw: bytes) -> None:
    assert found_slowly(canonical.decode(raw))
    assert may_hold_card(raw)


pairs = st.builds(
    "{0}{1}{2}{3}{4}".format,
    st.sampled_from(["", '"', "'", "?", "&"]),
    st.sampled_from(NAMES),
    st.sampled_from(['"', "'", ""]),
    st.sampled_from([":", "=", " : ", "\t=", ":[", ": [ '", '": "', '":']),
    st.sampled_from(["123", "1234", "4111", "'1111", "411111", "1111111111", "04AB", "4111,11111"]),
)
lines = st.one_of(texts, st.lists(st.one_of(pairs, texts), max_size=4).map(", ".join))


@given(lines, st.sampled_from(["utf-8", "utf-16-le"]), st.binary(max_size=4))
@example("pin=1234", "utf-8", b"")
@example("'card-1': 411111, \"card-2\": 1111111111", "utf-8", b"")
@example("'card': ['4111', '1111', '1111', '1111'", "utf-8", b"")
def test_bytes_are_searched_as_text_is(text: str, encoding: str, junk: bytes) -> None:
    raw = text.encode(encoding)
    scrubbed = scrub_text(raw)
    assert scrub_text(scrubbed) == scrubbed
    if encoding == "utf-8":
        assert scrubbed != raw or mask_text(text) == text
    for mixed in (raw, junk + raw, raw + junk, junk + b'"' + raw):
        seen = may_hold_card(mixed) or b"\\" in mixed or b"\0" in mixed
        assert seen or scrub_text(mixed) == mixed
