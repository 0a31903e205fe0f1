"""The end of an empty ledger, and what came of drafts that were placed there, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain.errors import OrderHistoryError
from domain.ledger.append import LedgerEnd, Placed
from domain.orders.events import Recorded

T0 = 1_756_470_898_000_001


def empty(**changes: Any) -> LedgerEnd:
    fields: dict[str, Any] = {"position": 0, "received_us": T0, "tenants": {}, "versions": {}}
    return LedgerEnd(**fields | changes)


def recorded(results: Sequence[Placed]) -> list[Recorded]:
    assert all(isinstance(result, Recorded) for result in results), results
    return [result for result in results if isinstance(result, Recorded)]


def refused(results: Sequence[Placed], kind: type[OrderHistoryError]) -> OrderHistoryError:
    (result,) = results
    assert type(result) is kind
    return result
