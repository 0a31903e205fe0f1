"""What is said of each personal value, whatever lies beside the event."""

from __future__ import annotations

import json
import os
from typing import Any

import msgspec
import pytest

from domain.privacy.disclosing import (
    ERASED,
    PSEUDONYMISED,
    REIDENTIFIED,
    Beside,
    Checked,
    Kept,
    check,
    erased_pointers,
    erases_order,
    replaced_pointers,
    told,
)
from domain.privacy.sealing import conceal, open_disclosures
from tests.domain.privacy.test_sealing import incoming

PAYLOAD = {
    "note": "fragile",
    "customer": {"id": "c1", "email": "ann@example.org"},
    "before": {"email": "bea@example.org"},
    "total_minor": 5,
}
POINTERS = ["/payload/before/email", "/payload/customer/email", "/payload/note", "/metadata/ip"]


class Sealed:
    """An event's bytes, and digest -> name of all that is disclosed of it."""

    def __init__(self, payload: dict[str, Any], metadata: dict[str, Any] | None = None) -> None:
        content, disclosed = conceal(incoming(payload, metadata), "acme", random_bytes=os.urandom)
        said = {"payload": msgspec.Raw(content.payload), "type": content.type}
        if content.metadata is not None:
            said["metadata"] = msgspec.Raw(content.metadata)
        self.state = msgspec.json.encode(said)
        self.names = {
            digest: name
            for one in disclosed
            for digest, name in open_disclosures(one.text).names.items()
        }


def states(checked: list[Beside]) -> dict[str, str]:
    return {one.pointer: one.found for one in checked}


def said(checked: list[Checked]) -> dict[str, str]:
    return {one.pointer: one.state for one in checked}


@pytest.fixture
def event() -> Sealed:
    return Sealed(PAYLOAD, {"ip": "192.0.2.7"})


def without(names: dict[str, str], *gone: str) -> dict[str, str]:
    return {digest: name for digest, name in names.items() if name not in gone}


def test_what_is_there_matches(event: Sealed) -> None:
    assert states(check(event.state, Kept(event.names))) == dict.fromkeys(POINTERS, "matches")


def test_what_is_gone_is_missing(event: Sealed) -> None:
    found = states(check(event.state, Kept(without(event.names, "note"))))
    assert [pointer for pointer in found if found[pointer] == "missing"] == ["/payload/note"]
    assert set(states(check(event.state, Kept({}))).values()) == {"missing"}


def test_one_of_two_of_a_name_is_missing_while_the_other_is_there(event: Sealed) -> None:
    digest = next(digest for digest, name in event.names.items() if name == "email")
    kept = {one: name for one, name in event.names.items() if one != digest}
    found = states(check(event.state, Kept(kept)))
    assert sorted(found[one] for one in POINTERS[:2]) == ["matches", "missing"]


def test_another_value_under_the_name_differs(event: Sealed) -> None:
    other = Sealed({"note": "another"}).names
    found = states(check(event.state, Kept(without(event.names, "note") | other)))
    assert found == {**dict.fromkeys(POINTERS, "matches"), "/payload/note": "differs"}


def test_a_disclosure_under_another_name_differs(event: Sealed) -> None:
    renamed = dict.fromkeys(event.names, "note")
    found = states(check(event.state, Kept(renamed)))
    assert found == {**dict.fromkeys(POINTERS, "differs"), "/payload/note": "matches"}


def test_where_a_row_does_not_open_what_is_not_found_differs(event: Sealed) -> None:
    found = states(check(event.state, Kept(without(event.names, "email"), damaged=True)))
    assert [found[one] for one in POINTERS] == ["differs", "differs", "matches", "matches"]


def test_names_with_marks_and_places_in_lists() -> None:
    event = Sealed({"items": [1, {"a/b~c": {"email": "a@example.org"}}]})
    assert states(check(event.state, Kept(event.names))) == {
        "/payload/items/1/a~1b~0c/email": "matches"
    }


