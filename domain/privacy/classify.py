"""Which values of a body are personal (vocabulary.md, "Personal data").

By name, by place (`name` under a customer or an address), and by content (an email address in
any string). A registered schema may mark more places, or fewer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from domain.pointers import of_path

Path = tuple[str | int, ...]
Marks = Mapping[tuple[str, ...], bool]
"""A schema's `x-pii` marks, by path; `*` stands for every element of a list."""

NO_MARKS: Marks = {}

_FREE_TEXT = frozenset(("note", "reason", "description", "correction", "comment", "message"))
_PERSONAL_NAMES = _FREE_TEXT | {
    "email",
    "first_name",
    "last_name",
    "phone",
    "line1",
    "line2",
    "address1",
    "address2",
    "street",
    "city",
    "postal_code",
    "postcode",
    "zip",
    "signed_by",
    "ip",
    "user_agent",
    "iban",
    "tax_id",
}
_CHANGES = frozenset(("before", "after", "patch"))
_EMAIL = re.compile(r"""[\w.!#$%&'*+/=?^`{|}~"-]@(?:[\w-]+\.)+[\w-]{2}""")


def holds_email(text: str) -> bool:
    """Whether an email address is anywhere in the text."""
    return "@" in text and _EMAIL.search(text) is not None


def personal_paths(body: dict[str, Any], event_type: str, marks: Marks = NO_MARKS) -> list[Path]:
    """Paths of the personal values in a payload, metadata or a snapshot's state.

    A value that is an object or a list is personal whole: nothing below it is listed. Null is
    nobody's. `event_type` decides whether a bare `name` in before, after or patch is a person's.
    """
    found: list[Path] = []
    _search_object(body, (), False, not event_type.startswith("order.item."), marks, found)
    return found


def always_personal(names: Iterable[str]) -> bool:
    """Whether what the names of a path lead to, lists being gone through, is personal in every
    event that no schema says more of. By name alone: so the `name` in a bare before is not."""
    person = False
    for name in names:
        if name in _PERSONAL_NAMES or (person and name == "name"):
            return True
        person = _below(name, person)
    return False


def personal_pointers(
    payload: dict[str, Any],
    metadata: dict[str, Any] | None,
    event_type: str,
    marks: Marks = NO_MARKS,
) -> Iterator[str]:
    """JSON pointers into an event of all its personal values."""
    for path in personal_paths(payload, event_type, marks):
        yield of_path(path, "/payload")
    for path in personal_paths(metadata or {}, event_type):
        yield of_path(path, "/metadata")


def _search_object(
    body: dict[str, Any],
    path: Path,
    person: bool,
    changes_person: bool,
    marks: Marks,
    found: list[Path],
) -> None:
    """`person`: this object is a customer or an address, or a change of one, so `name` is a
    person's. `changes_person`: so it is in a bare before, after or patch."""
    for key, value in body.items():
        kind = type(value)
        if key in _PERSONAL_NAMES or (person and key == "name"):
            personal = value is not None
        else:
            personal = kind is str and "@" in value and holds_email(value)
        if marks and value is not None:
            personal = marks.get(_place((*path, key)), personal)
        if personal:
            found.append((*path, key))
        elif kind is dict or kind is list:
            below = _below(key, person or changes_person)
            if kind is dict:
                _search_object(value, (*path, key), below, changes_person, marks, found)
            else:
                _search_list(value, (*path, key), below, changes_person, marks, found)


def _below(key: str, changes_person: bool) -> bool:
    """Whether the object at this key is a customer or an address, or a change of one."""
    if key in _CHANGES:
        return changes_person
    return key == "customer" or key.endswith(("address", "addresses"))


def _search_list(
    items: list[Any],
    path: Path,
    person: bool,
    changes_person: bool,
    marks: Marks,
    found: list[Path],
) -> None:
    for index, item in enumerate(items):
        kind = type(item)
        if kind is dict:
            _search_object(item, (*path, index), person, changes_person, marks, found)
        elif kind is list:
            _search_list(item, (*path, index), person, changes_person, marks, found)
        elif kind is str and "@" in item and holds_email(item):
            found.append((*path, index))


def _place(path: Path) -> tuple[str, ...]:
    return tuple("*" if type(token) is int else str(token) for token in path)
