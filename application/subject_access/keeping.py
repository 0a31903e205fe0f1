"""The legal holds over what is held on a person."""

from __future__ import annotations

from collections.abc import Sequence

from application.holds.choke import ChokePoint
from application.subject_access.ports import Kept
from domain.erasure.subjects import Subject
from domain.holds.holds import Hold

GROUND = "legal hold"


class LegalHolds:
    """Implements `application.subject_access.ports.Keeping`."""

    def __init__(self, holds: ChokePoint) -> None:
        self._holds = holds

    async def over(
        self, tenant_id: str, subject: Subject, order_ids: Sequence[str]
    ) -> Sequence[Kept]:
        held = await self._holds.over(tenant_id, order_ids)
        of_person = held.named(held.of_subject(subject.id) if subject.id is not None else ())
        found = [_kept(hold, None) for hold in of_person]
        for order_id, hold_ids in held.by_order.items():
            found += [_kept(hold, order_id) for hold in held.named(hold_ids)]
        return found


def _kept(hold: Hold, order_id: str | None) -> Kept:
    details = {"hold_id": hold.hold_id, "case_id": hold.case_id}
    return Kept(GROUND, order_id, hold.expires_us, details)
