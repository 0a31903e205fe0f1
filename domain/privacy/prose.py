"""Free text that somebody writes about what they ask for: a reason, a legal basis, a name.

What stands in plain text, or is kept when persons are erased, must hold no email address, in
whatever width its characters are.
"""

from __future__ import annotations

import re
from typing import Any
from unicodedata import normalize

from domain.errors import FieldError
from domain.privacy.cards import holds_card
from domain.privacy.classify import holds_email

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""All but tabs, line feeds and carriage returns."""


def check_prose(
    pointer: str,
    text: Any,
    limit: int,
    wrong: list[FieldError],
    *,
    plain: bool = False,
    one_line: bool = False,
) -> bool:
    """Whether a text is as it must be; appends what is wrong, repeating nothing. limit: in
    characters. plain: it stands in plain text, or is kept when persons are erased. one_line: as a
    name is."""
    problem = _problem(text, limit, plain=plain, one_line=one_line)
    if problem is not None:
        wrong.append(FieldError(pointer, problem))
    return problem is None


def _problem(text: Any, limit: int, *, plain: bool, one_line: bool) -> str | None:
    if type(text) is not str or not 1 <= len(text) <= limit:
        return f"must be a text of 1 to {limit:,} characters"
    if _CONTROL.search(text):
        return "must not hold control characters, but tabs and ends of lines"
    if one_line and len(text.splitlines()) > 1:
        return "must be one line"
    if not any(one.isprintable() and not one.isspace() for one in text):
        return "must say something: it has no visible character"
    if holds_card(text):
        return "must not hold a card number"
    if plain and holds_email(normalize("NFKC", text)):
        return "must not hold an email address: it is kept for ever"
    return None
