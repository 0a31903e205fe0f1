"""Reading what a retention policy is to be, with all that is wrong told at once."""

from __future__ import annotations

from typing import Any, cast, get_args

from domain.access.reading import Wrong, as_object
from domain.errors import FieldError, Invalid
from domain.orders.envelope import check_text
from domain.pointers import child
from domain.privacy.cards import holds_card
from domain.privacy.prose import check_prose
from domain.retention.durations import parse
from domain.retention.patterns import wrong_with
from domain.retention.policies import Action, AppliesTo, CountedFrom, Rule, said

MAX_NAME = 100
MAX_LEGAL_BASIS = 1000
"""Characters."""
MOST_TYPES = 50

FIELDS = Rule.__struct_fields__
_CARD = "must not hold a card number"


def read_rule(value: Any) -> Rule:
    """A policy, of decoded JSON. Raises Invalid."""
    body, wrong = as_object(value, FIELDS, "a retention policy")
    name, basis = body.get("name"), body.get("legal_basis")
    if _is_given(body, "name", wrong):
        check_prose("/name", name, MAX_NAME, wrong, plain=True, one_line=True)
    if _is_given(body, "legal_basis", wrong):
        check_prose("/legal_basis", basis, MAX_LEGAL_BASIS, wrong, plain=True)
    applies_to = _one_of("applies_to", body, get_args(AppliesTo), wrong)
    event_types = _event_types(body, applies_to, wrong)
    counted_from = _counted_from(body, applies_to, wrong)
    retain_for = _retain_for(body, wrong)
    action = _one_of("action", body, get_args(Action), wrong)
    flags = {name: _flag(name, body, wrong) for name in ("duty", "enabled")}
    if wrong:
        raise Invalid(wrong)
    return Rule(
        name=cast(str, name),
        applies_to=cast(AppliesTo, applies_to),
        event_types=event_types,
        retain_for=retain_for,
        counted_from=counted_from,
        legal_basis=cast(str, basis),
        action=cast(Action, action),
        **flags,
    )


def read_change(value: Any, there: Rule) -> Rule:
    """A policy with what is given in place of what it has; null takes a field away. It is not
    enabled any more if it would touch anything else, unless that is said. Raises Invalid."""
    if type(value) is not dict:
        raise Invalid.field("", "must be a JSON object: what is to change of a retention policy")
    rule = read_rule({**said(there), **value})
    if value.get("enabled") is None and not rule.touches_the_same(there):
        return read_rule({**said(rule), "enabled": False})
    return rule


def _is_given(body: dict[str, Any], name: str, wrong: Wrong) -> bool:
    if name not in body:
        wrong.append(FieldError(f"/{name}", "is required"))
    return name in body


def _one_of(name: str, body: dict[str, Any], known: tuple[str, ...], wrong: Wrong) -> str | None:
    if not _is_given(body, name, wrong):
        return None
    given = body[name]
    if type(given) is str and given in known:
        return given
    wrong.append(FieldError(f"/{name}", f"must be one of {', '.join(known)}"))
    return None


def _event_types(body: dict[str, Any], applies_to: str | None, wrong: Wrong) -> tuple[str, ...]:
    """Each once, in their order."""
    given = body.get("event_types")
    if applies_to != "events":
        if given is not None and applies_to is not None:
            wrong.append(FieldError("/event_types", f"is not for {applies_to}"))
        return ()
    if type(given) is not list or not 1 <= len(given) <= MOST_TYPES:
        detail = f"must be a list of 1 to {MOST_TYPES} types, such as order.payment.*"
        wrong.append(FieldError("/event_types", detail if "event_types" in body else "is required"))
        return ()
    for at, pattern in enumerate(given):
        place = child("/event_types", at)
        if check_text(place.removeprefix("/"), pattern, 100, wrong):
            problem = _CARD if holds_card(pattern) else wrong_with(pattern)
            if problem is not None:
                wrong.append(FieldError(place, problem))
    return tuple(dict.fromkeys(one for one in given if type(one) is str))


def _counted_from(
    body: dict[str, Any], applies_to: str | None, wrong: Wrong
) -> CountedFrom | None:  # fmt: skip
    if applies_to == "snapshots":
        if "counted_from" in body:
            detail = "is not for snapshots, which count from their captured_at"
            wrong.append(FieldError("/counted_from", detail))
        return None
    given = body.get("counted_from", "occurred_at")
    if type(given) is str and given in get_args(CountedFrom):
        return cast(CountedFrom, given)
    known = ", ".join(get_args(CountedFrom))
    wrong.append(FieldError("/counted_from", f"must be one of {known}"))
    return None


def _retain_for(body: dict[str, Any], wrong: Wrong) -> str:
    given = body.get("retain_for")
    try:
        if type(given) is str:
            parse(given)
            return given
        detail = "must be an ISO 8601 duration, such as P7Y" if given else "is required"
    except ValueError as error:
        detail = str(error)
    wrong.append(FieldError("/retain_for", detail))
    return ""


def _flag(name: str, body: dict[str, Any], wrong: Wrong) -> bool:
    given = body.get(name, False)
    if type(given) is not bool:
        wrong.append(FieldError(f"/{name}", "must be true or false"))
    return given is True
