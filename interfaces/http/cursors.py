"""Cursors: where a walk over a list goes on, sealed to the tenant, the list and its filters.

A cursor is base64url(seal || JSON of the sort key), the seal a keyed BLAKE2b over tenant, list,
query and key. So a cursor that was made for another query, or made up, never reaches a statement,
and needs no table: every process with the same key reads it.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TypeVar

import msgspec
from msgspec import Struct

from domain.errors import Unreadable

_SEAL_BYTES = 12
_Key = TypeVar("_Key")


class Walk:
    """One query of one tenant over one list, in pages.

    `route` names the list. `query` is what selects and sorts: a Struct of parameters, of which
    `limit` and `cursor` do not count (the page size may change on the way), or the bytes of a body.
    """

    def __init__(
        self, cursor_key: bytes, tenant_id: str, route: str, query: Struct | bytes
    ) -> None:
        self._key = cursor_key
        raw = query if isinstance(query, bytes) else _selecting(query)
        parts = (tenant_id.encode(), route.encode(), raw)
        self._bound = b"".join(b"%d:%b" % (len(part), part) for part in parts)

    def cursor(self, key: object) -> str:
        """The cursor after the item with this sort key, a tuple of strings and integers."""
        text = msgspec.json.encode(key)
        return urlsafe_b64encode(self._seal(text) + text).rstrip(b"=").decode()

    def after(self, cursor: str | None, key_type: type[_Key]) -> _Key | None:
        """The sort key to go on after, None at the start. Raises Unreadable for any other cursor
        than one that this very query gave."""
        if cursor is None:
            return None
        try:
            raw = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
            seal, text = raw[:_SEAL_BYTES], raw[_SEAL_BYTES:]
            if not hmac.compare_digest(seal, self._seal(text)):
                raise Unreadable(_FOREIGN)
            return msgspec.json.decode(text, type=key_type)
        except (UnicodeEncodeError, binascii.Error, msgspec.MsgspecError):
            raise Unreadable(_FOREIGN) from None

    def _seal(self, text: bytes) -> bytes:
        digest = hashlib.blake2b(self._bound, digest_size=_SEAL_BYTES, key=self._key)
        digest.update(text)
        return digest.digest()


_FOREIGN = (
    "The cursor does not belong to this query. Start without a cursor, or repeat the query that "
    "gave it."
)


def _selecting(query: Struct) -> bytes:
    fields = msgspec.structs.asdict(query)
    fields.pop("cursor", None)
    fields.pop("limit", None)
    # Instants and durations are ints of a kind of their own.
    return msgspec.json.encode(fields, order="sorted", enc_hook=int)
