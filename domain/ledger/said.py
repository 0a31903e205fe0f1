"""What the bytes of an event say of the columns beside them in the event store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct, UnsetType

from domain.privacy.sealing import TOPIC, history_originator, originator_bytes
from domain.snapshots.events import TOPIC as HISTORY_TOPIC
from domain.times import SECOND, format_us, parse_us

_REMEMBERED = 50_000


class _Object(Struct, gc=False):
    """Any JSON object; what it holds is passed over."""


class Said(Struct, kw_only=True, gc=False):
    """The fields of the hashed bytes (formats.md), in their order there."""

    correction_of: str | None = None
    event_id: str
    metadata: _Object | UnsetType = UNSET
    occurred_at: str
    order_id: str | None = None
    order_version: int | None = None
    payload: _Object
    received_at: str
    redactions: list[str] | UnsetType = UNSET
    salt: str
    schema_version: str
    source: str
    stream: str | None = None
    stream_version: int | None = None
    tenant_id: str
    type: str
    v: int


decode = msgspec.json.Decoder(Said).decode
"""Raises msgspec.MsgspecError or ValueError for bytes that are not an event."""


class Copies:
    """The columns of one tenant's rows, as the bytes of their events say them."""

    def __init__(self, tenant_id: str) -> None:
        self._tenant_id = tenant_id
        self._orders = _Remembered(lambda order: originator_bytes(tenant_id, order))
        self._streams = _Remembered(lambda stream: history_originator(tenant_id, stream).bytes)

    def of(self, said: Said) -> dict[str, object]:
        """By column. Raises ValueError where what is said cannot be of an event."""
        received_us = parse_us(said.received_at)
        if format_us(received_us) != said.received_at:
            raise ValueError("received_at is not written as the ledger writes it")
        return {
            "topic": _topic(said),
            "tenant_id": said.tenant_id,
            "event_id": said.event_id,
            "correction_of": said.correction_of,
            "originator_id": UUID(bytes=self._originator(said)),
            "originator_version": _version(said),
            "received_us": received_us,
        }

    def are(
        self,
        said: Sequence[Said],
        *,
        topics: Sequence[str],
        originators: Sequence[bytes],
        versions: Sequence[int],
        tenants: Sequence[str],
        event_ids: Sequence[str],
        corrections: Sequence[str | None],
        times: Sequence[int],
    ) -> bool:
        """Whether these are the columns of all these events. Raises ValueError, OverflowError
        where that cannot be."""
        orders, other = self._orders, self._originator
        written = {us: _written(us) for us in set(times)}
        return (
            tenants.count(self._tenant_id) == len(said)
            and [one.tenant_id for one in said] == list(tenants)
            and [one.event_id for one in said] == list(event_ids)
            and [one.correction_of for one in said] == list(corrections)
            and [one.received_at for one in said] == [written[us] for us in times]
            and [one.order_version if one.stream is None else one.stream_version for one in said]
            == list(versions)
            and [TOPIC if one.stream is None else HISTORY_TOPIC for one in said] == list(topics)
            and [orders[one.order_id] if one.stream is None else other(one) for one in said]
            == list(originators)
        )

    def _originator(self, said: Said) -> bytes:
        if said.stream is None:
            return self._orders[said.order_id]
        if said.order_id is not None:
            raise ValueError("an event is of an order or of a stream")
        return self._streams[said.stream]


class _Remembered(dict[str | None, bytes]):
    """Originator ids by name, for a while: the events of an order come close together."""

    def __init__(self, make: Callable[[str], bytes]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, name: str | None) -> bytes:
        if name is None:
            raise ValueError("an event is of an order or of a stream")
        if len(self) >= _REMEMBERED:
            self.clear()
        made = self[name] = self._make(name)
        return made


def _topic(said: Said) -> str:
    return TOPIC if said.stream is None else HISTORY_TOPIC


def _version(said: Said) -> int | None:
    return said.order_version if said.stream is None else said.stream_version


def _written(us: int) -> str:
    """As `format_us`, a tenth of its time: seconds come again."""
    seconds, micros = divmod(us, SECOND)
    return f"{_second(seconds)}{micros:06}Z"


@lru_cache(maxsize=1000)
def _second(seconds: int) -> str:
    return format_us(seconds * SECOND)[:-7]
