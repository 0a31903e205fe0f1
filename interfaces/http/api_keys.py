"""API keys of producers: shown once, kept as hashes, limited, rotated, revoked."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from litestar.types import ASGIApp
from msgspec import Meta, Struct

from application.access.api_keys import Made
from domain import canonical
from domain.access.api_keys import ApiKey
from domain.access.permissions import Permission
from domain.access.scope import Scope
from domain.times import format_known, format_short
from interfaces.http.answers import (
    READ_HEADERS,
    RawHeader,
    created,
    json_answer,
    location,
    no_content,
    resource,
)
from interfaces.http.bodies import EVENT_LIMIT, read_json_bytes
from interfaces.http.caller import ApiRequest
from interfaces.http.endpoint import IF_NONE_MATCH, Content, Reply, endpoint, problems
from interfaces.http.params import Numbered, numbered

_NOT_KEPT: RawHeader = (b"cache-control", b"no-store")
_TIME = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
_DURATION = Annotated[str, Meta(extra_json_schema={"format": "duration"})]


class ApiKeyIn(Struct, frozen=True, omit_defaults=True):
    """What a key is for, what it permits and how far, and until when: a year, if that is left out,
    five at the most."""

    label: Annotated[str, Meta(min_length=1, max_length=100)]
    permissions: list[Permission] | None = None
    scope: Scope | None = None
    expires_at: _TIME | None = None


class RotationIn(Struct, frozen=True, omit_defaults=True):
    """`overlap`: for how long the secret before it holds on; a day, if that is left out."""

    overlap: _DURATION | None = None
    expires_at: _TIME | None = None


class ApiKeyView(Struct, frozen=True, omit_defaults=True):
    """A key. `last_used_at` is told to the minute. `status` as of now; `secrets` counts those that
    hold, two during the overlap of a rotation."""

    key_id: str
    label: str
    permissions: list[Permission]
    scope: Scope
    status: Literal["active", "expired", "revoked"]
    secrets: int
    created_by: str | None
    created_at: str
    expires_at: str
    revoked_at: str | None
    last_used_at: str | None


class NewApiKey(ApiKeyView, frozen=True):
    """`key`: the key itself, shown this once; it is sent as a token is, `Authorization: Bearer`."""

    key: str = ""


class ApiKeyPage(Struct, frozen=True):
    """A page; `total` counts the items of all pages."""

    items: list[ApiKeyView]
    total: int


_EXAMPLE: dict[str, Any] = {
    "label": "stripe connector",
    "permissions": ["events.append"],
    "scope": {"sources": ["stripe"], "types": ["order.payment.*"]},
    "expires_at": "2027-06-30T00:00:00Z",
}
_MADE = {201: Reply("Made. The key is not shown again.", NewApiKey, headers=("Location",)),
         **problems(413, 415, 503)}  # fmt: skip


@endpoint(
    "POST",
    "/api-keys",
    permission=Permission.API_KEYS_MANAGE,
    summary="Make an API key",
    tag="Access",
    content=(Content(ApiKeyIn, example=_EXAMPLE),),
    replies=_MADE,
)
async def make_api_key(request: ApiRequest) -> ASGIApp:
    """For a producer, of what producers may do, no further than the caller may. It is of one
    tenant. What is kept of it, on the ledger, is the SHA-256 of its secret."""
    made = await request.services.api_keys.create(
        request.caller, request.doer, await _body(request)
    )
    return _new(request, made)


@endpoint(
    "GET",
    "/api-keys",
    permission=Permission.API_KEYS_MANAGE,
    summary="List API keys",
    tag="Access",
    query=Numbered,
    replies={200: Reply("The newest first, revoked ones too.", ApiKeyPage), **problems(503)},
)
async def list_api_keys(request: ApiRequest, query: Numbered) -> ASGIApp:
    """Never with their secrets."""
    keys = await request.services.api_keys.listed(request.caller.tenant_id)
    now_us = request.services.clock()
    page = [_view(key, used, now_us) for key, used in numbered(keys, query)]
    return json_answer(msgspec.json.encode(ApiKeyPage(page, len(keys))), headers=READ_HEADERS)


@endpoint(
    "GET",
    "/api-keys/{key_id:str}",
    permission=Permission.API_KEYS_MANAGE,
    summary="One API key",
    tag="Access",
    headers=(IF_NONE_MATCH,),
    replies={
        200: Reply("The key, without its secret.", ApiKeyView, headers=("ETag",)),
        304: Reply("The caller has it already.", headers=("ETag",)),
        **problems(404, 503),
    },
)
async def get_api_key(request: ApiRequest) -> ASGIApp:
    """What it permits, until when, and when it was used last."""
    services = request.services
    key, used = await services.api_keys.get(request.caller.tenant_id, request.path_value("key_id"))
    return resource(request, msgspec.json.encode(_view(key, used, services.clock())))


@endpoint(
    "POST",
    "/api-keys/{key_id:str}/rotate",
    permission=Permission.API_KEYS_MANAGE,
    summary="Give an API key a new secret",
    tag="Access",
    content=(Content(RotationIn, example={"overlap": "PT24H"}),),
    replies={**_MADE, **problems(404)},
)
async def rotate_api_key(request: ApiRequest) -> ASGIApp:
    """The secret before it holds for the overlap, so that no event is refused meanwhile; one older
    still holds no more. The key's id, and what it permits, stay."""
    made = await request.services.api_keys.rotate(
        request.caller, request.doer, request.path_value("key_id"), await _body(request)
    )
    return _new(request, made)


@endpoint(
    "DELETE",
    "/api-keys/{key_id:str}",
    permission=Permission.API_KEYS_MANAGE,
    summary="Revoke an API key",
    tag="Access",
    replies={204: Reply("Revoked; that it was there stays."), **problems(404, 503)},
)
async def revoke_api_key(request: ApiRequest) -> ASGIApp:
    """In force at once here, within a second in other processes."""
    await request.services.api_keys.revoke(
        request.caller, request.doer, request.path_value("key_id")
    )
    return no_content()


async def _body(request: ApiRequest) -> object:
    raw = await read_json_bytes(request, EVENT_LIMIT)
    return canonical.decode(raw)


def _new(request: ApiRequest, made: Made) -> ASGIApp:
    view = _view(made.key, None, request.services.clock())
    new = NewApiKey(**msgspec.structs.asdict(view), key=made.text)
    return created(msgspec.json.encode(new), location("api-keys", made.key.key_id), _NOT_KEPT)


def _view(key: ApiKey, used_us: int | None, now_us: int) -> ApiKeyView:
    status: Literal["active", "expired", "revoked"] = "active"
    if key.revoked_us is not None:
        status = "revoked"
    elif not key.holds(now_us):
        status = "expired"
    live = [one for one in key.secrets if status == "active" and now_us < one.expires_us]
    return ApiKeyView(
        key_id=key.key_id,
        label=key.label,
        permissions=sorted(key.permissions),
        scope=key.scope,
        status=status,
        secrets=len(live),
        created_by=key.created_by,
        created_at=format_short(key.created_us),
        expires_at=format_short(key.expires_us),
        revoked_at=format_known(key.revoked_us),
        last_used_at=format_known(used_us),
    )


HANDLERS = (make_api_key, list_api_keys, get_api_key, rotate_api_key, revoke_api_key)
