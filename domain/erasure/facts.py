"""What the ledger tells of values that are gone, or replaced: which, and why
(`domain.privacy.disclosing`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from domain.ledger.acts import own_event
from domain.orders.events import Draft
from domain.privacy.disclosing import ERASED, PSEUDONYMISED, REDACTED, REIDENTIFIED

_EVENTS_A_FACT = 100
_STREAMS = {
    ERASED: "erasure",
    REDACTED: "retention",
    PSEUDONYMISED: "pseudonymisation",
    REIDENTIFIED: "depseudonymisation",
}


class Ground(Struct, frozen=True):
    """Why values go or change, and by which job. type: of the facts that tell of it; policy_id: of
    the retention policy that let them go."""

    type: str
    job_id: str
    policy_id: str | None = None

    @property
    def stream(self) -> str:
        """Where the ledger tells what the job has done."""
        return f"{_STREAMS[self.type]}/{self.job_id}"


def facts(
    tenant_id: str,
    ground: Ground,
    pointers: Mapping[int, Sequence[str]],
    orders: Sequence[str],
    name: str,
    *,
    now: str,
    random_bytes: Callable[[int], bytes],
) -> list[Draft]:
    """The facts that this was done to these values, by sequence; of `orders` everything is gone,
    and later values are not kept. name: tells the facts of a job apart."""
    sequences = sorted(pointers)
    drafts = []
    for start in range(0, max(1, len(sequences)), _EVENTS_A_FACT):
        some = sequences[start : start + _EVENTS_A_FACT]
        events = [{"sequence": one, "pointers": list(pointers[one])} for one in some]
        payload: dict[str, object] = {"job_id": ground.job_id, "events": events}
        if ground.policy_id is not None:
            payload["policy_id"] = ground.policy_id
        if start == 0 and orders:
            payload["orders"] = list(orders)
        event_id = f"oh_evt_{ground.stream}/{name}/{start}"
        drafts.append(
            own_event(
                tenant_id,
                ground.stream,
                ground.type,
                event_id,
                payload,
                now=now,
                random_bytes=random_bytes,
            )
        )
    return drafts
