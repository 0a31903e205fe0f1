"""Section 2: an order's state as of a moment, on two clocks."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from litestar.types import ASGIApp
from msgspec import Meta, Struct

from application.orders.as_of import Question
from domain.access.permissions import Permission
from domain.errors import Invalid
from domain.times import format_short, format_us
from interfaces.http.answers import resource
from interfaces.http.caller import ApiRequest
from interfaces.http.endpoint import IF_NONE_MATCH, MIN_SEQUENCE, Reply, endpoint, problems
from interfaces.http.params import Instant
from interfaces.http.problems import ParameterError, in_place
from interfaces.http.reading import await_sequence


class SnapshotQuery(Struct, frozen=True, kw_only=True):
    """Which state: `at` on the clock of the events, `known_at` on the clock of this service."""

    at: (
        Annotated[Instant, Meta(description="What had occurred by then. Now if left out.")] | None
    ) = None
    known_at: (
        Annotated[Instant, Meta(description="What was known here by then. Now if left out.")] | None
    ) = None
    known_sequence: (
        Annotated[
            int,
            Meta(ge=1, le=2**53 - 1, description="An earlier answer's event_sequence."),
        ]
        | None
    ) = None

    def __post_init__(self) -> None:
        if self.known_at is not None and self.known_sequence is not None:
            detail = "cannot be given together with 'known_at'"
            raise Invalid([ParameterError("/known_sequence", detail, place="query")])


class StateMetadata(Struct, frozen=True):
    """`event_sequence`, given back as known_sequence, repeats the answer. `late`: events that
    arrived out of order. `basis`: whether a stored snapshot stood for the first events."""

    event_sequence: int
    events_applied: int
    late: list[str]
    basis: Literal["stored", "computed"]


class StateAnswer(Struct, frozen=True):
    """The order as of a moment."""

    order_id: str
    at: str
    known_at: str
    state: dict[str, Any]
    metadata: StateMetadata


@endpoint(
    "GET",
    "/orders/{order_id:str}/snapshot",
    permission=Permission.ORDERS_READ,
    summary="An order's state as of a moment",
    tag="Orders",
    query=SnapshotQuery,
    headers=(MIN_SEQUENCE, IF_NONE_MATCH),
    replies={
        200: Reply("The state.", StateAnswer, headers=("ETag",)),
        304: Reply("The caller has it already.", headers=("ETag",)),
        **problems(404, 503),
    },
    reveals=True,
)
async def get_state(request: ApiRequest, query: SnapshotQuery) -> ASGIApp:
    """On two clocks: what had happened by `at`, as far as it was known here by `known_at`. The
    ETag is that of the answer without the time of asking."""
    services, caller = request.services, request.caller
    order_id = request.path_value("order_id")
    await await_sequence(request)
    await services.sight.require_order(caller, Permission.ORDERS_READ, order_id)
    question = Question(query.at, query.known_at, query.known_sequence)
    try:
        answer = await services.as_of.state(caller.tenant_id, order_id, question)
    except Invalid as error:
        raise in_place(error, "query") from None
    metadata = StateMetadata(
        answer.event_sequence, answer.events_applied, list(answer.late), answer.basis
    )
    encoded = msgspec.json.encode(answer.state)
    state = await services.viewer.state(caller, request.shown, order_id, encoded)
    asked = {"at": query.at, "known_at": query.known_at}
    given = {name: format_short(us) for name, us in asked.items() if us is not None}
    told = b'"state":%b,"metadata":%b}' % (state, msgspec.json.encode(metadata))
    now = dict.fromkeys(asked, format_us(services.clock()))
    body = _opened({"order_id": order_id, **now, **given}) + told
    # What holds the time of asking is another body each time, and the same answer.
    same = None if len(given) == len(asked) else _opened(given) + told
    return resource(request, body, tagged=same)


def _opened(head: dict[str, str]) -> bytes:
    """The beginning of an object that goes on."""
    return msgspec.json.encode(head)[:-1] + (b"," if head else b"")


HANDLERS = (get_state,)
