"""What is masked for the name of its field: codes, PINs, tracks, and numbers in parts."""

from __future__ import annotations

from typing import Any

import pytest

from domain.canonical import encode
from domain.privacy.cards import mask_body, mask_text, may_hold_card, scrub_line

PAN, CVV, PIN = "[PAN ****1111]", "[CVV]", "[PIN]"
QUARTERS = ["4111", "1111", "1111", "1111"]


def masked(body: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The body masked, and where; after a look at what holds for any body."""
    found: list[str] = []
    keys: list[str] = []
    new = mask_body(body, "", found, keys)
    assert keys == []
    again: list[str] = []
    assert mask_body(new, "", again, []) == new
    assert again == found
    assert may_hold_card(encode(body)) or not found
    assert may_hold_card(encode(new)) or not found
    line = scrub_line(encode(body))
    assert line == encode(new) == scrub_line(line)
    return new, found


@pytest.mark.parametrize(
    "name",
    [
        *(
            "cvv",
            "CVV",
            "cvc",
            "cvv2",
            "CVC2",
            "cvn",
            "cvd",
            "cvx",
            "cv2",
            "cav2",
            "csc",
            "card_cid",
        ),
        *("cardCvv", "card-cvv", "payment.cvv", "cvvCode", "cvv_code", "CVVNumber", "cvc_value"),
        *("card_security_code", "cardSecurityCode", "security_code", "SecurityCode", "cardcvv"),
        *("card_verification_value", "cardVerificationNumber", "verification_value", "card_code"),
    ],
)
@pytest.mark.parametrize("value", ["123", "1234", 123, 1234, " 012 ", "\uff11\uff12\uff13"])
def test_security_codes_go_by_their_name(name: str, value: Any) -> None:
    assert masked({"a": {name: value}}) == ({"a": {name: CVV}}, [f"/a/{name}"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cvv", ""),
        ("cvv", "M"),
        ("cvv", True),
        ("cvv", None),
        ("cvv", 1),
        ("cvv", "12345"),
        ("cvv", "***"),
        ("cvv_result", "M"),
        ("cvv_result", "100"),
        ("cvc_check", "pass"),
        ("cvv_result_code", 200),
        ("cvvPresent", 100),
        ("cvcResultRaw", "123"),
        ("cid", 1234),
        ("incident", "1234"),
        ("code", "123"),
        ("verification_code", "1234"),
        ("postal_code", "1234"),
        ("pin", 560001),
        ("pin", "ok"),
        ("pin_code", "1234"),
        ("pincode", "1234"),
        ("shipping", 1234),
        ("spin", "1234"),
        ("delivery_pin", "1234"),
        ("pins", "1234"),
        ("pin_block", ""),
        ("pin_block_format", "0"),
        ("track1", "Yesterday"),
        ("tracking_number", "1234"),
    ],
)
def test_other_names_and_values_stay(name: str, value: Any) -> None:
    assert masked({name: value}) == ({name: value}, [])


@pytest.mark.parametrize(
    ("body", "new", "where"),
    [
        ({"pin": "1234"}, {"pin": PIN}, "/pin"),
        ({"PIN": 123}, {"PIN": PIN}, "/PIN"),
        ({"cardPin": "123456"}, {"cardPin": PIN}, "/cardPin"),
        ({"debit_card_pin_code": "12345"}, {"debit_card_pin_code": PIN}, "/debit_card_pin_code"),
        ({"gift_card": {"pin": 123456}}, {"gift_card": {"pin": PIN}}, "/gift_card/pin"),
        ({"card": {"pin_code": "1234"}}, {"card": {"pin_code": PIN}}, "/card/pin_code"),
        ({"card": {"cid": "1234"}}, {"card": {"cid": CVV}}, "/card/cid"),
        ({"pin_block": "04AB12FE"}, {"pin_block": PIN}, "/pin_block"),
        ({"encryptedPinBlock": 12}, {"encryptedPinBlock": PIN}, "/encryptedPinBlock"),
        ({"track2Data": "4111-enc-25121010000012"}, {"track2Data": "[TRACK]"}, "/track2Data"),
        ({"track_1": "Qm9ndXMgdHJhY2sgZGF0YSwgZW5jcnlwdGVk"}, {"track_1": "[TRACK]"}, "/track_1"),
        ({"cvv": [True, "123"]}, {"cvv": [True, CVV]}, "/cvv/1"),
    ],
)
def test_pins_and_tracks_go_by_their_name(
    body: dict[str, Any], new: dict[str, Any], where: str
) -> None:
    assert masked(body) == (new, [where])


TRACK_1 = "%B4111111111111111^DOE/JO HN^25121010000000000?"


@pytest.mark.parametrize(
    "track",
    [
        TRACK_1,
        TRACK_1.strip("%?"),
        TRACK_1.replace("4111111111111111", "4111 1111 1111 1111"),
        "%4111111111111111^DOE/JO^^?",
        ";4111111111111111=25121010000000000?",
        "4111111111111111=2512101",
        "4111111111111111D25121010000F",
        ";٤١١١١١١١١١١١١١١١=25121010000000000?",
    ],
)
def test_a_track_goes_whole(track: str) -> None:
    assert mask_text(track) == "[TRACK ****1111]"
    assert masked({"a": [f"read {track}, ok"]}) == ({"a": ["read [TRACK ****1111], ok"]}, ["/a/0"])


def test_tracks_go_beside_each_other_and_beside_numbers() -> None:
    text = f"{TRACK_1};4242424242424242=2512101? 4111 1111 1111 1111"
    assert mask_text(text) == f"[TRACK ****1111][TRACK ****4242] {PAN}"


@pytest.mark.parametrize(
    "text", ["4111111111111112=25121010000", "%B4111111111111112^DOE/JO^2512101?", "a=1^b^2512"]
)
def test_what_only_looks_like_a_track_stays(text: str) -> None:
    assert mask_text(text) == text


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (["card_number_1", "card_number_2", "card_number_3", "card_number_4"], QUARTERS),
        (
            ["cardNumber4", "cardNumber1", "cardNumber3", "cardNumber2"],
            ["1", "4111111", "11", "111111"],
        ),
        (["pan_part1", "pan_part2"], ["411111", "1111111111"]),
        (["cc-1", "cc-2", "cc-3", "cc-4"], [4111, 1111, 1111, 1111]),
        (["ccnum1", "ccnum2", "ccnum3"], ["3782", "822463", 10005]),
        (["card1", "card2", "card3", "card4"], [4000, 0, 0, 2]),
        ([f"creditCardDigit{place}" for place in range(1, 17)], list("4111111111111111")),
    ],
)
def test_fields_that_spell_a_number_together_go(names: list[str], parts: list[Any]) -> None:
    body = dict(zip(names, parts, strict=True))
    last = "0005" if "3782" in parts else "0002" if 4000 in parts else "1111"
    new, found = masked({"a": {**body, "b": 1}})
    assert new == {"a": {**dict.fromkeys(names, f"[PAN ****{last}]"), "b": 1}}
    assert sorted(found) == sorted(f"/a/{name}" for name in names)


@pytest.mark.parametrize(
    ("body", "new"),
    [
        ({"card": QUARTERS}, {"card": [PAN] * 4}),
        ({"pan": ["411111", 1111111111]}, {"pan": [PAN] * 2}),
        ({"card": {"number": QUARTERS}}, {"card": {"number": [PAN] * 4}}),
        ({"cc": list("4111111111111111")}, {"cc": [PAN] * 16}),
        (
            {"card_number": {"part1": "411111", "part2": "1111111111"}},
            {"card_number": {"part1": PAN, "part2": PAN}},
        ),
        (
            {"creditCard": {"1": "4111", "2": "1111", "3": "11111111"}},
            {"creditCard": {"1": PAN, "2": PAN, "3": PAN}},
        ),
    ],
)
def test_a_container_named_for_a_card_may_hold_one_in_parts(
    body: dict[str, Any], new: dict[str, Any]
) -> None:
    assert masked(body)[0] == new


@pytest.mark.parametrize(
    "body",
    [
        {"lines": QUARTERS},
        {"cards": QUARTERS},
        {"card_last4s": QUARTERS},
        {"card_ids": QUARTERS},
        {"company": QUARTERS},
        {"card": ["4111", "1111", "1111", "1112"]},
        {"card": [*QUARTERS, None]},
        {"n1": "4111", "n2": "1111", "n3": "1111", "n4": "1111"},
        {"card": {"last4": "4111", "bin6": "1111", "exp1": "1111", "line4": "1111"}},
        {"gift_card_1": "4111", "gift_card_2": "1111", "gift_card_3": "11111111"},
        {"order": {"1": "4111", "2": "1111", "3": "1111", "4": "1111"}},
    ],
)
def test_other_lists_and_fields_are_no_number(body: dict[str, Any]) -> None:
    assert masked(body) == (body, [])


def test_what_was_masked_before_is_listed_again() -> None:
    body = {"a": CVV, "b": ["x", PIN], "c": {"d": "[TRACK]"}, "e": "see [TRACK ****1111]"}
    assert masked(body) == (body, ["/a", "/b/1", "/c/d", "/e"])
    assert masked({"a": "the [PIN] is wrong"})[1] == []


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ("card 378282246310005 exp 12/29 cvv 123 ok", "card [PAN ****0005] exp 12/29 cvv [CVV] ok"),
        ("CVC: 123", "CVC: [CVV]"),
        ("cvv 123", "cvv [CVV]"),
        ("the security code is 1234", "the security code is [CVV]"),
        ('{"cvv2": "123", "x": 1}', '{"cvv2": "[CVV]", "x": 1}'),
        ("a?cvv=123&b", "a?cvv=[CVV]&b"),
    ],
)
def test_a_security_code_is_found_in_text_by_its_name(text: str, new: str) -> None:
    assert masked({"note": text}) == ({"note": new}, ["/note"])


@pytest.mark.parametrize(
    "text",
    ["cvv 12345", "cvv passed, 123", "archivcvv 123", "cvv2 ok", "cvv result: 200", "cvv123"],
)
def test_other_words_for_checks_in_text_stay(text: str) -> None:
    assert mask_text(text) == text
