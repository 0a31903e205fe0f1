"""Given a stream that guards, when drafts come after it has moved on, then no new one is placed."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from domain.errors import HoldsMoved
from domain.ledger.append import Repeated, place
from domain.orders.events import Draft
from domain.privacy.sealing import draft_of, history_originator
from domain.snapshots.events import TOPIC
from tests.domain.ledger.drafts import content, draft
from tests.domain.ledger.placing import empty, recorded, refused

GUARD = history_originator("acme", "holds").bytes


def act(number: int) -> Draft:
    """An event of the stream that guards."""
    said = content(f"oh_evt_holds/{number}", order_id="", stream="holds")
    return draft_of(replace(said, order_id=None), (), history_originator("acme", "holds"), TOPIC)


def test_a_guard_lets_pass_while_its_stream_stands_still() -> None:
    end = empty()
    assert recorded(place(end, [draft("e1")], unless_moved=[(GUARD, 0)]))
    place(end, [act(1)])
    assert recorded(place(end, [draft("e2"), draft("e3")], unless_moved=[(GUARD, 1)]))


@pytest.mark.parametrize("atomic", [False, True])
@pytest.mark.parametrize("version", [0, 2])
def test_nothing_is_placed_once_the_stream_has_moved(version: int, atomic: bool) -> None:
    end = empty()
    place(end, [act(1)])
    results = place(end, [draft("e1"), draft("e2")], atomic=atomic, unless_moved=[(GUARD, version)])
    assert [type(result) for result in results] == [HoldsMoved, HoldsMoved]
    assert (end.position, end.tenants["acme"].sequence) == (1, 1)
    assert "e1" not in end.tenants["acme"].located
    assert end.versions == {GUARD: 1}


def test_what_is_there_already_is_told_though_the_stream_has_moved() -> None:
    """So that who repeats what was committed learns that it was."""
    end = empty()
    (first,) = recorded(place(end, [draft("e1")], unless_moved=[(GUARD, 0)]))
    place(end, [act(1)])
    results = place(end, [draft("e1"), draft("e2")], unless_moved=[(GUARD, 0)])
    assert results[0] == Repeated(1, 1, first.entry)
    assert type(results[1]) is HoldsMoved


def test_a_guard_that_refuses_remembers_no_key() -> None:
    end = empty()
    place(end, [act(1)])
    key = ("caller", "key")
    refused(place(end, [draft("e1")], idempotency=key, unless_moved=[(GUARD, 0)]), HoldsMoved)
    assert recorded(place(end, [draft("e2")], idempotency=key))
