from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain import canonical
from domain.ledger.hashing import GENESIS, chain, entry, leaf_hash
from domain.ledger.sealing import event_bytes
from domain.orders.events import decode_body
from domain.privacy.sealing import draft_of
from tests.domain.ledger.drafts import content, draft

RECEIVED = b"2025-08-29T12:34:58.000001Z"
ORIGINATOR = UUID(int=0)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
BODY = st.dictionaries(TEXT, st.integers(-9, 9) | st.floats(-9, 9) | TEXT, max_size=3)


def bytes_of(version: int, **changes: Any) -> bytes:
    return event_bytes(draft("evt_1", "ord_1", **changes), version, RECEIVED)


def test_known_bytes_and_hashes() -> None:
    state = bytes_of(1)
    assert state == (
        b'{"event_id":"evt_1","occurred_at":"2025-08-29T12:34:56Z","order_id":"ord_1",'
        b'"order_version":1,"payload":{"total_minor":1999},'
        b'"received_at":"2025-08-29T12:34:58.000001Z","salt":"AAECAwQFBgcICQoLDA0ODw",'
        b'"schema_version":"v1","source":"shop","tenant_id":"acme","type":"order.created","v":1}'
    )
    first = entry(state)
    assert first.hex() == "94836d9577153a90b8303f7f03f0bcc2dc67e8eedb3002591c324f330f23cf6a"
    assert (
        leaf_hash(first).hex() == "3e59ff4077c91403ad4b9ea6fef9fc9b371740fea153826bd27cb0e6b85eaef4"
    )
    assert (
        chain(GENESIS, first).hex()
        == "79a87a2655a84e35978b839f3fbf9fd1da0611d35bf0d5643b1371e6bf1241d7"
    )
    assert (
        chain(chain(GENESIS, first), first).hex()
        == "87fe3d2b48e104a9e2c920d3ff02a33f4d52b01f0d819d4f57d92f78d5463db2"
    )


def test_known_bytes_of_a_full_event() -> None:
    state = bytes_of(
        12,
        correction_of="evt_0",
        metadata=b'{"actor_id":"u1"}',
        redactions=b'["/payload/a"]',
        source='é"\\\n\x7f/',
    )
    assert (
        state
        == (
            '{"correction_of":"evt_0","event_id":"evt_1","metadata":{"actor_id":"u1"},'
            '"occurred_at":"2025-08-29T12:34:56Z","order_id":"ord_1","order_version":12,'
            '"payload":{"total_minor":1999},"received_at":"2025-08-29T12:34:58.000001Z",'
            '"redactions":["/payload/a"],"salt":"AAECAwQFBgcICQoLDA0ODw","schema_version":"v1",'
            '"source":"é\\"\\\\\\n\x7f/","tenant_id":"acme","type":"order.created","v":1}'
        ).encode()
    )


def test_the_services_own_acts_have_a_stream_instead() -> None:
    own = content("evt_1", stream="hold/h1", type="history.hold.placed")
    made = draft_of(replace(own, order_id=None), (), ORIGINATOR, "history.recorded")
    body = decode_body(event_bytes(made, 3, RECEIVED))
    assert (body.stream, body.stream_version) == ("hold/h1", 3)
    assert (body.order_id, body.order_version) == (None, None)


@given(
    texts=st.fixed_dictionaries(
        dict.fromkeys(("event_id", "source", "type", "schema_version", "tenant_id"), TEXT)
    ),
    optional=st.fixed_dictionaries({}, optional={"correction_of": TEXT}),
    payload=BODY,
    metadata=st.none() | BODY,
    redactions=st.none() | st.lists(TEXT, min_size=1, max_size=2),
    stream=st.none() | TEXT,
    version=st.integers(1, 2**31),
)
def test_is_rfc_8785_of_the_fields(  # one argument a field that varies
    texts: dict[str, str],
    optional: dict[str, str],
    payload: dict[str, Any],
    metadata: dict[str, Any] | None,
    redactions: list[str] | None,
    stream: str | None,
    version: int,
) -> None:
    said = content(
        texts.pop("event_id"),
        **texts,
        **optional,
        payload=canonical.encode(payload),
        metadata=None if metadata is None else canonical.encode(metadata),
        redactions=None if redactions is None else canonical.encode(redactions),
        stream=stream,
    )
    said = replace(said, order_id="ord_1" if stream is None else None)
    own = {"order_id": "ord_1", "order_version": version}
    if stream is not None:
        own = {"stream": stream, "stream_version": version}
    fields: dict[str, Any] = {
        **texts,
        **optional,
        **own,
        "event_id": said.event_id,
        "payload": payload,
        "metadata": metadata,
        "redactions": redactions,
        "occurred_at": said.occurred_at,
        "received_at": RECEIVED.decode(),
        "salt": said.salt,
        "v": 1,
    }
    present = {name: value for name, value in fields.items() if value is not None}
    state = event_bytes(draft_of(said, (), ORIGINATOR, "order.recorded"), version, RECEIVED)
    assert state == rfc8785.dumps(present)
    body = decode_body(state)
    assert msgspec.json.decode(body.payload) == msgspec.json.decode(said.payload)
