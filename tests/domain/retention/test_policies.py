"""Given what was done, when a policy is made, changed or deleted, then it is done, or refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from domain.audit.acts import Doer, Fact, draft
from domain.errors import Invalid, NotFound
from domain.ledger.append import LedgerEnd, place
from domain.orders.events import Recorded, decode_body
from domain.retention import policies as module
from domain.retention.evaluations import Evaluations, evaluated
from domain.retention.policies import Policies, Policy, Rule
from domain.retention.reading import read_change
from tests.domain.retention.made import BODY, NOW, RULE, done, rule, snapshots

MADE = Policies().create("p1", RULE)


def changed(*acts: Any, to: Rule, tried: int | None = None) -> Policies:
    return done(*acts, done(*acts).change("p1", to, tried))


@pytest.mark.parametrize(
    "made", [RULE, snapshots(action="purge", duty=True), rule(counted_from="received_at")]
)
def test_a_policy_is_what_was_asked_for(made: Rule) -> None:
    policies = done(Policies().create("p1", made))
    assert policies.policy("p1") == Policy(
        policy_id="p1", rule=made, version=1, touched=1, sequence=11, created_by="ann",
        created_us=NOW + 1, changed_by="ann", changed_us=NOW + 1,
    )  # fmt: skip


def test_what_the_acts_say() -> None:
    assert (MADE.type, MADE.target, MADE.before) == (
        "history.retention.policy_created", "retention-policy/p1", None,
    )  # fmt: skip
    assert MADE.after == BODY
    change = done(MADE).change("p1", rule(name="pay"), None)
    assert change is not None
    assert (change.type, change.before) == ("history.retention.policy_changed", BODY)
    assert change.after == {**BODY, "name": "pay"}
    gone = done(MADE).delete("p1")
    assert (gone.type, gone.before, gone.after) == (
        "history.retention.policy_deleted", BODY, None,
    )  # fmt: skip
    assert done(MADE, gone).policies == {}


def test_the_name_and_the_basis_stand_on_the_ledger_as_they_are() -> None:
    sealed = draft("acme", "x", 1, MADE, Doer("ann"), now_us=NOW, random_bytes=bytes)
    (event,) = place(LedgerEnd(0, NOW, {}, {}), [sealed])
    assert isinstance(event, Recorded)
    assert msgspec.json.decode(decode_body(event.state).payload)["after"] == BODY
    assert sealed.disclosed == ()


def test_none_is_enabled_before_a_dry_run() -> None:
    with pytest.raises(Invalid, match="/enabled: needs a dry run"):
        Policies().create("p1", rule(enabled=True))
    with pytest.raises(Invalid, match="/enabled: needs a dry run"):
        done(MADE).change("p1", rule(enabled=True), None)
    assert changed(MADE, to=rule(enabled=True), tried=1).policy("p1").rule.enabled


def test_a_dry_run_counts_while_the_policy_touches_the_same() -> None:
    renamed = changed(MADE, to=rule(name="pay", legal_basis="law"))
    assert (renamed.policy("p1").version, renamed.policy("p1").touched) == (2, 1)
    assert renamed.change("p1", rule(enabled=True), 1) is not None
    longer = changed(MADE, to=rule(retain_for="P2Y"))
    assert (longer.policy("p1").version, longer.policy("p1").touched) == (2, 2)
    with pytest.raises(Invalid, match="/enabled"):
        longer.change("p1", rule(retain_for="P2Y", enabled=True), 1)
    assert longer.change("p1", rule(retain_for="P2Y", enabled=True), 2) is not None


def test_a_change_of_what_is_touched_cannot_stay_enabled() -> None:
    enabled = changed(MADE, to=rule(enabled=True), tried=1)
    there = enabled.policy("p1").rule
    assert not read_change({"retain_for": "P2Y"}, there).enabled
    assert not read_change({"duty": True}, there).enabled
    assert read_change({"name": "pay", "legal_basis": "law"}, there).enabled
    kept = read_change({"retain_for": "P2Y", "enabled": True}, there)
    with pytest.raises(Invalid, match="/enabled"):
        enabled.change("p1", kept, 2)


def test_nothing_is_to_be_done_for_what_is_so_already() -> None:
    assert done(MADE).change("p1", RULE, None) is None


def test_there_are_not_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_POLICIES", 1)
    with pytest.raises(Invalid, match="1 policies"):
        done(MADE).create("p2", RULE)
    assert done(MADE, done(MADE).delete("p1")).create("p2", RULE).target.endswith("/p2")


def test_one_that_is_not_there() -> None:
    for act in (
        lambda: Policies().policy("p1"),
        lambda: Policies().delete("p1"),
        lambda: Policies().change("p1", RULE, None),
    ):
        with pytest.raises(NotFound):
            act()


def test_a_job_is_evaluated_once() -> None:
    runs = Evaluations("p1", dry_run=False)
    act = runs.evaluate("job_1", 3, {"events": 2})
    assert act is not None
    assert act.after == {
        "job_id": "job_1", "dry_run": False, "policy_version": 3, "numbers": {"events": 2},
    }  # fmt: skip
    fact = Fact(act.type, 1, 7, NOW, "ann", act.target, None, act.after)
    runs.apply(fact)
    assert runs.evaluate("job_1", 3, {"events": 2}) is None
    assert runs.evaluate("job_2", 3, {"events": 0}) is not None
    found = evaluated(fact)
    assert found is not None
    assert (found.job_id, found.policy_version, found.numbers) == ("job_1", 3, {"events": 2})
    assert Evaluations("p1", dry_run=True).stream != runs.stream
