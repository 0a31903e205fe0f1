"""Labelled documents, the same at every run, and how well the scrubber tells them apart.

`python -m tests.domain.privacy.card_corpus` prints the table. A document is an object of a few
fields; its label, where in it something of a card is. Numbers are drawn; nothing is of anybody.
"""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from random import Random
from typing import Any, NamedTuple

from domain.canonical import encode
from domain.privacy.cards import mask_body, may_hold_card, scrub_text

EACH = 200
"""Documents of each kind."""

Body = dict[str, Any]
Cut = bytes
"""A line that is no JSON, for its end is missing."""

_ISSUERS = (  # prefix and length
    *(("4", 16), ("4", 13), ("4", 19), ("51", 16), ("2221", 16), ("2720", 16), ("34", 15)),
    *(("37", 15), ("36", 14), ("3095", 14), ("6011", 16), ("65", 16), ("62", 16), ("62", 19)),
    *(("3528", 16), ("6304", 16), ("6759", 18), ("2200", 16), ("5066", 16), ("6362", 16)),
)
_CONTEXTS = (
    *("{}", "{}", "card {}", "paid with {}, thanks", "({})", "PAN:{}", "{} exp 12/27", "<{}>"),
    *("on 2025-03-01: {}", "x{}y", "\u00bb{}\u00ab", "\u30ab\u30fc\u30c9{}\u3067\u3059", "{}\n"),
)
_NAMES = ("note", "memo", "comment", "message", "number", "raw", "reference", "instructions")
_FREE = " -.\u00a0\u2009\u202f\u2007\u2010\u2011\u2012\u2013\u2014\u2212\u200b"
_OTHER = ("/", "_", "\t", "  ", " - ", "--", " / ", " \u2013 ", "\u2044")
_ZEROS = (0xFF10, 0x660, 0x6F0, 0x966, 0x9E6, 0xE50, 0x1D7CE)
_CODES = ("cvv", "cvc", "cvv2", "CVC2", "csc", "cardCvv", "card-security-code", "securityCode")


def _digits(draw: Random, count: int) -> str:
    return "".join([str(draw.randrange(10)) for _ in range(count)])


