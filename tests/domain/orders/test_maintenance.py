"""What is system maintenance, whatever stands in an event's metadata."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.orders.maintenance import is_maintenance
from domain.orders.state import EFFECTS

SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=6))
ANYTHING = st.one_of(SCALARS, st.lists(SCALARS), st.dictionaries(st.text(max_size=3), SCALARS))


def told(event_type: str = "order.note.added", correction: str | None = None, **said: Any) -> bool:
    return is_maintenance(
        event_type,
        correction,
        actor_type=said.get("actor_type"),
        maintenance=said.get("maintenance"),
        audit=said.get("audit"),
    )


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, False),
        ({"actor_type": "system"}, True),
        ({"actor_type": "service"}, False),
        ({"actor_type": "System"}, False),
        ({"actor_type": ["system"]}, False),
        ({"maintenance": True}, True),
        ({"maintenance": False, "actor_type": "user"}, False),
        ({"maintenance": "true"}, False),
        ({"maintenance": 1}, False),
        ({"maintenance": True, "actor_type": "user"}, True),
        ({"maintenance": False, "actor_type": "system"}, True),
        ({"audit": True}, False),
        ({"audit": True, "actor_type": "system"}, False),
        ({"audit": True, "maintenance": True}, False),
        ({"audit": False, "actor_type": "system"}, True),
        ({"audit": "true", "maintenance": True}, True),
        ({"audit": 1, "maintenance": True}, True),
    ],
)
def test_what_metadata_say(said: dict[str, Any], expected: bool) -> None:
    assert told(**said) is expected
    assert told("shop.cache.warmed", **said) is expected


@pytest.mark.parametrize("event_type", EFFECTS)
def test_what_changes_the_state_never_is(event_type: str) -> None:
    assert not told(event_type, actor_type="system", maintenance=True)


@pytest.mark.parametrize("event_type", ["order.correction", "order.note.added"])
def test_a_correction_never_is(event_type: str) -> None:
    assert not told(event_type, "evt_1", actor_type="system", maintenance=True)


@given(ANYTHING, ANYTHING, ANYTHING)
def test_only_these_very_values_count(actor_type: Any, maintenance: Any, audit: Any) -> None:
    by_systems = maintenance is True or actor_type == "system"
    found = told(actor_type=actor_type, maintenance=maintenance, audit=audit)
    assert found is (by_systems and audit is not True)
