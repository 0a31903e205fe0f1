"""Section 9: retention policies, and what they would let go."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar.types import ASGIApp

from application.retention.managing import Standing
from domain import canonical
from domain.access.permissions import Permission
from domain.retention.policies import said
from domain.retention.templates import TEMPLATES
from interfaces.http.answers import (
    READ_HEADERS,
    accepted,
    changed,
    created,
    json_answer,
    location,
    no_content,
    only_unchanged,
    resource,
)
from interfaces.http.bodies import EVENT_LIMIT, read_json_bytes
from interfaces.http.caller import ApiRequest
from interfaces.http.endpoint import IF_MATCH, IF_NONE_MATCH, Content, Reply, endpoint, problems
from interfaces.http.params import Numbered, numbered
from interfaces.http.policies import (
    PolicyChange,
    PolicyIn,
    PolicyPage,
    PolicyView,
    RunIn,
    Templates,
    encoded,
    template,
    view,
)
from interfaces.http.schemas import JobView

_EXAMPLE: dict[str, Any] = said(TEMPLATES[1])
_TAG = "Privacy"


@endpoint(
    "POST",
    "/retention/policies",
    permission=Permission.RETENTION_MANAGE,
    summary="Make a retention policy",
    tag=_TAG,
    content=(Content(PolicyIn, example=_EXAMPLE),),
    replies={
        201: Reply("Made; it is on the ledger, and does nothing yet.", PolicyView,
                   headers=("Location",)),
        **problems(413, 415),
    },
)  # fmt: skip
async def make_policy(request: ApiRequest) -> ASGIApp:
    """How long values are kept, why, and what becomes of them then. `redact`: the personal values
    go. `purge`: all that lies beside the ledger goes, of events the same, of snapshots the whole
    state. `archive`, and whatever is of attachments, is pending until there are such. The ledger
    and its proofs stay as they are. A policy that overlaps with another one, or contradicts it, is
    422 and names it; so is one that is to be enabled at once: make a dry run first."""
    standing = await request.services.policies.create(
        request.caller, request.doer, await _body(request)
    )
    where = location("retention", "policies", standing.policy.policy_id)
    return created(encoded(standing), where)


@endpoint(
    "GET",
    "/retention/policies",
    permission=Permission.RETENTION_READ,
    summary="List retention policies",
    tag=_TAG,
    query=Numbered,
    replies={200: Reply("The newest first.", PolicyPage), **problems(503)},
)
async def list_policies(request: ApiRequest, query: Numbered) -> ASGIApp:
    """What each says, and what its last dry run and its last run came to."""
    policies, tenant_id = request.services.policies, request.caller.tenant_id
    found = await policies.listed(tenant_id)
    page = await policies.standing(tenant_id, list(numbered(found, query)))
    body = msgspec.json.encode(PolicyPage([view(one) for one in page], len(found)))
    return json_answer(body, headers=READ_HEADERS)


@endpoint(
    "GET",
    "/retention/policies/{policy_id:str}",
    permission=Permission.RETENTION_READ,
    summary="One retention policy",
    tag=_TAG,
    headers=(IF_NONE_MATCH,),
    replies={
        200: Reply("The policy.", PolicyView, headers=("ETag",)),
        304: Reply("The caller has it already.", headers=("ETag",)),
        **problems(404, 503),
    },
)
async def get_policy(request: ApiRequest) -> ASGIApp:
    """As it is now; what it was before is in the audit log."""
    return resource(request, encoded(await _standing(request)))


@endpoint(
    "PATCH",
    "/retention/policies/{policy_id:str}",
    permission=Permission.RETENTION_MANAGE,
    summary="Change a retention policy",
    tag=_TAG,
    headers=(IF_MATCH,),
    content=(Content(PolicyChange, example={"enabled": True}),),
    replies={
        200: Reply("As it is now.", PolicyView, headers=("ETag",)),
        **problems(404, 412, 413, 415),
    },
)
async def change_policy(request: ApiRequest) -> ASGIApp:
    """What is named is replaced, null takes it away. `enabled: true` wants a finished dry run of
    the policy as it is. A change of anything but `name` and `legal_basis` ends `enabled`, and wants
    a new dry run. Without If-Match the last change wins."""
    there = await _standing(request)
    unchanged = only_unchanged(request, encoded(there))
    value = await _body(request)
    there_now = await request.services.policies.change(
        request.caller, request.doer, there, value, unchanged=unchanged
    )
    return changed(None if there_now is None else encoded(there_now))


@endpoint(
    "DELETE",
    "/retention/policies/{policy_id:str}",
    permission=Permission.RETENTION_MANAGE,
    summary="Delete a retention policy",
    tag=_TAG,
    replies={204: Reply("Deleted; that it was there stays."), **problems(404, 503)},
)
async def delete_policy(request: ApiRequest) -> ASGIApp:
    """Nothing is due by it any more, and its duty is over. What it let go does not come back."""
    await request.services.policies.delete(
        request.caller, request.doer, request.path_value("policy_id")
    )
    return no_content()


@endpoint(
    "POST",
    "/retention/policies/{policy_id:str}/runs",
    permission=Permission.RETENTION_MANAGE,
    summary="Run a retention policy, or try it",
    tag=_TAG,
    content=(Content(RunIn, example={"dry_run": True}),),
    replies={
        202: Reply("A job, whose result is the report.", JobView,
                   headers=("Location", "Idempotency-Replayed")),
        **problems(404, 413, 415, 503),
    },
)  # fmt: skip
async def run_policy(request: ApiRequest) -> ASGIApp:
    """A dry run, if nothing else is said: what is due now, in numbers and samples; what of it is
    under legal hold, and what the duties of other policies keep. A run wants an enabled policy,
    leaves what is held, lists it, and lets it go once the hold has ended. Enabled policies are run
    each day. A request for the same that is under way is joined."""
    raw = await read_json_bytes(request, EVENT_LIMIT)
    made = await request.services.retain(request.caller, request.path_value("policy_id"), raw)
    return accepted(made)


@endpoint(
    "GET",
    "/retention/templates",
    permission=Permission.RETENTION_READ,
    summary="Retention policies to begin with",
    tag=_TAG,
    replies={200: Reply("Bodies that can be sent as they are.", Templates), **problems(503)},
)
async def list_templates(_: ApiRequest) -> ASGIApp:
    """Seven years for commercial and tax records; twelve months for payments (PCI DSS 10.5.1)."""
    body = msgspec.json.encode(Templates([template(rule) for rule in TEMPLATES]))
    return json_answer(body, headers=READ_HEADERS)


async def _standing(request: ApiRequest) -> Standing:
    policy_id = request.path_value("policy_id")
    return await request.services.policies.get(request.caller.tenant_id, policy_id)


async def _body(request: ApiRequest) -> object:
    return canonical.decode(await read_json_bytes(request, EVENT_LIMIT))


HANDLERS = (
    make_policy,
    list_policies,
    get_policy,
    change_policy,
    delete_policy,
    run_policy,
    list_templates,
)
