"""The report of an erasure: each store, what went, what was retained on which ground, what is left.

`waits_for` tells when the rest goes: holds whose end starts a job of its own, and the first moment
at which a duty to keep something is over; whatever the list of what was retained leaves out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from application.erasure.erasing import Erased
from application.erasure.facts import Facts
from application.erasure.finding import Found
from application.erasure.keeping import Duty
from domain.times import format_us

VALUES = "personal values and their keys"
TERMS = "search index"
LINES = "rejected lines of bulk jobs"
ORIGINALS = "mapping of pseudonyms"

HOLD = "legal hold"
DUTY = "retention duty"
_LISTED = 1000
"""Orders that a report lists one by one."""


class Renewed(Struct):
    """wrapped: data keys under new bucket keys; terms: events with terms made anew; lines: of bulk
    jobs that were deleted."""

    wrapped: int = 0
    terms: int = 0
    lines: int = 0

    def add(self, more: Renewed) -> None:
        """That too was done."""
        self.wrapped += more.wrapped
        self.terms += more.terms
        self.lines += more.lines


def report_of(
    found: Found, erased: Erased, facts: Facts, renewed: Renewed, left: dict[str, int]
) -> dict[str, Any]:
    """left: what each store still had of what is erased when it was read again."""
    kept = {name for kind, name in erased.kept if kind == "order"}
    return {
        "orders": {
            "found": len(found.whole) + len(found.named),
            "erased": len(facts.orders),
            "retained": len(kept | erased.retained.keys()),
        },
        "events": len(facts.pointers),
        "values": facts.values,
        **retained_of(erased),
        "facts": facts.sequences[:_LISTED],
        "stores": [
            {"store": VALUES, "erased": facts.values, "left": left[VALUES]},
            {"store": "bucket keys", "data_keys_wrapped_anew": renewed.wrapped},
            {"store": TERMS, "renewed": renewed.terms, "left": left[TERMS]},
            {"store": LINES, "erased": renewed.lines, "left": left.get(LINES)},
            {"store": ORIGINALS, "left": left[ORIGINALS]},
            {"store": "keys in the memory of processes", "gone_within_seconds": 60},
            {"store": "backups", "open": "while a copy of the keys from before this is kept"},
        ],
    }


def retained_of(erased: Erased) -> dict[str, Any]:
    """What was retained, and when it goes."""
    return {"retained": list(_retained(erased))[:_LISTED], "waits_for": _waits_for(erased)}


def _retained(erased: Erased) -> Iterator[dict[str, Any]]:
    if erased.holds:
        yield {"subject": True, "ground": HOLD, "hold_ids": erased.holds}
    for order_id, hold_ids in sorted(erased.retained.items()):
        yield {"order_id": order_id, "ground": HOLD, "hold_ids": hold_ids}
    for (kind, name), duty in sorted(erased.kept.items()):
        of = {"order_id": name} if kind == "order" else {"subject": True}
        yield {**of, "ground": DUTY, **_told(duty)}


def _told(duty: Duty) -> dict[str, Any]:
    return {
        "policy_ids": list(duty.policy_ids),
        "events": duty.events,
        "until": format_us(duty.last_us),
    }


def _waits_for(erased: Erased) -> dict[str, Any]:
    duties = erased.kept.values()
    policy_ids = {one for duty in duties for one in duty.policy_ids}
    first_us = min((duty.first_us for duty in duties), default=None)
    return {
        "hold_ids": sorted(erased.hold_ids),
        "policy_ids": sorted(policy_ids),
        "policies_version": erased.policies,
        "duty_over_at": None if first_us is None else format_us(first_us),
    }
