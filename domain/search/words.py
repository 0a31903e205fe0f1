"""How a text, an identifier and a person's address are written so that both sides meet.

What is indexed and what is asked for go through the same functions; nothing else decides what
matches. Unicode: NFKC, then casefold (UAX #15, Unicode chapter 3.13).
"""

from __future__ import annotations

import re
from unicodedata import normalize

from domain.pseudonyms.form import is_pseudonym

LONGEST_WORD = 64
"""Characters of a word that count; what is behind them is cut off, on both sides."""
LONGEST_IDENT = 200
SHORTEST_PART = 3
"""Characters that a part of an identifier needs to be looked for."""

_WORD = re.compile(r"[^\W_]+")
_NO_DIGITS = re.compile(r"[^0-9]+")
_FEWEST_DIGITS = 6


def words(text: str) -> list[str]:
    """The words of a text, in order: runs of letters and digits, folded."""
    return [word[:LONGEST_WORD] for word in _WORD.findall(fold(text))]


def ident(text: str) -> str:
    """An identifier as it is compared; "" for one that nobody can look for."""
    folded = fold(text).strip()
    return folded if len(folded) <= LONGEST_IDENT else ""


def email(text: str) -> str | None:
    """An email address as it is compared; None where the text is none."""
    folded = fold(text).strip()
    local, at, host = folded.rpartition("@")
    return folded if at and local and "." in host and " " not in folded else None


def phone(text: str) -> str | None:
    """The digits of a telephone number, `+` and an international 00 left out; None for fewer than
    six. A pseudonym stands for the number that it replaces."""
    if is_pseudonym(text):
        return text
    digits = _NO_DIGITS.sub("", normalize("NFKC", text)).removeprefix("00")
    return digits if len(digits) >= _FEWEST_DIGITS else None


def fold(text: str) -> str:
    """A text whose upper and lower case, and compatible characters, are one."""
    if text.isascii():
        return text.lower()  # the same, and most texts are
    return normalize("NFKC", normalize("NFKC", text).casefold())
