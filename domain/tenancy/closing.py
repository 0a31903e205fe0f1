"""That a tenant has left: an aggregate of its ledger, with one fact, which is the ledger's last.

    history.tenant.closed      nothing is recorded after it, nothing is read after it

The committer asks under its lock whether the stream has an event, and nothing else.
"""

from __future__ import annotations

from functools import lru_cache

from msgspec import Struct

from domain.audit.acts import Act, Fact
from domain.privacy.sealing import history_originator

CLOSED = "history.tenant.closed"
STREAM = "closing"


class Closed(Struct, frozen=True):
    """When a tenant was closed, and by whom. sequence: of the event, its ledger's last."""

    sequence: int
    closed_us: int
    by: str | None


class Closing:
    """Whether one tenant was closed. Nobody opens it again."""

    def __init__(self) -> None:
        self.stream = STREAM
        self.version = 0
        self.closed: Closed | None = None

    def close(self, tenant_id: str, reason: str | None) -> Act | None:
        """None: it is closed already."""
        if self.closed is not None:
            return None
        after = {} if reason is None else {"reason": reason}
        return Act(CLOSED, f"tenant/{tenant_id}", None, after)

    def apply(self, fact: Fact) -> None:
        """Take a fact."""
        if fact.type == CLOSED:
            self.closed = Closed(fact.sequence, fact.received_us, fact.actor)


@lru_cache(maxsize=10_000)  # asked for each event that is recorded
def closing_stream(tenant_id: str) -> bytes:
    """The originator of the stream: once it has an event the tenant's ledger has ended."""
    return history_originator(tenant_id, STREAM).bytes
