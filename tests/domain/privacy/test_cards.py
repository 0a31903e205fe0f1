from __future__ import annotations

import json
import random
import re
from typing import Any

import pytest

from domain.privacy.cards import holds_card, mask_body, mask_text, may_hold_card, scrub_line
from domain.privacy.cards import scrub_text as scrub

TEST_CARDS = [  # published by the networks and gateways for testing
    "4111111111111111",
    "4242424242424242",
    "4222222222222",
    "4000000000000000006",
    "5555555555554444",
    "5105105105105100",
    "2223003122003222",
    "378282246310005",
    "371449635398431",
    "6011111111111117",
    "6011000990139424",
    "30569309025904",
    "38520000023237",
    "36227206271667",
    "3530111333300000",
    "3566002020360505",
    "6200000000000005",
    "6304000000000000",
    "6759649826438453",
    "2200000000000004",
]


FULL_WIDTH, ARABIC, DEVANAGARI = "\uff10", "\u0660", "\u0966"


def in_script(text: str, zero: str) -> str:
    """The text with the digits of the script whose zero that is."""
    return text.translate({ord("0") + digit: ord(zero) + digit for digit in range(10)})


@pytest.mark.parametrize("card", TEST_CARDS)
def test_knows_the_networks(card: str) -> None:
    masked = f"[PAN ****{card[-4:]}]"
    assert mask_text(card) == masked
    spaced = " ".join(re.findall(".{1,4}", card))
    for text in (card, spaced, spaced.replace(" ", "-"), spaced.replace(" ", "."), "-".join(card)):
        assert mask_text(f"paid with {text}, thanks") == f"paid with {masked}, thanks"
        assert may_hold_card(json.dumps({"a": text}).encode())


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("2025-01-01 4111111111111111", "2025-01-01 [PAN ****1111]"),
        ("4111111111111111 12/25 123", "[PAN ****1111] 12/25 123"),
        ("x4111111111111111y", "x[PAN ****1111]y"),
        ("4111111111111111,5555555555554444", "[PAN ****1111],[PAN ****4444]"),
        ("4111111111111111 5555555555554444", "[PAN ****1111] [PAN ****4444]"),
        ("ééé 4111-1111.1111 1111", "ééé [PAN ****1111]"),
        ("4111/1111/1111/1111 of 2025/01/01", "[PAN ****1111] of 2025/01/01"),
        ("4111 - 1111 - 1111 - 1111", "[PAN ****1111]"),
        ("4111  1111  1111  1111", "[PAN ****1111]"),
        ("3782_822463_10005", "[PAN ****0005]"),
        ("4111\t1111\t1111\t1111", "[PAN ****1111]"),
        ("4111\u00a01111\u20091111\u202f1111", "[PAN ****1111]"),
        ("41111\u20131111\u201411\u20121111\u22121", "[PAN ****1111]"),
        ("4111\u200b1111\u00ad1111\ufeff1111", "[PAN ****1111]"),
        (in_script("4111 1111 1111 1111", FULL_WIDTH), "[PAN ****1111]"),
        (in_script("4111111111111111", ARABIC), "[PAN ****1111]"),
        (in_script("4242-4242-4242-4242", DEVANAGARI), "[PAN ****4242]"),
        ("4111" + in_script("1111", FULL_WIDTH) + in_script("11111111", ARABIC), "[PAN ****1111]"),
    ],
)
def test_finds_them_in_text(text: str, masked: str) -> None:
    assert mask_text(text) == masked
    assert holds_card(text)


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111112",  # fails Luhn
        "4" * 25,
        "04111111111111111",  # inside a longer run of digits
        "41111111111111110",
        "411111111111",  # 12 digits
        "41111/11111/11111/1",  # groups that no card has, at what also parts ids
        "41111  1111111  1111",
        "4111   1111    1111 1111",  # four spaces are a gap
        "1234567890123452",  # Luhn, no issuer
        "0000000000000000",
        "2025-01-01T00:00:56.300Z",
        "[PAN ****1111]",
        "",
    ],
)
def test_leaves_other_digits_alone(text: str) -> None:
    assert mask_text(text) == text
    assert not holds_card(text)


def masked(body: dict[str, Any]) -> tuple[dict[str, Any], list[str], list[str]]:
    found: list[str] = []
    keys: list[str] = []
    return mask_body(body, "", found, keys), found, keys


CARD = "4111111111111111"


@pytest.mark.parametrize(
    "name", ["tracking_number", "sku", "order_id", "payment_id", "company_id", "correction_of"]
)
def test_ids_are_exempt(name: str) -> None:
    for value in (CARD, int(CARD), [CARD, [CARD]]):
        body = {"a": {name: value}}
        assert masked(body) == (body, [], [])


@pytest.mark.parametrize(
    "name", ["card_id", "cardNumber_id", "CARD_ID", "pan_id", "cc_id", "id", "number", "_idx"]
)
def test_fields_named_for_a_card_are_not(name: str) -> None:
    assert masked({name: CARD}) == ({name: "[PAN ****1111]"}, [f"/{name}"], [])