@pytest.mark.parametrize("state", [b"", b"{}", b"[]", b'{"payload":', b"\xff"])
def test_bytes_that_are_no_event(state: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        check(state, Kept({}))


def test_what_callers_are_told() -> None:
    checked = [
        Beside("/a", "matches"), Beside("/b", "missing"), Beside("/c", "differs"),
        Beside("/d", "replaced"), Beside("/e", "replaced"),
    ]  # fmt: skip
    covered = {"/a", "/b", "/c", "/d"}
    assert said(told(checked, covered, covered, shown=True)) == {
        "/a": "matches", "/b": "erased", "/c": "differs", "/d": "masked", "/e": "differs",
    }  # fmt: skip
    assert said(told(checked, set(), covered, shown=False)) == {
        "/a": "masked", "/b": "missing", "/c": "differs", "/d": "masked", "/e": "differs",
    }  # fmt: skip
    assert said(told(checked, covered, shown=True))["/d"] == "differs"


def test_what_is_replaced_must_be_kept_apart(event: Sealed) -> None:
    (note,) = (digest for digest, name in event.names.items() if name == "note")
    kept = Kept(event.names, replaced={note}, originals={note})
    found = states(check(event.state, kept))
    assert found == {**dict.fromkeys(POINTERS, "matches"), "/payload/note": "replaced"}
    found = states(check(event.state, Kept(event.names, replaced={note})))
    assert found["/payload/note"] == "differs"
    renamed = event.names | {note: "email"}
    found = states(check(event.state, Kept(renamed, replaced={note}, originals={note})))
    assert found["/payload/note"] == "differs"


def test_the_last_fact_tells_whether_a_value_is_replaced() -> None:
    def fact(type_: str, *pointers: str, sequence: int = 4) -> bytes:
        events = [{"sequence": sequence, "pointers": pointers}]
        return json.dumps({"type": type_, "payload": {"job_id": "j", "events": events}}).encode()

    replaced = fact(PSEUDONYMISED, "/payload/note", "/payload/email")
    back = fact(REIDENTIFIED, "/payload/note")
    assert replaced_pointers([replaced], 4) == {"/payload/note", "/payload/email"}
    assert replaced_pointers([replaced, back], 4) == {"/payload/email"}
    assert replaced_pointers([replaced, back, replaced], 4) == {"/payload/note", "/payload/email"}
    assert replaced_pointers([replaced, erasure()], 7) == frozenset()
    assert erased_pointers(replaced, 4) == frozenset()


def erasure(**changes: Any) -> bytes:
    events = [
        {"sequence": 4, "pointers": ["/payload/note"]},
        {"sequence": 7, "pointers": ["/metadata/ip"]},
        {"sequence": 4, "pointers": ["/payload/customer/email"]},
    ]
    body = {"type": ERASED, "payload": {"job_id": "j", "events": events}}
    return json.dumps(body | changes).encode()


def test_an_erasure_may_be_of_all_that_an_order_will_say() -> None:
    events = [{"sequence": 4, "pointers": ["/payload/note"]}]
    payload = {"job_id": "j", "events": events, "orders": ["ord_1"]}
    assert erases_order(erasure(payload=payload), "ord_1")
    assert not erases_order(erasure(payload=payload), "ord_2")
    assert not erases_order(erasure(payload=payload, order_id="ord_9"), "ord_1")
    assert not erases_order(erasure(), "ord_1")


def test_an_erasure_names_events_and_pointers() -> None:
    assert erased_pointers(erasure(), 4) == {"/payload/note", "/payload/customer/email"}
    assert erased_pointers(erasure(), 7) == {"/metadata/ip"}
    assert erased_pointers(erasure(), 5) == frozenset()


@pytest.mark.parametrize(
    "state",
    [
        b"not an event",
        erasure(type="history.snapshot.deleted"),
        erasure(order_id="ord_1"),
        erasure(payload={}),
        erasure(payload={"events": "/payload/note"}),
        erasure(payload={"events": [{"sequence": "4", "pointers": ["/payload/note"]}]}),
        erasure(payload={"events": [{"sequence": 4, "pointers": "/payload/note"}]}),
        erasure(payload={"events": [{"sequence": 4, "pointers": [1]}]}),
    ],
)
def test_what_tells_of_no_erasure(state: bytes) -> None:
    assert erased_pointers(state, 4) == frozenset()
