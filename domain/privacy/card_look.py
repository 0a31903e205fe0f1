"""A quick look at the bytes of a body: whether a walk through it could find a card's secrets."""

from __future__ import annotations

import re

from domain.privacy.card_numbers import SHORTEST

# Digits as 0 and letters in lower case, without white space, without what may part groups of
# digits or words of a name, and without all that is not ASCII. Three letters stand for another
# each, p for c, n for d and s for i, so that all names of codes have a c to look for.
_PLAIN = (
    bytes(ord("0") if chr(byte) in "0123456789" else byte for byte in range(256))
    .lower()
    .translate(bytes.maketrans(b"pns", b"cdi"))
)
_DROPPED = b" \t\r\n-+._/" + bytes(range(128, 256))
_ASCII = bytes(range(128))

_SHORTEST = b"0" * SHORTEST
_NAME = re.compile(
    rb"""c (?: v [vcdx0]                                                   # cvv, cvc2, cv2
             | i[dc] (?: code | value | dumber )? ["'\\]{0,3} [:=]        # cid, csc, pin_number
             | idblock                                                     # pin_block
             | k0 (?: ["'\\]{0,3} [:=] | data | equiv )                   # track1, track_2_data
             | atiod (?: value | dumber )                                  # verification_value
             | av0
             | ode (?: (?<=uritycode) | (?<=cardcode) | (?<=atiodcode) )
           )""",
    re.VERBOSE,
)
# A key that ends in a digit may be a part's (card_number_1), unlike the usual last4, line1 and
# address1.
_NUMBERED = re.compile(rb'0":(?<!lait0":)(?<!lide0":)(?<!reii0":)')
# A list of short numbers, or of ones with exponents, and what was masked before.
_BRACKET = re.compile(rb"""\[(?:["',]*+00*+[],"']|00*+e|cad\*{4}|track(?:\*{4}|\])|cvv\]|cid\])""")
_EXPONENT = re.compile(rb"e00*+[],}]")
_DIGIT = re.compile(r"\d")


def may_hold_card(text: bytes) -> bool:
    """Whether text could hold a card number or another secret of a card; never false when it does,
    be it JSON or not, if no escape hides a digit and no NUL is in it.

    A few microseconds per kilobyte: what lets the common event skip the search. Text that was
    masked before counts too, so that its redactions are listed again.
    """
    plain = text.translate(_PLAIN, _DROPPED)
    if b"\\" in plain:  # tabs part groups as well, and JSON escapes them
        plain = plain.replace(b"\\t", b"")
    return (
        _SHORTEST in plain
        or _NAME.search(plain) is not None
        or _NUMBERED.search(plain) is not None
        or _BRACKET.search(plain) is not None
        or _EXPONENT.search(plain) is not None
        or (not text.isascii() and _has_other_digits(text))
    )


def _has_other_digits(text: bytes) -> bool:
    return _DIGIT.search(text.translate(None, _ASCII).decode(errors="replace")) is not None