def _checked(digits: str) -> str:
    """The digits and their check digit, by Luhn."""
    doubled = [int(char) * (2 - place % 2) for place, char in enumerate(reversed(digits))]
    return digits + str(-sum(number // 10 + number % 10 for number in doubled) % 10)


def _card(draw: Random) -> str:
    prefix, length = draw.choice(_ISSUERS)
    return _checked(prefix + _digits(draw, length - 1 - len(prefix)))


def _groups(number: str) -> list[str]:
    if len(number) in (14, 15):
        return [number[:4], number[4:10], number[10:]]
    return [number[at : at + 4] for at in range(0, len(number), 4)]


def _any_groups(draw: Random, number: str) -> list[str]:
    cuts = sorted(draw.sample(range(1, len(number)), draw.randrange(1, 6)))
    return [number[at:end] for at, end in zip([0, *cuts], [*cuts, len(number)], strict=True)]


def _in_text(draw: Random, text: str) -> Body:
    return {draw.choice(_NAMES): draw.choice(_CONTEXTS).format(text), "qty": draw.randrange(9)}


def _other_digits(draw: Random, text: str) -> str:
    zero = draw.choice(_ZEROS)
    return text.translate({ord("0") + digit: zero + digit for digit in range(10)})


def _members(draw: Random) -> Body:
    stem = draw.choice(("card_number_", "cardNumber", "card", "pan_part", "cc-", "creditCardNo"))
    parts = draw.choice((_groups, lambda number: _any_groups(draw, number)))(_card(draw))
    return {f"{stem}{index}": part for index, part in enumerate(parts, 1)}


def _elements(draw: Random) -> Body:
    parts: Any = _groups(_card(draw))
    return {draw.choice(("card", "card_number", "pan", "cc", "creditCard")): parts}


def _track_1(draw: Random) -> str:
    return f"%B{_card(draw)}^DOE/{draw.choice(('JANE', 'J M', ''))}^2712101{_digits(draw, 9)}?"


def _track_2(draw: Random) -> str:
    return f"{_card(draw)}{draw.choice('=D')}2712101{_digits(draw, 8)}"


def _cut(draw: Random, body: Body) -> Cut:
    return json.dumps(body, ensure_ascii=draw.random() < 0.5).encode()[:-1]


# What must be found. Each value of a body is to be masked but those of `qty`; of a cut line, the
# digits of its number or code must be gone.
FOUND: dict[str, Callable[[Random], Body | Cut]] = {
    "number, plain": lambda draw: _in_text(draw, _card(draw)),
    "number, integer": lambda draw: {"n": int(_checked("4" + _digits(draw, 14)))},
    "number, grouped": lambda draw: _in_text(draw, draw.choice(_FREE).join(_groups(_card(draw)))),
    "number, any groups": lambda draw: _in_text(
        draw, draw.choice(_FREE).join(_any_groups(draw, _card(draw)))
    ),
    "number, other separators": lambda draw: _in_text(
        draw, draw.choice(_OTHER).join(_groups(_card(draw)))
    ),
    "number, digit by digit": lambda draw: _in_text(draw, draw.choice(_OTHER).join(_card(draw))),
    "number, other digits": lambda draw: _in_text(
        draw, _other_digits(draw, draw.choice(_FREE).join(_groups(_card(draw))))
    ),
    "number in parts, fields": _members,
    "number in parts, list": _elements,
    "track 1": lambda draw: _in_text(draw, _track_1(draw)),
    "track 2": lambda draw: {
        "raw": draw.choice(("{}", ";{}?", "read {} ok")).format(_track_2(draw))
    },
    "security code": lambda draw: {draw.choice(_CODES): _digits(draw, draw.choice((3, 4)))},
    "security code, in a text": lambda draw: {
        "note": draw.choice(("the cvv is {}", "cvc2: {}.", "?cvv={}&x", '{{"CVC":"{}"}}')).format(
            _digits(draw, 3)
        )
    },
    "PIN": lambda draw: {draw.choice(("pin", "card_pin", "cardPin")): _digits(draw, 4)},
    "PIN block": lambda draw: {draw.choice(("pin_block", "pinBlock")): draw.randbytes(8).hex()},
    "cut line, number": lambda draw: _cut(
        draw, _in_text(draw, draw.choice(_FREE).join(_groups(_card(draw))))
    ),
    "cut line, other digits": lambda draw: _cut(draw, {"raw": _other_digits(draw, _card(draw))}),
    "cut line, parts": lambda draw: _cut(draw, _members(draw)),
    "cut line, code": lambda draw: _cut(draw, {"a": [], draw.choice(_CODES): _digits(draw, 3)}),
    "cut line, UTF-16": lambda draw: json.dumps({"a": _card(draw)}).encode("utf-16-le")[:-2],
}

# What is of a card as well, and is not told: for its shape, or because its field is exempt.
MISSED: dict[str, Callable[[Random], Body | Cut]] = {
    "any groups, other separators": lambda draw: {
        "note": draw.choice(_OTHER).join(_any_groups(draw, _card(draw)))
    },
    "number over two lines": lambda draw: {"note": "\n".join(_groups(_card(draw)))},
    "number with words between": lambda draw: {"note": " and ".join(_groups(_card(draw)))},
    "number in an id": lambda draw: {"order_id": _card(draw)},
    "parts in fields of other names": lambda draw: {
        f"field_{index}": part for index, part in enumerate(_groups(_card(draw)))
    },
    "security code after other words": lambda draw: {"note": f"the code on it: {_digits(draw, 3)}"},
}


def _luhn_of_no_issuer(draw: Random) -> str:
    return _checked(draw.choice("179") + _digits(draw, 14))


def _time(draw: Random) -> str:
    time = datetime.fromtimestamp(draw.randrange(1_400_000_000, 1_900_000_000), UTC)
    form = draw.choice(
        ("%Y-%m-%dT%H:%M:%S.%fZ", "%d/%m/%Y %H:%M:%S", "%Y%m%d%H%M%S", "%Y/%m/%d", "%d.%m.%Y %H:%M")
    )
    return time.strftime(form)


def _iban(draw: Random) -> str:
    country, length = draw.choice((("DE", 18), ("FI", 14), ("BE", 12), ("NO", 11), ("ES", 20)))
    account = _digits(draw, length)
    check = 98 - int(account + "".join([str(int(char, 36)) for char in country]) + "00") % 97
    return f"{country}{check:02}{account}"


def _iban_in_fours(draw: Random) -> str:
    iban = _iban(draw)
    return " ".join([iban[at : at + 4] for at in range(0, len(iban), 4)])


def _phone(draw: Random) -> str:
    return draw.choice(("+1-{0}-{1}-{2}", "+44 20 {3} {2}", "({0}) {1}-{2}", "00{4}{1}{2}")).format(
        *(_digits(draw, count) for count in (3, 3, 4, 4, 5))
    )


def _tracking(draw: Random) -> str:
    serial = "".join(draw.choices("0123456789ABCDEFGHJKLMNPRSTVWXYZ", k=6))
    return draw.choice(
        ("1Z{2}{0}", "{0}{1}", "94{0}{0}{3}", "JD01{0}{1}", "RR{4}SE", "{0}")
    ).format(_digits(draw, 10), _digits(draw, 2), serial, _digits(draw, 0), _digits(draw, 9))


# What must stay as it is.
LEFT: dict[str, Callable[[Random], Body]] = {
    "times": lambda draw: _in_text(draw, _time(draw)),
    "telephone numbers": lambda draw: {"phone": _phone(draw), "note": f"call {_phone(draw)}"},
    "GTIN and EAN": lambda draw: {
        "gtin": draw.choice("0123") + _digits(draw, draw.choice((11, 12)))
    },
    "IBAN": lambda draw: _in_text(draw, draw.choice((_iban, _iban_in_fours))(draw)),
    "carriers' numbers, text": lambda draw: _in_text(draw, _tracking(draw)),
    "carriers' numbers, field": lambda draw: {"tracking_number": _tracking(draw)},
    "order numbers": lambda draw: {"number": f"NM-{_digits(draw, 9)}", "ref": _digits(draw, 10)},
    "hashes": lambda draw: {"sha256": draw.randbytes(32).hex(), "md5": draw.randbytes(16).hex()},
    "UUIDs": lambda draw: {"uuid": str(uuid.UUID(int=draw.getrandbits(128), version=4))},
    "money": lambda draw: {
        "total": draw.randrange(10**9),
        "note": f"{draw.randrange(10**6)}.50 EUR",
    },
    "versions": lambda draw: {"version": ".".join([_digits(draw, 2) for _ in range(4)])},
    "numeric ids, in ids": lambda draw: {"payment_id": _card(draw), "sku": _card(draw)},
    "postal codes": lambda draw: {
        "pin": _digits(draw, 6),
        "pin_code": _digits(draw, 6),
        "zip": 12345,
    },
    "Luhn without issuer": lambda draw: _in_text(draw, _luhn_of_no_issuer(draw)),
    "issuer without Luhn": lambda draw: _in_text(draw, str(int(_card(draw)) ^ 1)),
    "masked numbers": lambda draw: {"credit_card_number": f"XXXX-XXXX-XXXX-{_digits(draw, 4)}"},
    "results of checks": lambda draw: {
        "cvv_result": "M",
        "cvc_check": "pass",
        "cvvPresent": True,
        "avs_code": _digits(draw, 3),
        "card_last4": _digits(draw, 4),
    },
    "lists and series": lambda draw: {
        "lines": _groups(_card(draw)),
        "line1": _digits(draw, 4),
        "line2": _digits(draw, 4),
        "cards": _groups(_card(draw)),
    },
    "paths and URLs": lambda draw: {
        "url": f"/shops/{_digits(draw, 9)}/orders/{_digits(draw, 13)}/1"
    },
}

# What nobody can tell apart from a card number: the checksum lets a tenth pass.
ALIKE: dict[str, Callable[[Random], Body]] = {
    "16 random digits in a text": lambda draw: _in_text(draw, _digits(draw, 16)),
    "19 random digits in a text": lambda draw: _in_text(draw, _digits(draw, 19)),
    "16 digits, issuer's prefix, in a text": lambda draw: _in_text(draw, "4" + _digits(draw, 15)),
    "Luhn and prefix, in a text": lambda draw: _in_text(draw, _card(draw)),
    "USPS, spaced": lambda draw: {
        "note": " ".join(["9405", *(_digits(draw, 4) for _ in range(4))])
    },
}


class Score(NamedTuple):
    documents: int
    found: int


def scores(kinds: dict[str, Callable[[Random], Any]]) -> Iterator[tuple[str, Score]]:
    """By kind, in how many of its documents something was found; of what must be found, all."""
    for kind, make in kinds.items():
        draw = Random(kind)
        whole = kinds is FOUND or kinds is MISSED
        yield kind, Score(EACH, sum(_is_found(make(draw), whole=whole) for _ in range(EACH)))


def _is_found(document: Body | Cut, *, whole: bool) -> bool:
    if isinstance(document, bytes):
        scrubbed = scrub_text(document).replace(b"\0", b"")
        return b"[PAN ****" in scrubbed or b"[CVV]" in scrubbed
    found: list[str] = []
    if may_hold_card(encode(document)):
        mask_body(document, "", found, [])
    fields = {pointer.split("/")[1] for pointer in found}
    return fields == document.keys() - {"qty"} if whole else bool(found)


def precision(*, alike: bool) -> float:
    """Of the documents in which something was found, those that have it; with `alike`, numbers that
    cannot be told apart are among those that do not."""
    right = _total(FOUND) + _total(MISSED)
    return right / (right + _total(LEFT) + (_total(ALIKE) if alike else 0))


def _total(kinds: dict[str, Callable[[Random], Any]]) -> int:
    return sum(score.found for _, score in scores(kinds))


def table() -> Iterator[str]:
    for title, kinds in (
        ("to be found", FOUND),
        ("of cards, and not told", MISSED),
        ("to be left alone", LEFT),
        ("cannot be told apart", ALIKE),
    ):
        yield f"{title:40} documents  found\n"
        for kind, score in scores(kinds):
            yield f"  {kind:38} {score.documents:9}  {score.found / score.documents:6.1%}\n"
    with_alike = precision(alike=True)
    yield f"precision {precision(alike=False):.2%}, with the last kinds {with_alike:.2%}\n"


if __name__ == "__main__":
    sys.stdout.writelines(table())