def test_integers_become_strings_and_other_scalars_stay() -> None:
    body = {"a": [int(CARD), 4111.5, True, None, -int(CARD)]}
    new, found, _ = masked(body)
    assert new == {"a": ["[PAN ****1111]", 4111.5, True, None, "-[PAN ****1111]"]}
    assert found == ["/a/0", "/a/4"]
    assert body["a"][0] == int(CARD)


def test_keys_are_reported_by_their_object() -> None:
    assert masked({"a": {"b": [{CARD: 1}]}})[2] == ["/a/b/0"]


def test_what_was_masked_before_is_listed_again() -> None:
    body = {"a": "[PAN ****1111]"}
    assert masked(body) == (body, ["/a"], [])
    assert may_hold_card(json.dumps(body).encode())


@pytest.mark.parametrize(
    ("raw", "scrubbed"),
    [
        (b"\x00garbage 4111111111111111\xff", b"\x00garbage [PAN ****1111]\xff"),
        (rb'{"a":"\u0034111 1111-1111\u00201111', rb'{"a":"[PAN ****1111]'),
        (rb'{"a":"\u00341\u0031\u003111111111\u002e1111', rb'{"a":"[PAN ****1111]'),
        (b'{"order_id":"4111111111111111"', b'{"order_id":"[PAN ****1111]"'),
        (b'{"n":4.111111111111111e15', b'{"n":[PAN ****1111]e15'),
        (b"no digits", b"no digits"),
    ],
)
def test_unreadable_bytes_are_scrubbed_whole(raw: bytes, scrubbed: bytes) -> None:
    assert scrub(raw) == scrubbed
    assert scrub_line(raw) == scrubbed


@pytest.mark.parametrize(
    ("raw", "scrubbed"),
    [
        (rb'{"a":"\u0664\uff111\u0967\u00a01111\u2013 1111\t\/1111', rb'{"a":"[PAN ****1111]'),
        (rb'{"a":"\ud835\udfd2111111111111111', rb'{"a":"[PAN ****1111]'),
        (
            f'{{"a":"{in_script("4111", FULL_WIDTH)}\u20131111 1111 1111'.encode(),
            b'{"a":"[PAN ****1111]',
        ),
        (b"x 4111\xa01111\x961111\xa01111 \xff", b"x [PAN ****1111] \xff"),
        (b'{"a":";4111111111111111=25121010000?', b'{"a":"[TRACK ****1111]'),
        (b'{"cvv":"123","cvv_result":"M","n":', b'{"cvv":"[CVV]","cvv_result":"M","n":'),
        (b"{'card-pin' : 1234, 'x': 12", b"{'card-pin' : [PIN], 'x': 12"),
        (rb'{"raw":"{\"cvc\":\"123\"}', rb'{"raw":"{\"cvc\":\"[CVV]\"}'),
        (b"?cvv=123&pinBlock=04AB99&pin=123456", b"?cvv=[CVV]&pinBlock=[PIN]&pin=[PIN]"),
        (
            b'{"card_number_2":"1111","card_number_1":"4111","card_number_3":"11111111","n":',
            b'{"card_number_2":"P","card_number_1":"P","card_number_3":"P","n":'.replace(
                b"P", b"[PAN ****1111]"
            ),
        ),
        (
            b'{"card":["4111","1111", 11111111',
            b'{"card":["[PAN ****1111]","[PAN ****1111]", [PAN ****1111]',
        ),
        (b'"cvv":"12345","pin":null,"pinned":1234', b'"cvv":"12345","pin":null,"pinned":1234'),
    ],
)
def test_unreadable_bytes_hide_nothing(raw: bytes, scrubbed: bytes) -> None:
    assert scrub(raw) == scrubbed
    assert scrub(scrubbed) == scrubbed


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16"])
@pytest.mark.parametrize("text", [CARD, "4111-1111-1111-1111", "4111 1111 1111 1111"])
def test_utf_16_does_not_hide_a_card(encoding: str, text: str) -> None:
    assert b"1\x001\x001" not in scrub(f"card {text}".encode(encoding))


def test_a_spooled_line_keeps_its_ids() -> None:
    line = b'{"order_id":"4111111111111111","payload":{"n": 4111111111111111}}\n'
    scrubbed = scrub_line(line)
    assert json.loads(scrubbed) == {"order_id": CARD, "payload": {"n": "[PAN ****1111]"}}
    assert scrub_line(scrubbed) == scrubbed
    clean = b'{"order_id" : "4111111111111111"}\r\n'
    assert scrub_line(clean) is clean


@pytest.mark.parametrize("line", [b'{"4111111111111111":1}', b"4111111111111111", b'["%b"]'])
def test_a_line_that_is_no_event_is_scrubbed_whole(line: bytes) -> None:
    line = line.replace(b"%b", CARD.encode())
    assert CARD.encode() not in scrub_line(line)


def test_random_ids_rarely_look_like_cards() -> None:
    draw = random.Random(1)
    ids = [str(draw.randrange(10**15, 10**16)) for _ in range(10_000)]
    assert sum(map(holds_card, ids)) < 600
