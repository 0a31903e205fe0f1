"""An order's state after a few events, for tests of their effects."""

from __future__ import annotations

import copy
from typing import Any

from domain.orders.state import PastEvent, apply, empty_state
from domain.times import format_us

SEALED = {"_sd": "kzH2-digest-of-a-personal-value"}
OTHER = {"_sd": "p0Qa-digest-of-another"}
Step = tuple[str, dict[str, Any]]


def after(*steps: Step) -> dict[str, Any]:
    """The state after these (type without "order.", payload); event ids are e1, e2 and so on."""
    state = empty_state("o1")
    for number, (name, payload) in enumerate(steps, start=1):
        at = format_us(number)
        given = copy.deepcopy(payload)
        apply(
            state,
            PastEvent(number, number, f"e{number}", f"order.{name}", at, number, number, payload),
        )
        assert payload == given, "a payload is never changed"
    return state


def changes(*steps: Step) -> dict[str, Any]:
    """What differs from an order of which nothing is known."""
    empty = empty_state("o1")
    state = after(*steps)
    assert state.keys() == empty.keys()
    return {name: value for name, value in state.items() if value != empty[name]}
