"""The lines of a job that are not on the ledger, each with its reason and its bytes."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import msgspec

from application.intake.chunks import JobCipher, SpoolDamaged
from application.intake.ports import KeptLine, SpoolStore
from application.jobs.ports import JobStore
from domain.access.caller import Caller
from domain.access.permissions import Permission
from domain.errors import Forbidden, KeyUnavailable, NotFound


class RejectedLines:
    """The query behind GET /jobs/{job_id}/rejected."""

    def __init__(self, jobs: JobStore, spool: SpoolStore, cipher: JobCipher) -> None:
        self._jobs = jobs
        self._spool = spool
        self._cipher = cipher

    async def __call__(
        self, caller: Caller, job_id: str, after: int, limit: int
    ) -> list[tuple[int, bytes]]:
        """(line number, JSON of {line, outcome, reason, text}) of lines after `after`, in order;
        `base64` in place of `text` for bytes that are not UTF-8.

        Lines hold personal data, of any event: they are for who sent them, and for who may see all
        of both. Raises Forbidden for who sees the job alone, NotFound for anybody else.
        """
        job = await self._jobs.get(caller.tenant_id, job_id)
        if job is None:
            raise NotFound
        reads_all = caller.reach(Permission.EVENTS_READ).is_of_all_events
        if job.submitted_by != caller.subject and not (reads_all and caller.sees_all_personal):
            raise Forbidden if caller.may(Permission.JOBS_READ) else NotFound
        kept = await self._spool.kept((caller.tenant_id, job_id), after, limit)
        return [(line.line, self._view(caller.tenant_id, job_id, line)) for line in kept]

    def _view(self, tenant_id: str, job_id: str, line: KeptLine) -> bytes:
        view: dict[str, Any] = {"line": line.line, "outcome": line.outcome, "reason": line.reason}
        try:
            raw = self._cipher.open_line(tenant_id, job_id, line.line, line.sealed)
        except SpoolDamaged as error:
            raise KeyUnavailable("the key of this job's lines is not there any more") from error
        try:
            view["text"] = raw.decode()
        except UnicodeDecodeError:
            view["base64"] = b64encode(raw).decode("ascii")
        return msgspec.json.encode(view)
