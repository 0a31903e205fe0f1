"""What is of cards in bytes that are no JSON: a line that was cut, or that nobody can read."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable

from domain.privacy.card_names import part_of, secret, split_elements
from domain.privacy.card_numbers import Found, find, replace, spelled

# A character may be spelt as \u003x, and UTF-16 has a NUL beside every character of ASCII.
_SPELT = re.compile(
    r"\\u(?P<high>d[89ab][0-9a-f]{2})\\u(?P<low>d[c-f][0-9a-f]{2})"
    r"|\\u(?P<unit>[0-9a-f]{4})|\\(?P<char>[t/])|\0+",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"""(?<![A-Za-z0-9_-]) (?P<name> [A-Za-z0-9_-]{1,100}+ )
        (?P<is> ["'\\]{0,3} [ \t\r\n]{0,8} [:=] [ \t\r\n]{0,8} )
        (?: \[ (?P<list> [\d \t\r\n,"'\\]{1,400} )
          | ["'\\]{0,3} (?P<value> [^]\s"',;:=?&{}\\[]+ ) )""",
    re.VERBOSE,
)
_DIGITS = re.compile(r"\d+")
_AROUND = "card"
"""Of a cut line nobody knows what is around a field: nothing that may be a code is kept."""


def scrub_text(raw: bytes) -> bytes:
    """Unreadable bytes with all that is of cards replaced; nothing is exempt, not even ids. Of
    UTF-16, digits and separators of ASCII are seen."""
    text = raw.decode("utf-8", "surrogateescape")
    return _replaced(_replaced(text, find), _find_named).encode("utf-8", "surrogateescape")


def _replaced(text: str, search: Callable[[str], list[Found]]) -> str:
    """The text with what the search finds in it, once every character is plain, replaced."""
    if "\\" not in text and "\0" not in text:
        return replace(text, search(text))
    plain = _Plain(text)
    found = [
        (plain.start(first), plain.end(last), mark) for first, last, mark in search(plain.text)
    ]
    return replace(text, found)


class _Plain:
    """A text without escapes and NULs, and where in the original each character stood."""

    def __init__(self, text: str) -> None:
        self._at: list[int] = []
        self._was_at: list[int] = []
        self._widths: list[int] = []
        parts: list[str] = []
        length = done = 0
        for match in _SPELT.finditer(text):
            char = _char(match)
            for part, was_at, width in (
                (text[done : match.start()], done, 1),
                (char, match.start(), len(match[0])),
            ):
                self._note(length, was_at, width)
                parts.append(part)
                length += len(part)
            done = match.end()
        self._note(length, done, 1)
        self.text = "".join(parts) + text[done:]

    def start(self, place: int) -> int:
        index = bisect_right(self._at, place) - 1
        return self._was_at[index] + place - self._at[index]

    def end(self, place: int) -> int:
        return self.start(place - 1) + self._widths[bisect_right(self._at, place - 1) - 1]

    def _note(self, at: int, was_at: int, width: int) -> None:
        self._at.append(at)
        self._was_at.append(was_at)
        self._widths.append(width)


def _char(match: re.Match[str]) -> str:
    if match["high"]:
        units = bytes.fromhex(match["high"] + match["low"])
        return units.decode("utf-16-be")
    if match["unit"]:
        return chr(int(match["unit"], 16))
    return {"t": "\t", "/": "/"}.get(match["char"] or "", "")


def _find_named(text: str) -> list[Found]:
    """Codes, PINs and parts of card numbers by the names before them, in order."""
    found: list[Found] = []
    series: dict[str, list[tuple[int, int, int, str]]] = {}
    for match in _NAMED.finditer(text):
        name, value = match["name"], match["value"]
        if value is None:
            found += _of_list(name, match)
        elif (mark := secret(name, value, _AROUND)) is not None:
            found.append((*match.span("value"), mark))
        elif (
            name[-1].isdigit()
            and '"' in match["is"]
            and value.isdecimal()
            and (part := part_of(name, _AROUND))
        ):
            series.setdefault(part[0], []).append((part[1], *match.span("value"), value))
    for parts in series.values():
        parts.sort()
        marks = spelled([value for *_, value in parts])
        found += [(*parts[index][1:3], mark) for index, mark in marks.items()]
    return sorted(found)


def _of_list(name: str, match: re.Match[str]) -> list[Found]:
    places = [
        (item.span(), item[0]) for item in _DIGITS.finditer(match.string, *match.span("list"))
    ]
    marks = split_elements([text for _, text in places], name, _AROUND)
    return [(*places[index][0], mark) for index, mark in marks.items()]
