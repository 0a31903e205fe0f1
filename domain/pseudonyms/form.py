"""What a pseudonym looks like, so that nothing takes it for a value."""

from __future__ import annotations

import re

PREFIX = "pn-"
HOST = "@pseudonym.invalid"
"""Behind that of an email address, which stays one. `.invalid` is nobody's, ever (RFC 6761)."""
CHARACTERS = 16
"""Of base32 behind the prefix: 80 bits."""

_PSEUDONYM = re.compile(rf"{PREFIX}[a-z2-7]{{{CHARACTERS}}}(?:{re.escape(HOST)})?")


def is_pseudonym(value: object) -> bool:
    """Whether a value is one, and not a person's own."""
    return type(value) is str and _PSEUDONYM.fullmatch(value) is not None
