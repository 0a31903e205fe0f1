"""Answering a request for access, in batches: each is in the access log before it is given.

    asked ──▶ on the ledger ──▶ found, and on which grounds it is kept
          ──▶ batches of lines ──▶ answered, on the ledger ──▶ the last line

Nothing of an answer is kept: a file of it would be one store more to erase. Who is given it knows
by the last line that it is whole.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import uuid4

from msgspec.structs import asdict

from application.access_log.recording import AccessLog, Read
from application.audit.acts import Acts
from application.erasure.rounds import Finds
from application.ports import Clock
from application.subject_access import lines
from application.subject_access.gathering import Gathering
from application.subject_access.lines import Line
from application.subject_access.ports import Keeping
from application.subject_access.reading import Held
from domain.access.caller import Caller
from domain.audit.acts import Doer
from domain.erasure.subjects import Subject
from domain.privacy.revealing import Shown
from domain.subject_access.requests import Numbers, Request, read_request
from domain.times import format_us

FORMAT = "order-history/subject-access/v1"
_LINES = 200
_BYTES = 1024 * 1024


class AnswerAccess:
    """The command behind POST /gdpr/access-request."""

    def __init__(
        self, acts: Acts, find: Finds, held: Held, keeping: Sequence[Keeping], clock: Clock
    ) -> None:
        self._acts = acts
        self._find = find
        self._held = held
        self._keeping = keeping
        self._clock = clock

    async def __call__(
        self, caller: Caller, doer: Doer, read: Read, value: Any
    ) -> AsyncIterator[bytes]:
        """The batches of the answer, the request being on the ledger; they raise Unavailable,
        KeyUnavailable, too. Raises Forbidden, Invalid, Unavailable."""
        caller.require_all_personal()
        asked = read_request(value)
        self._held.access_log.require_reason(caller, read)
        tenant_id, subject, request_id = caller.tenant_id, asked.subject, f"sar_{uuid4().hex}"
        request, _ = await self._acts.act(
            tenant_id, doer, lambda: Request(request_id), lambda new: new.ask(asked.reason)
        )
        now_us = self._clock()
        await self._held.access_log.caught_up()
        found = await self._find(tenant_id, subject)
        kept = [
            one
            for keeping in self._keeping
            for one in await keeping.over(tenant_id, subject, [*found.whole, *found.named])
        ]
        gathering = Gathering(
            self._held, tenant_id, subject, found, kept, until=request.sequence, before_us=now_us
        )
        head = lines.plain(
            "export",
            format=FORMAT,
            request_id=request_id,
            tenant_id=tenant_id,
            made_at=format_us(now_us),
            as_of_sequence=request.sequence,
            subject=_told(subject),
        )
        answer = _Answer(self._held.access_log, caller, read)
        return self._batches(doer, request_id, head, gathering, answer)

    async def _batches(
        self, doer: Doer, request_id: str, head: Line, gathering: Gathering, answer: _Answer
    ) -> AsyncIterator[bytes]:
        answer.add(head)
        async for line in gathering.lines():
            answer.add(line)
            if answer.is_full:
                yield await answer.batch()
        yield await answer.batch()
        numbers = Numbers(gathering.events, answer.values, answer.lines + 1)
        await self._acts.act(
            answer.caller.tenant_id,
            doer,
            lambda: Request(request_id),
            lambda request: request.answer(numbers),
        )
        answer.add(lines.plain("end", **asdict(numbers)))
        yield await answer.batch()


class _Answer:
    """Lines on their way into batches. values, lines: in all batches so far."""

    def __init__(self, access_log: AccessLog, caller: Caller, read: Read) -> None:
        self._access_log = access_log
        self.caller = caller
        self._read = read
        self.values = self.lines = 0
        self._begin()

    def _begin(self) -> None:
        self._batch = bytearray()
        self._count = 0
        self._shown = Shown()

    def add(self, line: Line) -> None:
        self._batch += line(self._shown) + b"\n"
        self._count += 1

    @property
    def is_full(self) -> bool:
        return self._count >= _LINES or len(self._batch) >= _BYTES

    async def batch(self) -> bytes:
        """What came since the last one, noted. Raises NotLogged."""
        batch, shown = bytes(self._batch), self._shown
        self.values += shown.values
        self.lines += self._count
        self._begin()
        if shown.logged:
            await self._access_log.note(self.caller, self._read, shown, len(batch))
        return batch


def _told(subject: Subject) -> dict[str, str]:
    return {"customer_id": subject.id} if subject.id is not None else {"email": str(subject.email)}
