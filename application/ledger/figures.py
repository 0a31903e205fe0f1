"""What is measured of the ledger, for whoever watches over an installation."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class LedgerFigures(Struct, frozen=True):
    """All logs together.

    alarms: how many stand, by kind. signed_age_us: while events wait to be signed, how old the
    newest checkpoint is, or the oldest of them if that is less; else 0. unpublished_rounds: None
    when the storage does not tell. audited_events: what the self-audit has looked at in its pass
    under way; audit_passes: those before it.
    """

    alarms: Mapping[str, int]
    unsigned_events: int
    signed_age_us: int
    unpublished_rounds: int | None
    audited_events: int
    audit_passes: int
