"""JSON pointers (RFC 6901), by which errors, redactions and disclosures name a place in a body."""

from __future__ import annotations

from collections.abc import Iterable

LONGEST = 1000
"""Characters of a pointer that is told or kept: by longer ones, a body whose fields have long names
would grow a thousandfold."""


def child(pointer: str, token: str | int) -> str:
    """The pointer to a member or an element of what `pointer` names."""
    text = str(token)
    if "~" in text or "/" in text:
        text = text.replace("~", "~0").replace("/", "~1")
    return f"{pointer}/{text}"


def of_path(path: Iterable[str | int], base: str = "") -> str:
    """The pointer of a path of member names and element indexes, below `base`."""
    for token in path:
        base = child(base, token)
    return base
