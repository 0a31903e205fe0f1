"""Saved searches: POST /search kept under a name, for everyone in the tenant."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar.types import ASGIApp
from msgspec import Struct

from application.search.ports import Key
from domain import canonical
from domain.access.permissions import Permission
from domain.search.saved import newer, since
from interfaces.http.answers import (
    READ_HEADERS,
    changed,
    changed_since,
    created,
    json_answer,
    location,
    no_content,
    only_unchanged,
    resource,
    tag_of,
)
from interfaces.http.asked import Body
from interfaces.http.caller import ApiRequest
from interfaces.http.cursors import Walk
from interfaces.http.endpoint import (
    IF_MATCH,
    IF_NONE_MATCH,
    MIN_SEQUENCE,
    Content,
    Reply,
    endpoint,
    problems,
)
from interfaces.http.params import Cursor, Limit, Numbered
from interfaces.http.saved import (
    SavedSearchIn,
    SavedSearchPage,
    SavedSearchView,
    draft_of,
    item_of,
    view_of,
)
from interfaces.http.search import SearchOut, answer, asking_of


class ResultsQuery(Struct, frozen=True, kw_only=True):
    """A page of what is found, of the saved `limit` if none is given."""

    limit: Limit | None = None
    cursor: Cursor | None = None


_EXAMPLE: dict[str, Any] = {
    "name": "Failed payments of 100.00 and more",
    "search": {
        "query": {
            "all": [
                {"field": "type", "eq": "order.payment.failed"},
                {"field": "payload.amount_minor", "gte": 10000},
            ]
        },
        "return": "orders",
        "sort": ["total_minor"],
    },
    "last": "P7D",
}
_CONTENT = (Content(SavedSearchIn, example=_EXAMPLE),)


@endpoint(
    "POST",
    "/searches",
    permission=Permission.SEARCHES_SAVE,
    summary="Save a search",
    tag="Search",
    content=_CONTENT,
    replies={
        201: Reply("Saved, for all of the tenant.", SavedSearchView, headers=("Location", "ETag")),
        **problems(409, 413, 415),
    },
    costly=True,
)
async def save_search(request: ApiRequest) -> ASGIApp:
    """Checked as POST /search checks it. It is shared and kept: an email address, a telephone
    number or a card number in it is 422. A name that is taken is 409. A tenant has 1,000."""
    request.caller.require(Permission.EVENTS_READ)
    draft = await draft_of(request)
    saved = await request.services.saved.save(request.caller, draft)
    body = view_of(saved)
    return created(body, location("searches", saved.search_id), tag_of(body))


@endpoint(
    "GET",
    "/searches",
    permission=Permission.EVENTS_READ,
    summary="List saved searches",
    tag="Search",
    query=Numbered,
    replies={200: Reply("By name.", SavedSearchPage), **problems(503)},
)
async def list_searches(request: ApiRequest, query: Numbered) -> ASGIApp:
    """Those of the tenant, without what they search for."""
    rows, total = await request.services.saved.listed(request.caller, query.page, query.limit)
    body = msgspec.json.encode(SavedSearchPage([item_of(row) for row in rows], total))
    return json_answer(body, headers=READ_HEADERS)


@endpoint(
    "GET",
    "/searches/{search_id:str}",
    permission=Permission.EVENTS_READ,
    summary="One saved search",
    tag="Search",
    headers=(IF_NONE_MATCH,),
    replies={
        200: Reply("The saved search.", SavedSearchView, headers=("ETag",)),
        304: Reply("The caller has it already.", headers=("ETag",)),
        **problems(404, 503),
    },
)
async def get_search(request: ApiRequest) -> ASGIApp:
    """The same for all of the tenant."""
    saved = await request.services.saved.get(request.caller, request.path_value("search_id"))
    return resource(request, view_of(saved))


@endpoint(
    "PUT",
    "/searches/{search_id:str}",
    permission=Permission.SEARCHES_SAVE,
    summary="Change a saved search",
    tag="Search",
    headers=(IF_MATCH,),
    content=_CONTENT,
    replies={
        200: Reply("As it is now.", SavedSearchView, headers=("ETag",)),
        **problems(404, 409, 412, 413, 415),
    },
    costly=True,
)
async def replace_search(request: ApiRequest) -> ASGIApp:
    """Takes the place of all that was saved, by who saved it or who may manage all. Without
    If-Match the last change wins."""
    request.caller.require(Permission.EVENTS_READ)
    saving = request.services.saved
    saved = await saving.changeable(request.caller, request.path_value("search_id"))
    unchanged = only_unchanged(request, view_of(saved))
    draft = await draft_of(request)
    replaced = await saving.replace(request.caller, saved, draft, unchanged=unchanged)
    return changed(None if replaced is None else view_of(replaced))


@endpoint(
    "DELETE",
    "/searches/{search_id:str}",
    permission=Permission.SEARCHES_SAVE,
    summary="Delete a saved search",
    tag="Search",
    headers=(IF_MATCH,),
    replies={204: Reply("Deleted."), **problems(404, 412, 503)},
)
async def delete_search(request: ApiRequest) -> ASGIApp:
    """By who saved it, or who may manage all."""
    request.caller.require(Permission.EVENTS_READ)
    saving = request.services.saved
    saved = await saving.changeable(request.caller, request.path_value("search_id"))
    if not await saving.delete(saved, unchanged=only_unchanged(request, view_of(saved))):
        raise changed_since()
    return no_content()


@endpoint(
    "GET",
    "/searches/{search_id:str}/results",
    permission=Permission.EVENTS_READ,
    summary="Run a saved search",
    tag="Search",
    headers=(MIN_SEQUENCE,),
    query=ResultsQuery,
    replies={200: Reply("A page, as POST /search answers.", SearchOut), **problems(404)},
    costly=True,
    reveals=True,
)
async def run_search(request: ApiRequest, query: ResultsQuery) -> ASGIApp:
    """What its caller may see of it, whoever saved it. A change of the saved search ends the walks
    that are under way: their cursors are 400. Pointers in errors are into the saved `search`."""
    services, caller = request.services, request.caller
    saved = await services.saved.get(caller, request.path_value("search_id"))
    draft = saved.draft
    body = Body(canonical.decode(draft.search))
    asking = asking_of(request, body)
    body.done()
    bound = canonical.encode([draft.search.decode(), draft.last])
    walk = Walk(services.cursor_key, caller.tenant_id, f"searches/{saved.search_id}", bound)
    # The window of a walk is that of its first page: it does not move on the way.
    begun = walk.after(query.cursor, tuple[int | None, Key])
    since_us, after = begun or (since(draft, services.clock()), None)
    asking = msgspec.structs.replace(
        asking, node=newer(asking.node, since_us), limit=query.limit or asking.limit
    )
    return await answer(request, asking, after, lambda key: walk.cursor((since_us, key)))


HANDLERS = (save_search, list_searches, get_search, replace_search, delete_search, run_search)
