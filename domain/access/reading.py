"""Reading what a role, an assignment or a key is to be, with all that is wrong told at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, cast, get_args

from domain.access.permissions import BUILT_IN, LIMITABLE, Permission
from domain.access.roles import MOST_OF_A_SUBJECT, NAME, Role
from domain.access.scope import EVERYTHING, PersonalClass, Scope
from domain.errors import FieldError, Invalid
from domain.orders.envelope import check_text, refuse_unknown
from domain.pointers import child
from domain.privacy.cards import holds_card

MOST_OF_A_KIND = 100
"""Sources, channels or types that a scope names at most."""

TYPE_PATTERN = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*(\.\*)?", re.ASCII)
_PERMISSIONS = {permission.value: permission for permission in Permission}
_CARD = "must not hold a card number"
_ROLE = ("role", "permissions", "scope")
_SCOPE = ("sources", "channels", "types", "personal")

Wrong = list[FieldError]


def read_role(value: Any, name: str | None = None) -> Role:
    """A role, of decoded JSON. `name`: that of the path, which the body may leave out. Raises
    Invalid."""
    body, wrong = as_object(value, _ROLE, "a role")
    given = body.get("role", name)
    if type(given) is not str or NAME.fullmatch(given) is None:
        detail = "must be 1 to 63 of a-z, 0-9, _ and -, the first a letter"
        wrong.append(FieldError("/role", detail if "role" in body or name else "is required"))
    elif name is not None and given != name:
        wrong.append(FieldError("/role", f"must be {name}, as in the path, or left out"))
    elif holds_card(given):
        wrong.append(FieldError("/role", _CARD))
    permissions = read_permissions(body.get("permissions"), "/permissions", wrong)
    scope = read_scope(body.get("scope"), "/scope", wrong)
    refuse_unlimitable(permissions, scope, wrong)
    if wrong:
        raise Invalid(wrong)
    return Role(cast(str, given), permissions, scope)


def read_assignment(value: Any) -> frozenset[str]:
    """Names of roles, of {"roles": [...]}. Raises Invalid."""
    body, wrong = as_object(value, ("roles",), "an assignment")
    if "roles" not in body:
        wrong.append(FieldError("/roles", "is required; an empty list takes all roles away"))
    names = _texts(body.get("roles", []), "/roles", MOST_OF_A_SUBJECT, _role_name, wrong)
    if wrong:
        raise Invalid(wrong)
    return frozenset(names)


def as_object(value: Any, fields: tuple[str, ...], what: str) -> tuple[dict[str, Any], Wrong]:
    """The members of a JSON object that are not null, and which of them are unknown. Raises Invalid
    for anything but an object."""
    if type(value) is not dict:
        raise Invalid.field("", f"must be a JSON object: {what}")
    wrong: Wrong = []
    refuse_unknown(value, fields, what, wrong)
    return {name: one for name, one in value.items() if one is not None}, wrong


def read_permissions(value: Any, pointer: str, wrong: Wrong) -> frozenset[Permission]:
    """At least one permission, by name."""
    names = _texts(value, pointer, len(Permission), _permission, wrong)
    if value is None:
        wrong.append(FieldError(pointer, "is required"))
    elif value == []:
        wrong.append(FieldError(pointer, "must have a permission"))
    return frozenset(_PERMISSIONS[name] for name in names)


def refuse_unlimitable(permissions: frozenset[Permission], scope: Scope, wrong: Wrong) -> None:
    """A scope must hold for all that it is said of."""
    if scope == EVERYTHING:
        return
    names = ", ".join(sorted(permissions - LIMITABLE))
    if names:
        detail = f"cannot be limited by a scope: {names}; give it in a role of its own"
        wrong.append(FieldError("/permissions", detail))


def read_scope(value: Any, pointer: str, wrong: Wrong) -> Scope:
    """What a grant is limited to; everything if left out."""
    if value is None:
        return EVERYTHING
    if type(value) is not dict:
        wrong.append(FieldError(pointer, "must be an object"))
        return EVERYTHING
    refuse_unknown(value, _SCOPE, "a scope", wrong, pointer)
    checks: Mapping[str, Callable[[str], str | None]] = {
        "sources": _no_text_of_a_person,
        "channels": _no_text_of_a_person,
        "types": _pattern,
        "personal": _class,
    }
    found: dict[str, tuple[str, ...] | None] = {}
    for name, check in checks.items():
        given, place = value.get(name), child(pointer, name)
        texts = _texts(given, place, MOST_OF_A_KIND, check, wrong)
        found[name] = None if given is None else tuple(sorted(set(texts)))
        if given == []:
            detail = "must name one, or be left out for no limit"
            wrong.append(FieldError(place, detail))
    return Scope(
        found["sources"],
        found["channels"],
        found["types"],
        cast(tuple[PersonalClass, ...] | None, found["personal"]),
    )


def _texts(
    value: Any, pointer: str, most: int, check: Callable[[str], str | None], wrong: Wrong
) -> list[str]:
    """The items of a list of texts with which nothing is wrong; none, if nothing is given."""
    if value is None:
        return []
    if type(value) is not list:
        wrong.append(FieldError(pointer, "must be a list"))
        return []
    if len(value) > most:
        wrong.append(FieldError(pointer, f"must have at most {most} items"))
        return []
    found = []
    for at, item in enumerate(value):
        place = child(pointer, at)
        if check_text(place.removeprefix("/"), item, 100, wrong):
            detail = check(item)
            if detail is None:
                found.append(item)
            else:
                wrong.append(FieldError(place, detail))
    return found


def _role_name(text: str) -> str | None:
    known = text in BUILT_IN or NAME.fullmatch(text)
    return None if known else "is no name of a role"


def _permission(text: str) -> str | None:
    if text in _PERMISSIONS:
        return None
    return "is no permission; there are " + ", ".join(sorted(_PERMISSIONS))


def _pattern(text: str) -> str | None:
    if holds_card(text):
        return _CARD
    fits = TYPE_PATTERN.fullmatch(text)
    return None if fits else "is no event type, such as order.shipped or order.payment.*"


def _class(text: str) -> str | None:
    known = get_args(PersonalClass)
    return None if text in known else f"must be one of {', '.join(known)}"


def _no_text_of_a_person(text: str) -> str | None:
    return _CARD if holds_card(text) else None
