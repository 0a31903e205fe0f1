"""Section 9: forgetting a person, or giving it pseudonyms."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from litestar.types import ASGIApp
from msgspec import Meta, Struct

from application.jobs.ports import job_view
from domain import canonical
from domain.access.permissions import Permission
from domain.erasure.requests import ERASURE, PSEUDONYMISATION, REVERSAL, Kind
from domain.erasure.subjects import MAX_REASON, MAX_SUBJECT
from domain.errors import NotFound
from interfaces.http.answers import accepted, resource
from interfaces.http.bodies import EVENT_LIMIT, read_json_bytes
from interfaces.http.caller import ApiRequest
from interfaces.http.endpoint import IF_NONE_MATCH, Content, Reply, endpoint, problems
from interfaces.http.schemas import JobView

_KINDS = (ERASURE, PSEUDONYMISATION, REVERSAL)


class EraseIn(Struct, frozen=True, omit_defaults=True):
    """Whom to forget: a customer id, or an email address."""

    subject_id: Annotated[str, Meta(min_length=1, max_length=MAX_SUBJECT)]
    scope: Literal["order_data", "attachments"] = "order_data"
    reason: Annotated[str, Meta(min_length=1, max_length=MAX_REASON)] | None = None


class PseudonymizeIn(Struct, frozen=True, omit_defaults=True):
    """Whom to give pseudonyms: a customer id, or an email address."""

    subject_id: Annotated[str, Meta(min_length=1, max_length=MAX_SUBJECT)]
    reason: Annotated[str, Meta(min_length=1, max_length=MAX_REASON)] | None = None


class DepseudonymizeIn(Struct, frozen=True):
    """Whose values to put back, and why."""

    subject_id: Annotated[str, Meta(min_length=1, max_length=MAX_SUBJECT)]
    reason: Annotated[str, Meta(min_length=1, max_length=MAX_REASON)]


_EXAMPLE: dict[str, Any] = {
    "subject_id": "cust_123", "scope": "order_data", "reason": "user_request",
}  # fmt: skip


_ASKED: dict[int, Reply] = {
    202: Reply("A job, whose result is the report.", JobView,
               headers=("Location", "Idempotency-Replayed")),
    **problems(413, 415, 503),
}  # fmt: skip


@endpoint(
    "POST",
    "/gdpr/erase-request",
    permission=Permission.ERASURE_MANAGE,
    summary="Erase what is kept of a person",
    tag="Privacy",
    content=(Content(EraseIn, example=_EXAMPLE),),
    replies=_ASKED,
)
async def request_erasure(request: ApiRequest) -> ASGIApp:
    """By customer id: all orders of that customer, what the customer did as an actor, and what
    events of other orders say of it. By email address: orders whose customer has it, and what is
    said of who has it in orders of others; what they did as an actor goes by customer id alone. The
    values and their keys are destroyed, the keys of all others wrapped anew, and every store is
    read again; the ledger and its proofs stay as they are. What is under legal hold, or must be
    kept by a retention policy, is retained, and listed. A request for the same person that is under
    way is joined. Nothing found is a report that says so."""
    return await _asked(request, ERASURE)


@endpoint(
    "POST",
    "/gdpr/pseudonymize",
    permission=Permission.ERASURE_MANAGE,
    summary="Put pseudonyms in the place of a person's values",
    tag="Privacy",
    content=(Content(PseudonymizeIn, example={"subject_id": "cust_123", "reason": "minimise"}),),
    replies=_ASKED,
)
async def request_pseudonyms(request: ApiRequest) -> ASGIApp:
    """Finds what an erasure finds. Every reader then sees the same pseudonym for the same value,
    and finds it by that; the values themselves are kept apart from the database. What is under
    legal hold is retained, and listed. What is recorded later is kept as it comes: ask again. A
    request for the same person that is under way is joined."""
    return await _asked(request, PSEUDONYMISATION)


@endpoint(
    "POST",
    "/gdpr/depseudonymize",
    permission=Permission.PSEUDONYMS_REVERSE,
    summary="Put back what pseudonyms stand for",
    tag="Privacy",
    content=(Content(DepseudonymizeIn, example={"subject_id": "cust_123", "reason": "case 7"}),),
    replies=_ASKED,
)
async def request_reversal(request: ApiRequest) -> ASGIApp:
    """Of one person, byte for byte, and checked against the ledger. An email address is found by
    its pseudonym. `Location` is that of the job below `/jobs` for callers who may not read
    reports of erasures."""
    return await _asked(request, REVERSAL)


async def _asked(request: ApiRequest, kind: Kind) -> ASGIApp:
    value = canonical.decode(await read_json_bytes(request, EVENT_LIMIT))
    made = await request.services.of_person(request.caller, request.doer, kind, value)
    below = "gdpr" if request.caller.may(Permission.ERASURE_MANAGE) else "jobs"
    return accepted(made, below)


@endpoint(
    "GET",
    "/gdpr/{job_id:str}",
    permission=Permission.ERASURE_MANAGE,
    summary="An erasure or a pseudonymisation, and its report",
    tag="Privacy",
    headers=(IF_NONE_MATCH,),
    replies={
        200: Reply("The job as it stands.", JobView, headers=("ETag",)),
        304: Reply("The caller has it already.", headers=("ETag",)),
        **problems(404, 405, 503),
    },
)
async def get_erasure(request: ApiRequest) -> ASGIApp:
    """`result` tells each store, what was erased or replaced, what was retained and on which
    ground, and what was `left` when the store was read again."""
    job = await request.services.jobs.get(request.caller, request.path_value("job_id"))
    if job.kind not in _KINDS:
        raise NotFound
    return resource(request, job_view(job))


HANDLERS = (request_erasure, request_pseudonyms, request_reversal, get_erasure)
