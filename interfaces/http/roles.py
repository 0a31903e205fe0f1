"""Section 13: roles of a tenant's own, and who has which."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar.types import ASGIApp
from msgspec import Struct

from application.access.roles import Assigned
from domain import canonical
from domain.access.permissions import Permission
from domain.access.roles import Role
from domain.access.scope import Scope
from domain.errors import Invalid
from domain.privacy.cards import holds_card
from interfaces.http.answers import (
    READ_HEADERS,
    created,
    json_answer,
    location,
    no_content,
    replayed,
    resource,
)
from interfaces.http.bodies import EVENT_LIMIT, read_json_bytes
from interfaces.http.caller import ApiRequest
from interfaces.http.endpoint import IF_NONE_MATCH, Content, Reply, endpoint, problems
from interfaces.http.params import Numbered, numbered
from interfaces.http.problems import ParameterError

MAX_SUBJECT = 255


class RoleIn(Struct, frozen=True, omit_defaults=True):
    """A role: permissions by name, within a scope."""

    role: str
    permissions: list[Permission]
    scope: Scope | None = None


class RoleView(Struct, frozen=True):
    """A role. Built-in ones are the same in every tenant."""

    role: str
    built_in: bool
    permissions: list[Permission]
    scope: Scope


class RolePage(Struct, frozen=True):
    """A page; `total` counts the items of all pages."""

    items: list[RoleView]
    total: int


class AssignmentIn(Struct, frozen=True):
    """The roles of a subject, beside those of its token."""

    roles: list[str]


class AssignmentPage(Struct, frozen=True):
    """A page; `total` counts the items of all pages."""

    items: list[Assigned]
    total: int


_EXAMPLE: dict[str, Any] = {
    "role": "refund_desk",
    "permissions": ["events.read", "orders.read", "personal.read"],
    "scope": {
        "sources": ["stripe", "adyen"],
        "types": ["order.payment.*", "order.return.*"],
        "personal": ["contact", "name"],
    },
}
_CONTENT = (Content(RoleIn, example=_EXAMPLE),)


@endpoint(
    "GET",
    "/roles",
    permission=Permission.ROLES_READ,
    summary="List roles",
    tag="Access",
    query=Numbered,
    replies={200: Reply("The built-in ones, then the tenant's own, by name.", RolePage),
             **problems(503)},
)  # fmt: skip
async def list_roles(request: ApiRequest, query: Numbered) -> ASGIApp:
    """What each permits, and how far."""
    roles = await request.services.roles.listed(request.caller.tenant_id)
    page = [_view(role) for role in numbered(roles, query)]
    body = msgspec.json.encode(RolePage(page, len(roles)))
    return json_answer(body, headers=READ_HEADERS)


@endpoint(
    "POST",
    "/roles",
    permission=Permission.ROLES_MANAGE,
    summary="Make a role",
    tag="Access",
    content=_CONTENT,
    replies={
        201: Reply("Made; it is on the ledger.", RoleView, headers=("Location",)),
        200: Reply("It was there, just so.", RoleView,
                   headers=("Location", "Idempotency-Replayed")),
        **problems(409, 413, 415, 503),
    },
)  # fmt: skip
async def make_role(request: ApiRequest) -> ASGIApp:
    """Of permissions that the caller has itself, no further than it has them. The scope limits
    them to events of these `sources` and `types`, orders of these `channels`, and, for
    `personal.read`, these classes of personal data; what is left out does not limit. Who may see
    parts of orders alone has no right to what tells of whole orders: states, snapshots, lists of
    orders. A name that is taken is 409."""
    role, there = await request.services.roles.define(
        request.caller, request.doer, await _body(request)
    )
    where = location("roles", role.role)
    return (replayed if there else created)(msgspec.json.encode(_view(role)), where)


@endpoint(
    "GET",
    "/roles/{role:str}",
    permission=Permission.ROLES_READ,
    summary="One role",
    tag="Access",
    headers=(IF_NONE_MATCH,),
    replies={
        200: Reply("The role.", RoleView, headers=("ETag",)),
        304: Reply("The caller has it already.", headers=("ETag",)),
        **problems(404, 503),
    },
)
async def get_role(request: ApiRequest) -> ASGIApp:
    """Built in, or the tenant's own."""
    roles = request.services.roles
    role = await roles.get(request.caller.tenant_id, request.path_value("role"))
    return resource(request, msgspec.json.encode(_view(role)))


