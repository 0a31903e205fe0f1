"""Jobs: how far they are, what they did not record, and ending them."""

from __future__ import annotations

from typing import Annotated, Any

from litestar.types import ASGIApp
from msgspec import Meta, Struct

from application.jobs.ports import Status, job_view
from application.maintenance.requests import COMPACT, REINDEX, REPAIR
from domain.access.permissions import Permission
from domain.errors import Invalid
from interfaces.http.answers import accepted, json_answer, listing, resource
from interfaces.http.bodies import EVENT_LIMIT, read_json_bytes
from interfaces.http.caller import ApiRequest
from interfaces.http.cursors import Walk
from interfaces.http.endpoint import (
    IDEMPOTENCY_KEY,
    IF_NONE_MATCH,
    Content,
    Reply,
    endpoint,
    problems,
)
from interfaces.http.idempotency import idempotency_key, of_key
from interfaces.http.params import MAX_INTEGER, Page, Text
from interfaces.http.schemas import JobView, list_of

Sequence = Annotated[int, Meta(ge=1, le=MAX_INTEGER)]


class JobsQuery(Page, frozen=True, kw_only=True):
    """A page of jobs."""

    kind: Text | None = None
    status: Status | None = None


class CompactIn(Struct, forbid_unknown_fields=True):
    """There is nothing to choose."""


class SequencesIn(CompactIn, omit_defaults=True):
    """A range of the tenant's ledger, both ends included; without them, from or to its end."""

    from_sequence: Sequence | None = None
    to_sequence: Sequence | None = None


class RepairIn(SequencesIn, omit_defaults=True):
    """`dry_run`: only tell what would be put right."""

    dry_run: bool = False


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
    reveals=True,
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
    for _ in page:
        request.shown.note(["text"], 1)
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


_STARTED = {
    202: Reply("The job.", JobView, headers=("Location", "Idempotency-Replayed")),
    **problems(405, 413, 415, 503),
}


@endpoint(
    "POST",
    "/jobs/reindex",
    permission=Permission.JOBS_RUN,
    summary="Make the search index of events anew",
    tag="Jobs",
    headers=(IDEMPOTENCY_KEY,),
    content=(Content(SequencesIn, example={"from_sequence": 1, "to_sequence": 5000}),),
    replies=_STARTED,
)
async def reindex_events(request: ApiRequest) -> ASGIApp:
    """Of the tenant's events, all of them or a range, while they are searched and more come in. The
    result says how many rows were `changed`."""
    return await _started(request, REINDEX)


@endpoint(
    "POST",
    "/jobs/repair",
    permission=Permission.JOBS_RUN,
    summary="Find and fill what read models lack",
    tag="Jobs",
    headers=(IDEMPOTENCY_KEY,),
    content=(Content(RepairIn, example={"dry_run": True}),),
    replies=_STARTED,
)
async def repair_models(request: ApiRequest) -> ASGIApp:
    """Holds the read models against the tenant's ledger, all of it or a range, and replays from it
    what is missing or wrong; `dry_run` only tells. What is added up over the whole ledger (actors,
    counts, sources) is looked at when no range is given. The result lists what was `found`, what of
    it was `healed`, and what could not be asked for."""
    return await _started(request, REPAIR)


@endpoint(
    "POST",
    "/jobs/compact",
    permission=Permission.JOBS_RUN,
    summary="Take snapshots of orders at rest",
    tag="Jobs",
    headers=(IDEMPOTENCY_KEY,),
    content=(Content(CompactIn, example={}),),
    replies=_STARTED,
)
async def compact_orders(request: ApiRequest) -> ASGIApp:
    """Of orders in which nothing has happened for 30 days, so that their state is read and no
    longer folded. Nothing of the ledger goes, and no answer changes."""
    return await _started(request, COMPACT)


async def _started(request: ApiRequest, kind: str) -> ASGIApp:
    raw, key = await read_json_bytes(request, EVENT_LIMIT), idempotency_key(request)
    try:
        made = await request.services.maintain(request.caller, kind, raw, key)
    except Invalid as error:
        raise of_key(error) from None
    return accepted(made)


HANDLERS = (
    list_jobs,
    get_job,
    list_rejected,
    cancel_job,
    reindex_events,
    repair_models,
    compact_orders,
)
