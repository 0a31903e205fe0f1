"""Jobs: how far they are, what they did not record, and ending them."""

from __future__ import annotations

from typing import Any

from litestar.types import ASGIApp
from msgspec import Struct

from application.jobs.ports import Status, job_view
from domain.access.permissions import Permission
from interfaces.http.answers import json_answer, listing, resource
from interfaces.http.caller import ApiRequest
from interfaces.http.cursors import Walk
from interfaces.http.endpoint import IF_NONE_MATCH, Reply, endpoint, problems
from interfaces.http.params import Page, Text
from interfaces.http.schemas import JobView, list_of


class JobsQuery(Page, frozen=True, kw_only=True):
    """A page of jobs."""

    kind: Text | None = None
    status: Status | None = None


class RejectedLine(Struct, frozen=True, omit_defaults=True):
    """A line that is not on the ledger. `base64` in place of `text` for what is not UTF-8."""

    line: int
    outcome: str
    reason: list[dict[str, Any]]
    text: str | None = None
    base64: str | None = None


@endpoint(
    "GET",
    "/jobs",
    permission=Permission.JOBS_OWN,
    summary="List jobs",
    tag="Jobs",
    query=JobsQuery,
    replies={200: Reply("The newest first.", list_of(JobView)), **problems(503)},
)
async def list_jobs(request: ApiRequest, query: JobsQuery) -> ASGIApp:
    """Each caller sees the jobs it submitted; `jobs.read` shows all of the tenant."""
    services, caller = request.services, request.caller
    walk = Walk(services.cursor_key, caller.tenant_id, "jobs", query)
    found = await services.jobs.listed(
        caller,
        kind=query.kind,
        status=query.status,
        before=walk.after(query.cursor, tuple[int, str]),
        limit=query.limit + 1,
    )
    page = found[: query.limit]
    next_cursor = None
    if len(found) > query.limit:
        next_cursor = walk.cursor((page[-1].submitted_us, page[-1].job_id))
    return listing([job_view(job) for job in page], next_cursor)


@endpoint(
    "GET",
    "/jobs/{job_id:str}",
    permission=Permission.JOBS_OWN,
    summary="One job",
    tag="Jobs",
    headers=(IF_NONE_MATCH,),
    replies={
        200: Reply("The job as it stands.", JobView, headers=("ETag",)),
        304: Reply("The caller has it already.", headers=("ETag",)),
        **problems(404, 405, 503),
    },
)
async def get_job(request: ApiRequest) -> ASGIApp:
    """Each caller sees the jobs it submitted; `jobs.read` shows all of the tenant."""
    job = await request.services.jobs.get(request.caller, request.path_value("job_id"))
    return resource(request, job_view(job))


@endpoint(
    "GET",
    "/jobs/{job_id:str}/rejected",
    permission=Permission.JOBS_OWN,
    summary="List the lines of a job that were not recorded",
    tag="Jobs",
    query=Page,
    replies={200: Reply("By line number.", list_of(RejectedLine)), **problems(404, 503)},
)
async def list_rejected(request: ApiRequest, query: Page) -> ASGIApp:
    """With their text, card numbers removed, for 30 days. It may be personal: only who submitted
    the job, or may see personal data, reads it."""
    services, caller = request.services, request.caller
    job_id = request.path_value("job_id")
    walk = Walk(services.cursor_key, caller.tenant_id, f"rejected/{job_id}", query)
    (after,) = walk.after(query.cursor, tuple[int]) or (0,)
    lines = await services.rejected(caller, job_id, after, query.limit + 1)
    page = lines[: query.limit]
    next_cursor = walk.cursor((page[-1][0],)) if len(lines) > query.limit else None
    return listing([line for _, line in page], next_cursor)


@endpoint(
    "POST",
    "/jobs/{job_id:str}/cancel",
    permission=Permission.JOBS_OWN,
    summary="Cancel a job",
    tag="Jobs",
    replies={200: Reply("The job as it stands.", JobView), **problems(404, 503)},
)
async def cancel_job(request: ApiRequest) -> ASGIApp:
    """It ends before its next step, with nothing half done. What it has done stays, and its result
    tells of it; a job that is over stays so."""
    job = await request.services.jobs.cancel(request.caller, request.path_value("job_id"))
    return json_answer(job_view(job))


HANDLERS = (list_jobs, get_job, list_rejected, cancel_job)
