"""Reading one's own writes: `X-Min-Sequence`."""

from __future__ import annotations

from domain.errors import Invalid, Unavailable
from interfaces.http.caller import ApiRequest
from interfaces.http.params import MAX_INTEGER
from interfaces.http.problems import ParameterError

_PATIENCE = 2.0


class Behind(Unavailable):
    """The read model has not reached this sequence yet; ask again shortly."""


async def await_sequence(request: ApiRequest) -> None:
    """Wait, at most 2 s, until the read model holds what `X-Min-Sequence` names.

    Raises Behind (503) when it does not, Invalid for a header that is no sequence.
    """
    text = request.header(b"x-min-sequence")
    if text is None:
        return
    if not (text.isascii() and text.isdigit() and len(text) <= 16 and int(text) <= MAX_INTEGER):
        wrong = ParameterError("/X-Min-Sequence", "is not a sequence", place="header")
        raise Invalid([wrong])
    queries, tenant_id = request.services.orders, request.caller.tenant_id
    if not await queries.wait_for(tenant_id, int(text), _PATIENCE):
        raise Behind
