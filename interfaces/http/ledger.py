"""Section 10: the ledger's status, proofs of ranges, and verification of single events."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar.types import ASGIApp
from msgspec import Meta, Struct

from application.ledger.checking import Verified
from application.ledger.proving import LONGEST_RANGE, LedgerStatus, RangeProof
from application.orders.views import sequence_of
from domain.access.permissions import Permission
from domain.errors import Invalid
from interfaces.http.answers import READ_HEADERS, TEXT, Answer, json_answer, resource
from interfaces.http.caller import ApiRequest
from interfaces.http.endpoint import IF_NONE_MATCH, Content, Header, Reply, endpoint, problems
from interfaces.http.events import find_event
from interfaces.http.params import SafeInteger
from interfaces.http.problems import in_place

_RECEIPT = {"type": "string", "description": "A C2SP tlog-proof."}
_ACCEPT = Header(
    "Accept", "`text/plain` for the receipt alone, as a C2SP tlog-proof.", {"type": "string"}
)
_VARY_BY_ACCEPT = (READ_HEADERS[0], (b"vary", b"Authorization, X-Tenant-ID, Accept"))


class RangeQuery(Struct, frozen=True, kw_only=True):
    """Which events are to be proved."""

    from_: Annotated[SafeInteger, Meta(description="The first sequence; at least 1.")] = (
        msgspec.field(name="from")
    )
    to: Annotated[
        SafeInteger,
        Meta(description=f"The last sequence; a range has at most {LONGEST_RANGE} events."),
    ]
    since: (
        Annotated[SafeInteger, Meta(description="Prove that the ledger goes on from this size.")]
        | None
    ) = None


@endpoint(
    "GET",
    "/ledger/status",
    permission=Permission.LEDGER_PROVE,
    summary="The end of the ledger, and its newest checkpoint",
    tag="Ledger",
    headers=(IF_NONE_MATCH,),
    replies={
        200: Reply("As of now.", LedgerStatus, headers=("ETag",)),
        304: Reply("The caller has it already.", headers=("ETag",)),
        **problems(503),
    },
)
async def get_ledger_status(request: ApiRequest) -> ASGIApp:
    """`checkpoint` is the signed note, verbatim, with what witnesses have added; `unsigned` counts
    the events after it. Before the first one it is null."""
    status = await request.services.prove.status(request.caller.tenant_id)
    return resource(request, msgspec.json.encode(status))


@endpoint(
    "GET",
    "/ledger/proof",
    permission=Permission.LEDGER_PROVE,
    summary="Prove a range of events",
    tag="Ledger",
    query=RangeQuery,
    replies={200: Reply("The proof.", RangeProof), **problems(503)},
)
async def prove_range(request: ApiRequest, query: RangeQuery) -> ASGIApp:
    """The entries of the events from `from` to `to`, the hashes with which they give the root of
    the checkpoint, and with `since` the proof that nothing before was changed since that size.
    Beyond the last checkpoint it waits up to 2 s for the next one, else 503."""
    prove = request.services.prove
    try:
        proof = await prove.range(request.caller.tenant_id, query.from_, query.to, query.since)
    except Invalid as error:
        raise in_place(error, "query") from None
    return json_answer(msgspec.json.encode(proof), headers=READ_HEADERS)


@endpoint(
    "GET",
    "/events/{event_id:str}/verify",
    permission=Permission.EVENTS_READ,
    summary="Verify one event",
    tag="Ledger",
    headers=(_ACCEPT,),
    replies={
        200: Reply("What holds, and what does not.", Verified,
                   others=(Content(_RECEIPT, TEXT),)),
        **problems(404, 503),
    },
)  # fmt: skip
async def verify_event(request: ApiRequest) -> ASGIApp:
    """Re-reads the stored bytes; recomputes the entry and the chain from the event before; checks
    the inclusion in the trusted checkpoint, whose signatures too, and each personal value against
    its digest. An event that no checkpoint covers yet is waited for, up to 2 s, else 503."""
    if _wants_text(request.header(b"accept")):
        headers = ((b"content-type", TEXT.encode()), *_VARY_BY_ACCEPT)
        return Answer(200, headers, await _receipt(request, Permission.EVENTS_READ))
    wanted = await _wanted(request, Permission.EVENTS_READ)
    verified = await request.services.verify(request.caller, wanted)
    return json_answer(msgspec.json.encode(verified), headers=_VARY_BY_ACCEPT)


@endpoint(
    "GET",
    "/events/{event_id:str}/receipt",
    permission=Permission.RECEIPTS_READ,
    summary="The receipt of an event",
    tag="Ledger",
    headers=(IF_NONE_MATCH,),
    replies={
        200: Reply("A C2SP tlog-proof, to be kept as a .tlog-proof file and verified offline.",
                   _RECEIPT, TEXT, headers=("ETag",)),
        304: Reply("The caller has it already.", headers=("ETag",)),
        **problems(404, 503),
    },
)  # fmt: skip
async def get_receipt(request: ApiRequest) -> ASGIApp:
    """That the event is on the ledger, provable without this service. Its `extra` line chains the
    checkpoint to the global log over all tenants, while that still has the round. An event that no
    checkpoint covers yet is waited for, up to 2 s, else 503."""
    receipt = await _receipt(request, Permission.RECEIPTS_READ)
    return resource(request, receipt, media_type=TEXT)


async def _receipt(request: ApiRequest, permission: Permission) -> bytes:
    wanted = await _wanted(request, permission)
    receipt = await request.services.prove.receipt(request.caller.tenant_id, wanted)
    return receipt.encode()


async def _wanted(request: ApiRequest, permission: Permission) -> str | int:
    """The event of the path: a sequence, from the id that this service gave, or an event_id. Raises
    NotFound for one that this permission of the caller does not reach."""
    caller = request.caller
    # A receipt is digests alone, of an act too.
    acts = permission is Permission.RECEIPTS_READ or caller.may(Permission.AUDIT_READ)
    if not (acts and caller.reach(permission).is_of_all_events):
        await find_event(request, permission=permission)
    event_id = request.path_value("event_id")
    sequence = sequence_of(event_id)
    return event_id if sequence is None else sequence


def _wants_text(accept: str | None) -> bool:
    """Whether text is named, and JSON is not."""
    ranges = [one.split(";")[0].strip().lower() for one in (accept or "").split(",")]
    return "text/plain" in ranges and "application/json" not in ranges


HANDLERS = (get_ledger_status, prove_range, verify_event, get_receipt)
