"""What `doctor` finds out about what is signed of the ledger, each in a line."""

from __future__ import annotations

import asyncio
from typing import Any

from msgspec import Struct
from psycopg import Connection

from application.ledger.ports import GLOBAL
from application.ledger.signatures import open_checkpoint
from domain.errors import OrderHistoryError
from domain.ledger.faults import DoesNotHold, Malformed
from infrastructure.ledger.alarms import ALL, Alarm
from infrastructure.ledger.audit_progress import load
from infrastructure.ledger.figures import NewestRound, newest_round
from infrastructure.ledger.signed_store import published_key
from interfaces.composition.connections import blocking
from interfaces.composition.proving import log_keys, published, signing_directory
from interfaces.settings import Settings


class Finding(Struct, frozen=True):
    """What one check of `doctor` found."""

    name: str
    ok: bool
    detail: str


def signed_findings(settings: Settings) -> list[Finding]:
    """Alarms, the keys that sign, the newest checkpoint, and the self-audit. Changes nothing."""
    with blocking(settings, "doctor")() as connection:
        newest = newest_round(connection)
        return [
            *_alarms(connection),
            _signing_keys(settings, newest),
            _newest_checkpoint(settings, newest),
            _self_audit(settings, connection),
        ]


def _alarms(connection: Connection[Any]) -> list[Finding]:
    alarms = [Alarm(*row) for row in connection.execute(ALL).fetchall()]
    return [_alarm(one) for one in alarms] or [Finding("alarms", True, "none stands")]


def _alarm(alarm: Alarm) -> Finding:
    at = "" if alarm.sequence is None else f", sequence {alarm.sequence}"
    return Finding("alarm", False, f"tenant {alarm.tenant_id}, {alarm.kind}{at}: {alarm.detail}")


def _signing_keys(settings: Settings, newest: NewestRound | None) -> Finding:
    path = signing_directory(settings) / "keys"
    try:
        mode = path.stat().st_mode & 0o777
    except OSError as error:
        if newest is None and isinstance(error, FileNotFoundError):
            return Finding("signing keys", True, "nothing signed yet, no key made")
        return Finding("signing keys", False, f"they cannot be looked at: {error.strerror}")
    if mode & 0o077:
        return Finding("signing keys", False, f"the file is open to others (mode {mode:o})")
    return Finding("signing keys", True, f"the file has mode {mode:o}")


def _newest_checkpoint(settings: Settings, newest: NewestRound | None) -> Finding:
    if newest is None:
        return Finding("newest checkpoint", True, "nothing is signed yet")
    try:
        ok, what = _holds(settings, newest)
    except (OrderHistoryError, OSError) as error:
        ok, what = False, f"cannot be looked at: {error}"
    return Finding("newest checkpoint", ok, f"that of round {newest.number} {what}")


def _holds(settings: Settings, newest: NewestRound) -> tuple[bool, str]:
    if newest.note is None:
        return False, "is not in the database"
    if not (signing_directory(settings) / "keys").exists():  # they would be made
        return False, "cannot be verified: there is no key"
    try:
        open_checkpoint(newest.note, log_keys(settings).verifier_keys(newest.origin))
    except (Malformed, DoesNotHold) as fault:
        return False, f"does not verify: {fault}"
    there, before = asyncio.run(_published(settings, newest))
    if there is None:
        if before is None:
            return False, "is not published, nor the one before"
        return True, "verifies and is being published"
    if there != newest.note.encode():
        return False, "is published with other content"
    return True, "verifies and is published"


async def _published(settings: Settings, newest: NewestRound) -> list[bytes | None]:
    """What is published of the newest round, and of the one before."""
    store, numbers = published(settings), (newest.number, max(1, newest.number - 1))
    return [await store.get(published_key(GLOBAL, newest.epoch, one)) for one in numbers]


def _self_audit(settings: Settings, connection: Connection[Any]) -> Finding:
    at = load(connection)
    off = ", and off (ORDER_HISTORY_AUDIT_RATE=0)" if settings.ledger.audit_rate == 0 else ""
    where = f", sequence {at.reached.sequence} of {at.tenant_id}" if at.tenant_id else ""
    return Finding("self-audit", True, f"in pass {at.number}{where}{off}")