@endpoint(
    "PUT",
    "/roles/{role:str}",
    permission=Permission.ROLES_MANAGE,
    summary="Change a role",
    tag="Access",
    content=_CONTENT,
    replies={
        200: Reply("As it is now; the change is on the ledger.", RoleView),
        **problems(404, 409, 413, 415, 503),
    },
)
async def replace_role(request: ApiRequest) -> ASGIApp:
    """For all who have it, within a second."""
    value = await _body(request)
    role = await request.services.roles.replace(
        request.caller, request.doer, request.path_value("role"), value
    )
    return json_answer(msgspec.json.encode(_view(role)))


@endpoint(
    "DELETE",
    "/roles/{role:str}",
    permission=Permission.ROLES_MANAGE,
    summary="Remove a role",
    tag="Access",
    replies={204: Reply("Removed; that it was there stays."), **problems(404, 409, 503)},
)
async def remove_role(request: ApiRequest) -> ASGIApp:
    """409 while a subject has it, and for built-in roles."""
    await request.services.roles.remove(request.caller, request.doer, request.path_value("role"))
    return no_content()


@endpoint(
    "GET",
    "/role-assignments",
    permission=Permission.ROLES_READ,
    summary="List who has which roles",
    tag="Access",
    query=Numbered,
    replies={200: Reply("By subject.", AssignmentPage), **problems(503)},
)
async def list_assignments(request: ApiRequest, query: Numbered) -> ASGIApp:
    """What was assigned here; the roles of tokens are their issuers' to list."""
    found = await request.services.roles.assignments(request.caller.tenant_id)
    body = msgspec.json.encode(AssignmentPage(list(numbered(found, query)), len(found)))
    return json_answer(body, headers=READ_HEADERS)


@endpoint(
    "GET",
    "/role-assignments/{subject:str}",
    permission=Permission.ROLES_READ,
    summary="The roles assigned to a subject",
    tag="Access",
    headers=(IF_NONE_MATCH,),
    replies={
        200: Reply("Its roles; none, if nothing is assigned.", Assigned, headers=("ETag",)),
        304: Reply("The caller has it already.", headers=("ETag",)),
        **problems(404, 503),
    },
)
async def get_assignment(request: ApiRequest) -> ASGIApp:
    """A subject is what tokens call `sub`; one that is an email address goes by a pseudonym, which
    the answer tells."""
    roles = request.services.roles
    found = await roles.assignment(request.caller.tenant_id, _subject(request))
    return resource(request, msgspec.json.encode(found))


@endpoint(
    "PUT",
    "/role-assignments/{subject:str}",
    permission=Permission.ROLES_MANAGE,
    summary="Assign roles to a subject",
    tag="Access",
    content=(Content(AssignmentIn, example={"roles": ["refund_desk"]}),),
    replies={
        200: Reply("What it has now; the change is on the ledger.", Assigned),
        **problems(404, 413, 415, 503),
    },
)
async def assign_roles(request: ApiRequest) -> ASGIApp:
    """In place of what was assigned to it; an empty list takes all away. Within a second it takes
    effect for all its tokens in this tenant."""
    subject, value = _subject(request), await _body(request)
    found = await request.services.roles.assign(request.caller, request.doer, subject, value)
    return json_answer(msgspec.json.encode(found))


def _subject(request: ApiRequest) -> str:
    """As in a token. Raises Invalid."""
    subject = request.path_value("subject")
    if not 1 <= len(subject) <= MAX_SUBJECT or not subject.isprintable():
        detail = f"must have 1 to {MAX_SUBJECT} printable characters"
        raise Invalid([ParameterError("/subject", detail, place="path")])
    if holds_card(subject):
        raise Invalid([ParameterError("/subject", "must not hold a card number", place="path")])
    return subject


async def _body(request: ApiRequest) -> object:
    return canonical.decode(await read_json_bytes(request, EVENT_LIMIT))


def _view(role: Role) -> RoleView:
    return RoleView(role.role, role.is_built_in, sorted(role.permissions), role.scope)


HANDLERS = (
    list_roles,
    make_role,
    get_role,
    replace_role,
    remove_role,
    list_assignments,
    get_assignment,
    assign_roles,
)
