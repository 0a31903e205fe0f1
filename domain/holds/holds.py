"""The legal holds of a tenant: an aggregate of its ledger.

    history.hold.placed      what must not be deleted, for which case, until when
    history.hold.released    it may be deleted again, as far as no other hold has it

A hold has an end: it is released, or its time is up, by the clock of whoever asks. What it holds is
asked whenever something is to be deleted: a query has new matches then, a subject new orders. The
`order.hold.placed` of a producer, and `on_hold` of an order, are another thing: a shop's own.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct, structs

from domain import canonical
from domain.audit.acts import Act, Fact
from domain.errors import HoldNamed, Invalid, NotFound
from domain.times import format_known, parse_us

PLACED = "history.hold.placed"
RELEASED = "history.hold.released"
STREAM = "holds"

MOST_HOLDS = 1000
"""Holds of a tenant that have not ended."""

Kind = Literal["order", "query", "subject"]
Status = Literal["active", "released", "expired"]


class Target(Struct, frozen=True):
    """What is held: an order, every order with an event that a query is true of, or every order of
    a customer or touched by an actor. query: canonical JSON, as POST /search takes it, of a target
    of that kind; the others have a target_id."""

    kind: Kind
    target_id: str | None = None
    query: bytes | None = None


class Asked(Struct, frozen=True):
    """A hold that is to be placed. expires_us None: until it is released."""

    target: Target
    case_id: str
    reason: str | None = None
    expires_us: int | None = None


class Hold(Struct, frozen=True):
    """A hold as the ledger has it. reason: a digest, disclosed by the event at `sequence`."""

    hold_id: str
    target: Target
    case_id: str
    reason: Any
    expires_us: int | None
    sequence: int
    placed_by: str | None
    placed_us: int
    released_by: str | None = None
    released_us: int | None = None

    def status(self, now_us: int) -> Status:
        """Whether it holds now, or how it ended."""
        if self.released_us is not None:
            return "released"
        return "active" if self.expires_us is None or now_us < self.expires_us else "expired"

    @property
    def named(self) -> HoldNamed:
        return HoldNamed(self.hold_id, self.case_id)


class Holds:
    """The holds of one tenant. Decisions return what is to be done, None where it is so already,
    or raise; only `apply` changes it."""

    def __init__(self) -> None:
        self.stream = STREAM
        self.version = 0
        self.holds: dict[str, Hold] = {}

    # -- what it says -----------------------------------------------------------------------------

    def hold(self, hold_id: str) -> Hold:
        """Raises NotFound."""
        found = self.holds.get(hold_id)
        if found is None:
            raise NotFound("there is no such legal hold")
        return found

    def active(self, now_us: int) -> list[Hold]:
        """Those that hold now, in the order in which they were placed."""
        return [hold for hold in self.holds.values() if hold.status(now_us) == "active"]

    # -- what may be done -------------------------------------------------------------------------

    def place(self, hold_id: str, asked: Asked, now_us: int) -> Act:
        """Raises Invalid when there are MOST_HOLDS already."""
        if len(self.active(now_us)) >= MOST_HOLDS:
            raise Invalid.field("", f"{MOST_HOLDS:,} legal holds are active, which is the most")
        return Act(PLACED, f"hold/{hold_id}", None, _said(asked))

    def release(self, hold_id: str, now_us: int) -> Act | None:
        """Nothing is to be done for one that has ended. Raises NotFound."""
        hold = self.hold(hold_id)
        if hold.status(now_us) != "active":
            return None
        return Act(RELEASED, f"hold/{hold_id}", {"case_id": hold.case_id})

    # -- what has been done -----------------------------------------------------------------------

    def apply(self, fact: Fact) -> None:
        """Take a fact."""
        hold_id = fact.target.partition("/")[2]
        if fact.type == PLACED and fact.after is not None:
            said, expires_at = fact.after, fact.after.get("expires_at")
            self.holds[hold_id] = Hold(
                hold_id,
                _target(said),
                said["case_id"],
                said.get("reason"),
                None if expires_at is None else parse_us(expires_at),
                fact.sequence,
                fact.actor,
                fact.received_us,
            )
        elif fact.type == RELEASED and hold_id in self.holds:
            self.holds[hold_id] = structs.replace(
                self.holds[hold_id], released_by=fact.actor, released_us=fact.received_us
            )


def _said(asked: Asked) -> dict[str, Any]:
    target = asked.target
    said = {
        "target": target.kind,
        "target_id": target.target_id,
        "query": None if target.query is None else canonical.decode(target.query),
        "case_id": asked.case_id,
        "reason": asked.reason,
        "expires_at": format_known(asked.expires_us),
    }
    return {name: value for name, value in said.items() if value is not None}


def _target(said: Any) -> Target:
    query = said.get("query")
    return Target(
        said["target"], said.get("target_id"), None if query is None else canonical.encode(query)
    )
