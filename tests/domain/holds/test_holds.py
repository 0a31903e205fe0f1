"""Given what was done, when a hold is placed or released, then it is done, or refused."""

from __future__ import annotations

from typing import Any

import pytest

from domain.audit.acts import Act, Doer, Fact, draft, fact_of
from domain.errors import Invalid, NotFound
from domain.holds import holds as module
from domain.holds.holds import Asked, Hold, Holds, Target
from domain.holds.refusals import Refusals
from domain.ledger.append import LedgerEnd, place
from domain.orders.events import Recorded

NOW = 1_750_000_000_000_000
LATER = NOW + 1_000_000
ORDER = Target("order", "ord_1")
QUERY = Target("query", query=b'{"text":"lost"}')


def done(*acts: Act | None) -> Holds:
    """Holds, after these acts of Ann's, which the ledger has from NOW on."""
    holds = Holds()
    for number, act in enumerate(acts, 1):
        assert act is not None
        target = act.target
        holds.apply(
            Fact(act.type, number, 10 + number, NOW + number, "ann", target, act.before, act.after)
        )
    return holds


def placed(hold_id: str = "h1", target: Target = ORDER, **changed: Any) -> Act:
    return Holds().place(hold_id, Asked(target, "case_1", **changed), NOW)


@pytest.mark.parametrize("target", [ORDER, QUERY, Target("subject", "cust_1")])
def test_a_hold_is_what_was_asked_for(target: Target) -> None:
    holds = done(placed(target=target, reason="why", expires_us=LATER))
    assert holds.hold("h1") == Hold(
        "h1", target, "case_1", "why", LATER, 11, "ann", NOW + 1,
    )  # fmt: skip
    assert holds.active(NOW) == [holds.hold("h1")]


def test_what_the_act_says() -> None:
    act = placed(target=QUERY, expires_us=LATER)
    assert (act.type, act.target, act.before) == ("history.hold.placed", "hold/h1", None)
    assert act.after == {
        "target": "query", "query": {"text": "lost"}, "case_id": "case_1",
        "expires_at": "2025-06-15T15:06:41Z",
    }  # fmt: skip


def test_a_reason_is_sealed_and_nothing_else() -> None:
    doer, said = Doer("ann"), placed(target=QUERY, reason="Jane Roe", expires_us=LATER)
    sealed = draft("acme", "holds", 1, said, doer, now_us=NOW, random_bytes=bytes)
    (event,) = place(LedgerEnd(0, NOW, {}, {}), [sealed])
    assert isinstance(event, Recorded)
    holds = Holds()
    holds.apply(fact_of(1, 1, NOW, event.state))
    hold = holds.hold("h1")
    assert b"Jane" not in event.state
    assert set(hold.reason) == {"_sd"}
    assert (hold.target, hold.case_id, hold.expires_us) == (QUERY, "case_1", LATER)


def test_a_hold_ends_by_the_clock() -> None:
    holds = done(placed(expires_us=LATER), placed("h2"))
    assert [hold.hold_id for hold in holds.active(LATER - 1)] == ["h1", "h2"]
    assert [hold.hold_id for hold in holds.active(LATER)] == ["h2"]
    assert holds.hold("h1").status(LATER) == "expired"


def test_a_hold_ends_by_a_release() -> None:
    act = done(placed(expires_us=LATER)).release("h1", NOW)
    assert act is not None
    assert (act.type, act.target) == ("history.hold.released", "hold/h1")
    holds = done(placed(expires_us=LATER), act)
    assert holds.active(NOW) == []
    hold = holds.hold("h1")
    assert (hold.status(NOW), hold.status(LATER)) == ("released", "released")
    assert (hold.released_by, hold.released_us) == ("ann", NOW + 2)


def test_what_has_ended_is_not_released() -> None:
    holds = done(placed(expires_us=LATER))
    assert holds.release("h1", LATER) is None
    assert done(placed(), holds.release("h1", NOW)).release("h1", NOW) is None
    with pytest.raises(NotFound):
        holds.release("h2", NOW)
    with pytest.raises(NotFound):
        holds.hold("h2")


def test_the_same_again_is_a_hold_of_its_own() -> None:
    holds = done(placed())
    again = holds.place("h2", Asked(ORDER, "case_1"), NOW)
    assert again.after == placed().after
    assert again.target == "hold/h2"


def test_so_many_hold_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_HOLDS", 2)
    full = placed("h1", expires_us=LATER), placed("h2")
    with pytest.raises(Invalid, match="2 legal holds are active"):
        done(*full).place("h3", Asked(ORDER, "case_1"), NOW)
    released = done(*full, done(*full).release("h2", NOW))
    for holds, now_us in ((done(*full), LATER), (released, NOW)):
        assert holds.place("h3", Asked(ORDER, "case_1"), now_us).target == "hold/h3"


def test_what_is_not_known_changes_nothing() -> None:
    holds = done(placed(), Act("history.hold.moved", "hold/h1", None, {"case_id": "x"}))
    assert holds.hold("h1").case_id == "case_1"
    assert done(Act("history.hold.released", "hold/h9")).holds == {}


def test_a_refusal_says_what_was_asked_and_which_holds_forbade_it() -> None:
    refusals = Refusals("snapshot/snap_1")
    assert refusals.stream == "refused/snapshot/snap_1"
    assert refusals.refuse("snapshot.delete", ["h1"]) == Act(
        "history.hold.refused", "snapshot/snap_1", None,
        {"asked": "snapshot.delete", "hold_ids": ["h1"]},
    )  # fmt: skip
