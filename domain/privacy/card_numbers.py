"""Card numbers and magnetic tracks in text, found by issuer prefix, length and Luhn; named codes.

13 to 19 digits of any script, alone or in groups, become `[PAN ****1111]`; with what a magnetic
stripe writes around them, `[TRACK ****1111]`. A number begins and ends where a group of digits
does: "2025-01-01 4111111111111111" holds one, a run of 25 digits none. Groups may have any size
where one space, dash or dot of any kind parts them. Other separators (a slash, an underscore, a
tab, or two or three at once) also stand between dates and ids: they count where the groups are
those of a card. An IBAN whose own checksum holds is no card number.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from unicodedata import decimal

PAN = "[PAN ****"
TRACK = "[TRACK ****"
CVV = "[CVV]"

_ISSUED = re.compile(
    rb"""
      4 (?: \d{12} | \d{15} | \d{18} )                                              # Visa
    | (?: 5[1-5]\d\d | 222[1-9] | 22[3-9]\d | 2[3-6]\d\d | 27[01]\d | 2720 ) \d{12} # Mastercard
    | 3[47] \d{13}                                                                  # Amex
    | 36 \d{12,17} | 30[0-5] \d{11,16} | (?: 3095 | 3[89]\d\d ) \d{10,15}           # Diners Club
    | (?: 6011 | 64[4-9]\d | 65\d\d ) \d{12,15}                                     # Discover
    | (?: 62 | 81 | 82 ) \d{14,17}                                                  # UnionPay
    | 35 (?: 2[89] | [3-8]\d ) \d{12,15}                                            # JCB
    | (?: 5018 | 5020 | 5038 | 5893 | 6304 | 6759 | 676[1-3] ) \d{9,15}             # Maestro
    | 220[0-4] \d{12,15}                                                            # Mir
    | (?: 5019 | 50[6-9]\d | 60\d\d | 6362 | 6363 | 9792 ) \d{12}                   # Dankort, Elo,
    """,  # RuPay, Hipercard, Troy
    re.VERBOSE,
)
SHORTEST = 13
_LENGTHS = range(SHORTEST, 20)
_SINGLE = bytes.maketrans(b"0123456789", bytes(range(10)))
_DOUBLE = bytes.maketrans(b"0123456789", bytes([0, 2, 4, 6, 8, 1, 3, 5, 7, 9]))

# Spaces, invisible characters, dashes and dots; the last are bytes of Latin-1 and Windows-1252 in
# what is no UTF-8, as surrogateescape spells them.
_FREE = (
    " \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
    "\u00ad\u200b-\u200d\u2060\ufeff"
    "\\-\u2010-\u2015\u2043\u2212\ufe58\ufe63\uff0d"
    ".\u00b7\u2024\u30fb\uff0e"
    "\udca0\udcad\udc96\udc97"
)
_OTHER = "/_\t\u2044\u2215\uff0f\uff3f"
_SEPARATOR = f"[{_FREE}{_OTHER}]"
_RUN = re.compile(rf"\d(?:{_SEPARATOR}{{0,3}}\d){{{SHORTEST - 1},}}")
_DIGIT = re.compile(r"\d")
_IS_FREE = re.compile(f"[{_FREE}]")

# ISO/IEC 7813. Track 1: %B, number, ^, name, ^, expiry, service code and more, ?. Track 2: ;,
# number, =, the same, ?; a chip writes D for = (EMV tag 57), and that counts with a service code.
_TRACK = re.compile(
    r"""
      (?: %? (?<![A-Za-z]) [A-Za-z] | % )? (?<!\d) (?P<one> \d [\d ]{11,21} \d )
      \^ [^^\r\n]{0,30} \^ (?: [0-9A-Z ./$&()'=+:;,^-]{0,60} \? | [0-9A-Za-z^]{0,60} )
    | ;? (?<!\d) (?P<two> \d{13,19} ) (?: = \d{4} [\d=]{0,30} \?? | [Dd] \d{7,30} [Ff]? \?? )
    """,
    re.VERBOSE,
)

# A security code that its name stands before: "cvv 123", "CVC is 123", and requests kept as text.
_CODE = re.compile(
    r"(?<![A-Za-z0-9])(?:cv[vc]2?|security[ _-]?code)"
    r"(?:[\"']?[ ]?(?:is[ ]|[:=#][ ]?)[\"']?|[ ])(?P<code>\d{3,4})(?!\d)",
    re.IGNORECASE,
)
# ISO 13616, in one piece or in fours.
_IBAN = re.compile(
    r"(?<![A-Za-z0-9])[A-Z]{2}[0-9]{2}"
    r"(?:[A-Z0-9]{11,30}|(?:\ [A-Z0-9]{4}){2,7}(?:\ [A-Z0-9]{1,3})?)(?![A-Za-z0-9])"
)

_SHORTEST = len("cvv 123")

Found = tuple[int, int, str]
"""Where a text has something (first and last + 1), and what to write for it."""


def holds_card(text: str) -> bool:
    """Whether a card number, or its security code, is anywhere in the text."""
    return len(text) >= _SHORTEST and bool(find(text))


def mask_text(text: str) -> str:
    """The text with every card number, track and security code in it replaced; the same text if
    there is none."""
    return replace(text, find(text)) if len(text) >= _SHORTEST else text


def find(text: str) -> list[Found]:
    """Every card number, track and security code, in order, none overlapping."""
    if _DIGIT.search(text) is None:
        return []
    found = list(_codes(text))
    if _RUN.search(text) is None:
        return found
    known = sorted([*found, *_tracks(text), *_ibans(text)])
    found = []
    done = 0
    for start, end, mark in known:
        if start >= done:
            found += _numbers_between(text, done, start)
            found += [(start, end, mark)] if mark else []
            done = end
    return found + _numbers_between(text, done, len(text))


def replace(text: str, found: Sequence[Found]) -> str:
    """The text with what was found, in order, replaced."""
    parts: list[str] = []
    done = 0
    for first, last, mark in found:
        parts += (text[done:first], mark)
        done = last
    return "".join(parts) + text[done:]


def spelled(parts: Sequence[str]) -> dict[int, str]:
    """Of the parts of a number, each of digits: those that spell a card number together, by index,
    and what to write for each."""
    begins = [0]
    for part in parts:
        begins.append(begins[-1] + len(part))
    digits = ascii_digits("".join(parts))
    marks: dict[int, str] = {}
    for first, last in _windows(digits, begins[:-1]):
        mark = f"{PAN}{digits[last - 3 : last + 1].decode()}]"
        inside = range(bisect_right(begins, first) - 1, bisect_right(begins, last))
        marks.update(dict.fromkeys(inside, mark))
    return marks


def ascii_digits(digits: str) -> bytes:
    """Digits of any script as ASCII."""
    if not digits.isascii():
        digits = "".join(str(decimal(digit)) for digit in digits)
    return digits.encode()


def _tracks(text: str) -> Iterator[Found]:
    for match in _TRACK.finditer(text):
        digits = ascii_digits((match["one"] or match["two"]).replace(" ", ""))
        if len(digits) in _LENGTHS and _is_card(digits):
            yield *match.span(), f"{TRACK}{digits[-4:].decode()}]"


def _codes(text: str) -> Iterator[Found]:
    if "cv" in (lower := text.lower()) or "security" in lower:
        for match in _CODE.finditer(text):
            yield *match.span("code"), CVV


def _ibans(text: str) -> Iterator[Found]:
    """Account numbers, which hold: a card number that stands in one by chance is none."""
    for match in _IBAN.finditer(text):
        account = match[0].replace(" ", "")
        if int("".join([str(int(char, 36)) for char in account[4:] + account[:4]])) % 97 == 1:
            yield *match.span(), ""


def _numbers_between(text: str, start: int, end: int) -> list[Found]:
    return [found for run in _RUN.finditer(text, start, end) for found in _numbers(run)]


def _numbers(run: re.Match[str]) -> Iterator[Found]:
    """The card numbers in a run of groups of digits."""
    start, text = run.start(), run.group()
    places = [match.start() for match in _DIGIT.finditer(text)]
    digits = ascii_digits("".join([text[place] for place in places]))
    begins, unusual = [0], set()
    for index, (before, place) in enumerate(pairwise(places), 1):
        if place != before + 1:
            begins.append(index)
            if place != before + 2 or not _IS_FREE.match(text, before + 1):
                unusual.add(index)
    for first, last in _windows(digits, begins, unusual):
        mark = f"{PAN}{digits[last - 3 : last + 1].decode()}]"
        yield start + places[first], start + places[last] + 1, mark


def _windows(
    digits: bytes, begins: Sequence[int], unusual: Collection[int] = ()
) -> list[tuple[int, int]]:
    """First and last digit of every card number between group boundaries, overlaps merged.
    `unusual`: the beginnings of groups that need to be groups of a card."""
    starts = set(begins)
    ends = {begin - 1 for begin in begins} | {len(digits) - 1}
    windows: list[tuple[int, int]] = []
    for first in begins:
        for length in _LENGTHS:
            last = first + length - 1
            if last not in ends or not _is_card(digits[first : last + 1]):
                continue
            if unusual and not _is_grouped(first, last, starts, unusual):
                continue
            if windows and first <= windows[-1][1]:
                windows[-1] = (windows[-1][0], max(last, windows[-1][1]))
            else:
                windows.append((first, last))
    return windows


def _is_grouped(first: int, last: int, starts: set[int], unusual: Collection[int]) -> bool:
    """Whether unusual separators are no matter: there is none, or the groups have the size of
    those on a card (4-4-4-4, 4-6-5, ...), or are digits, pairs of digits, or two halves."""
    inner = [place for place in range(first + 1, last + 1) if place in starts]
    if not any(place in unusual for place in inner):
        return True
    sizes = [after - before for before, after in pairwise([first, *inner, last + 1])]
    if sizes[:2] == [4, 6] and len(sizes) == 3:
        return True
    size = sizes[0]
    if size == 4:
        return set(sizes[:-1]) == {4} and sizes[-1] <= 7
    return size in (1, 2, 8) and set(sizes[:-1]) == {size} and sizes[-1] <= size


def _is_card(digits: bytes) -> bool:
    if _ISSUED.fullmatch(digits) is None:
        return False
    alone, doubled = digits[-1::-2].translate(_SINGLE), digits[-2::-2].translate(_DOUBLE)
    return (sum(alone) + sum(doubled)) % 10 == 0
