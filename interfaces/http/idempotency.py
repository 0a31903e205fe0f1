"""The Idempotency-Key header, as in the IETF draft (draft-ietf-httpapi-idempotency-key-header)."""

from __future__ import annotations

import re

from domain.errors import Invalid
from domain.ledger.append import IDEMPOTENCY_KEY as POINTER
from domain.privacy.cards import holds_card
from interfaces.http.caller import ApiRequest
from interfaces.http.problems import ParameterError, in_place

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def idempotency_key(request: ApiRequest) -> str | None:
    """The Idempotency-Key header. Raises Invalid for one that cannot be kept."""
    key = request.header(b"idempotency-key")
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        detail = "must be 1 to 255 printable ASCII characters without spaces"
    elif holds_card(key):
        detail = "contains a card number; use a random value"
    else:
        return key
    raise Invalid([ParameterError(POINTER, detail, place="header")])


def of_key(error: Invalid) -> Invalid:
    """The error as one of the header, if it is about the key: use cases know no headers."""
    return in_place(error, "header") if error.errors[0].pointer == POINTER else error
