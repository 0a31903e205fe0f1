"""What a saved search looks like, and how one that is sent is read."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Raw, Struct

from domain import canonical
from domain.errors import FieldError, Invalid
from domain.orders.envelope import refuse_unknown
from domain.search.saved import (
    MAX_DESCRIPTION,
    MAX_NAME,
    MAX_SEARCH,
    Draft,
    SavedSearch,
    personal_places,
    read_last,
    read_name,
)
from domain.search.values import string
from domain.times import format_us
from interfaces.http.asked import Body, read_body
from interfaces.http.caller import ApiRequest
from interfaces.http.search import SearchKept, asking_of

_T = TypeVar("_T")
_FIELDS = SearchKept.__struct_encode_fields__


class SavedSearchIn(Struct, frozen=True, forbid_unknown_fields=True):
    """`search`: a body of POST /search, without `cursor`. `last`: only what occurred so long before
    it is asked, or later: P7D, PT12H."""

    name: Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
    search: SearchKept
    description: Annotated[str, Meta(max_length=MAX_DESCRIPTION)] | None = None
    last: Annotated[str, Meta(extra_json_schema={"format": "duration"})] | None = None


class SavedSearchItem(Struct, frozen=True):
    """A saved search in the list."""

    search_id: str
    name: str
    description: str | None
    version: int
    created_by: str
    created_at: str
    changed_by: str
    changed_at: str


class SavedSearchView(SavedSearchItem, frozen=True):
    """A saved search. `version` counts its changes."""

    search: Raw
    last: str | None


class SavedSearchPage(Struct, frozen=True):
    """A page; `total` counts the items of all pages."""

    items: list[SavedSearchItem]
    total: int


async def draft_of(request: ApiRequest) -> Draft:
    """What is to be saved. Raises Invalid with all that is wrong in it."""
    body = await read_body(request, SavedSearchIn.__struct_encode_fields__, "a saved search")
    body.require("name")
    body.require("search")
    name = body.read("name", partial(_leaf, read_name), "")
    described = body.read("description", partial(_leaf, _description), None)
    last = body.read("last", partial(_leaf, read_last), None)
    search = body.read("search", partial(_search, request), b"")
    body.wrong += [*personal_places(name, "/name"), *personal_places(described, "/description")]
    body.done()
    return Draft(name, described, search, last)


def _search(request: ApiRequest, value: Any, pointer: str) -> bytes:
    """A body of POST /search, checked as that checks it, and that it may be kept."""
    if type(value) is not dict:
        raise Invalid.field(pointer, "must be an object: a body of POST /search, without cursor")
    body = Body(value)
    refuse_unknown(value, _FIELDS, "a search that is saved", body.wrong)
    asking_of(request, body)
    if body.wrong:
        raise Invalid([FieldError(pointer + one.pointer, one.detail) for one in body.wrong])
    personal = personal_places(value, pointer)
    if personal:
        raise Invalid(personal)
    search = canonical.encode(value)
    if len(search) > MAX_SEARCH:
        raise Invalid.field(pointer, f"must have at most {MAX_SEARCH:,} bytes")
    return search


def _leaf(read: Callable[[Any], _T], value: Any, pointer: str) -> _T:
    try:
        return read(value)
    except ValueError as error:
        raise Invalid.field(pointer, str(error)) from None


def _description(value: Any) -> str:
    return string(value, MAX_DESCRIPTION)


def item_of(saved: SavedSearch) -> SavedSearchItem:
    """It as lists show it."""
    return SavedSearchItem(
        search_id=saved.search_id,
        name=saved.draft.name,
        description=saved.draft.description,
        version=saved.version,
        created_by=saved.created_by,
        created_at=format_us(saved.created_us),
        changed_by=saved.changed_by,
        changed_at=format_us(saved.changed_us),
    )


def view_of(saved: SavedSearch) -> bytes:
    """It as JSON, the same for every caller."""
    view = SavedSearchView(
        **msgspec.structs.asdict(item_of(saved)),
        search=Raw(saved.draft.search),
        last=saved.draft.last,
    )
    return msgspec.json.encode(view)
