"""The view of an event is cut out of its stored bytes: it must say what decoding them says."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from application.orders.views import EventView, event_view, public_id, showing
from application.ports import StoredRow
from domain import canonical
from domain.ledger.hashing import entry
from domain.ledger.sealing import event_bytes
from domain.privacy.revealing import Shown, mask
from domain.privacy.sealing import TOPIC, Opened, draft_of
from tests.domain.ledger.drafts import content, draft

RECEIVED = b"2025-08-29T12:34:58.000001Z"
ONLY_HASHED = ("salt", "tenant_id", "v")
DIGESTS = ("A" * 43, "b-_9" + "C" * 39)
DISCLOSED = Opened()
DISCLOSED[DIGESTS[0]] = {"email": 'a"b@example.org', "é": [1]}
DISCLOSED.names[DIGESTS[0]] = "email"

# What looks like the places where the bytes are cut, and like a placeholder, in a text.
LURES = [',"salt":"', ',"tenant_id":"', ',"v":', '","v":1}', '{"_sd":"' + DIGESTS[0] + '"}', "\\"]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.sampled_from(LURES)
NAMES = TEXT | st.sampled_from([*ONLY_HASHED, "email"])
HIDDEN = st.sampled_from(DIGESTS).map(lambda digest: {"_sd": digest})
VALUES = st.recursive(
    st.none() | st.integers(-9, 9) | TEXT | HIDDEN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=10,
)
BODIES = st.dictionaries(NAMES, VALUES, max_size=4)


@st.composite
def rows(draw: st.DrawFn) -> StoredRow:
    """Any event as the store may hold it."""
    changes: dict[str, Any] = {name: draw(TEXT) for name in ("source", "type", "schema_version")}
    if draw(st.booleans()):
        changes["metadata"] = canonical.encode(draw(BODIES))
    if draw(st.booleans()):
        changes["redactions"] = canonical.encode(draw(st.lists(TEXT, min_size=1, max_size=2)))
    if draw(st.booleans()):
        changes["correction_of"] = draw(TEXT)
    if draw(st.booleans()):
        changes |= {"order_id": None, "stream": draw(TEXT)}
    said = content(
        draw(TEXT),
        tenant_id=draw(st.sampled_from(["acme", "v", "salt", "0.a-_z"])),
        payload=canonical.encode(draw(BODIES)),
    )
    made = draft_of(structs.replace(said, **changes), (), UUID(int=0), TOPIC)
    state = event_bytes(made, draw(st.integers(1, 2**31)), RECEIVED)
    sequence = draw(st.integers(1, 10**13))
    corrected_by = tuple(draw(st.lists(TEXT, max_size=2)))
    return StoredRow(9, sequence, 1, 0, entry(state), bytes(range(32)), state, corrected_by)


def told(row: StoredRow, shown: dict[str, Any], otherwise: dict[str, Any]) -> dict[str, Any]:
    """The view, made the long way round."""
    body = json.loads(row.state)
    for name in ONLY_HASHED:
        del body[name]
    body = dict(_shown(body, shown, otherwise))
    if row.corrected_by:
        body["corrected_by"] = list(row.corrected_by)
    integrity = {"sha256": row.entry.hex(), "ledger_hash": row.ledger_hash.hex()}
    return body | {"id": public_id(row.sequence), "sequence": row.sequence, "integrity": integrity}


def _shown(value: Any, shown: dict[str, Any], otherwise: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_shown(item, shown, otherwise) for item in value]
    if not isinstance(value, dict):
        return value
    if "_sd" in value:
        return shown.get(value["_sd"], otherwise)
    return {name: _shown(item, shown, otherwise) for name, item in value.items()}


@given(rows())
def test_a_masked_view_says_what_is_stored(row: StoredRow) -> None:
    view = event_view(row, mask)
    assert json.loads(view) == told(row, {}, {"masked": True})
    _assert_of_its_type(view)


@given(rows())
def test_a_view_with_personal_values_says_what_is_stored(row: StoredRow) -> None:
    view = event_view(row, showing(DISCLOSED, Shown()))
    assert json.loads(view) == told(row, DISCLOSED, {"erased": True})
    _assert_of_its_type(view)


@pytest.mark.parametrize(
    ("classes", "shown"),
    [({"contact", "text"}, DISCLOSED[DIGESTS[0]]), ({"address"}, None), (set(), None)],
)
def test_of_some_classes_the_others_are_masked(classes: set[str], shown: object) -> None:
    metadata = b'{"ip":{"_sd":"%b"}}' % DIGESTS[0].encode()
    state = event_bytes(draft("e1", metadata=metadata), 2, RECEIVED)
    row = StoredRow(9, 7, 2, 0, b"\x01" * 32, b"\x02" * 32, state)
    view = json.loads(event_view(row, showing(DISCLOSED, Shown(), classes=classes)))
    assert view["metadata"] == {"ip": shown or {"masked": True}}


def _assert_of_its_type(view: bytes) -> None:
    """As the document declares it, each field once and none besides."""
    typed = msgspec.json.decode(view, type=EventView)
    assert json.loads(msgspec.json.encode(typed)) == json.loads(view)
    names = [name for name, _ in json.loads(view, object_pairs_hook=list)]
    assert len(names) == len(set(names))


def test_a_known_view() -> None:
    state = event_bytes(draft("e1", metadata=b'{"ip":{"_sd":"%b"}}' % (b"A" * 43)), 2, RECEIVED)
    row = StoredRow(9, 7, 2, 0, b"\x01" * 32, b"\x02" * 32, state, ("e2", 'e"3'))
    assert event_view(row, mask) == (
        b'{"id":"oh_evt_000000000007","sequence":7,"event_id":"e1","metadata":{"ip":{"masked":true}},'
        b'"occurred_at":"2025-08-29T12:34:56Z","order_id":"o1","order_version":2,'
        b'"payload":{"total_minor":1999},"received_at":"2025-08-29T12:34:58.000001Z",'
        b'"schema_version":"v1","source":"shop","type":"order.created","corrected_by":["e2","e\\"3"],'
        b'"integrity":{"sha256":"%b","ledger_hash":"%b"}}' % (b"01" * 32, b"02" * 32)
    )
