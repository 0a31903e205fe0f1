from __future__ import annotations

from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from domain.errors import Invalid
from interfaces.http.params import (
    Duration,
    Instant,
    NoQuery,
    Page,
    SafeInteger,
    Text,
    Window,
    min_sequence,
    read_query,
)
from interfaces.http.problems import ParameterError


class OrdersQuery(Window, frozen=True, kw_only=True):
    status: Text | None = None
    on_hold: bool | None = None
    min_total_minor: SafeInteger | None = None
    last_event_before: Instant | None = None
    has_recent_changes: Duration | None = None


def wrong(query: bytes, shape: type[Struct] = OrdersQuery) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        read_query(query, shape)
    assert all(isinstance(e, ParameterError) and e.place == "query" for e in caught.value.errors)
    return {error.pointer: error.detail for error in caught.value.errors}


def test_defaults() -> None:
    assert read_query(b"", OrdersQuery) == OrdersQuery()
    assert read_query(b"", OrdersQuery).limit == 50


def test_values_of_every_kind() -> None:
    query = read_query(
        b"limit=7&from=2025-08-29T12:00:00Z&to=2025-08-29T14:00:00%2B01:00&status=a%20b"
        b"&on_hold=false&min_total_minor=-5&has_recent_changes=PT1H&cursor=abc",
        OrdersQuery,
    )
    assert query.limit == 7
    assert query.to is not None
    assert query.from_ is not None
    assert query.to - query.from_ == 3_600_000_000
    assert (query.status, query.on_hold, query.min_total_minor) == ("a b", False, -5)
    assert query.has_recent_changes == 3_600_000_000
    assert query.cursor == "abc"


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        (b"limit=0", "/limit"),
        (b"limit=1001", "/limit"),
        (b"limit=ten", "/limit"),
        (b"limit=", "/limit"),
        (b"limit=1e2", "/limit"),
        (b"limit=5.0", "/limit"),
        (b"limit=%D9%A3", "/limit"),
        (b"limit=" + b"9" * 5000, "/limit"),
        (b"limit=null", "/limit"),
        (b"from=yesterday", "/from"),
        (b"from=2025-08-29", "/from"),
        (b"from=null", "/from"),
        (b"on_hold=yes", "/on_hold"),
        (b"on_hold=null", "/on_hold"),
        (b"min_total_minor=9007199254740992", "/min_total_minor"),
        (b"has_recent_changes=1h", "/has_recent_changes"),
        (b"status=", "/status"),
        (b"status=a%00b", "/status"),
        (b"status=" + b"x" * 201, "/status"),
        (b"limit=1&limit=2", "/limit"),
        (b"from=2025-08-29T12:00:01Z&to=2025-08-29T12:00:00Z", "/from"),
        (b"status=%ff", ""),
        (b"a=1&" * 101, ""),
    ],
)
def test_what_is_not_valid_is_pointed_at(query: bytes, pointer: str) -> None:
    assert set(wrong(query)) == {pointer}


class EveryKind(Page, frozen=True, kw_only=True):
    order: Annotated[Literal["occurred", "sequence"], Meta(description="x")] = "occurred"
    expand: Annotated[Literal["attachments"] | None, Meta(description="x")] = None
    type: Annotated[str, Meta(pattern="^[a-z]+$", description="Such as `order`.")] | None = None
    after: Annotated[int, Meta(ge=0)] | None = None
    name: Text | None = None
    short: Annotated[str, Meta(max_length=5)] | None = None
    at: Instant | None = None
    yes: bool | None = None


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        (b"limit=5000", "is 5000; must be from 1 to 1000"),
        (b"limit=0", "is 0; must be from 1 to 1000"),
        (b"limit=-3", "is -3; must be from 1 to 1000"),
        (b"limit=4111111111111111", "must be from 1 to 1000"),
        (b"limit=ten", "must be a whole number from 1 to 1000"),
        (b"limit=", "must be a whole number from 1 to 1000"),
        (b"after=-1", "is -1; must be at least 0"),
        (b"after=x", "must be a whole number at least 0"),
        (b"order=time", "is 'time'; must be occurred or sequence"),
        (b"order=jane@example.com", "must be occurred or sequence"),
        (b"order=4111111111111111", "must be occurred or sequence"),
        (b"order=", "must be occurred or sequence"),
        (b"expand=all", "is 'all'; must be attachments"),
        (b"type=Jane", "must match ^[a-z]+$: Such as order."),
        (b"name=", "has 0 characters; must have from 1 to 200"),
        (b"name=" + b"x" * 201, "has 201 characters; must have from 1 to 200"),
        (b"short=Jane+Doe", "has 8 characters; must have at most 5"),
        (b"yes=1", "must be true or false"),
        (
            b"at=2025-01-01T00:00:00+01:00",
            "is not an RFC 3339 time such as 2025-08-29T12:34:56Z; send a + in it as %2B",
        ),
        (b"limit=%D9%A3", "must be a whole number from 1 to 1000"),
    ],
)
def test_it_is_told_what_was_given_and_what_is_allowed(query: bytes, detail: str) -> None:
    name = query.partition(b"=")[0].decode()
    assert wrong(query, EveryKind) == {f"/{name}": detail}
    with pytest.raises(Invalid, match=f"query parameter '{name}' "):
        read_query(query, EveryKind)


def test_a_misspelt_name_is_told_the_nearest() -> None:
    assert "'status'" in wrong(b"statsu=open")["/statsu"]
    assert "limit" in wrong(b"zzzzzz=1")["/zzzzzz"]


def test_no_parameter_where_none_is_declared() -> None:
    assert wrong(b"x=1", NoQuery) == {"/x": "takes no parameters"}


def test_everything_wrong_is_told_at_once_and_no_value_is_repeated() -> None:
    found = wrong(b"limit=jane@example.com&on_hold=maybe&nope=jane@example.com")
    assert set(found) == {"/limit", "/on_hold", "/nope"}
    assert "jane" not in repr(found)


def test_names_are_escaped_in_pointers() -> None:
    assert set(wrong(b"a%2Fb~c=1")) == {"/a~1b~0c"}


def test_a_description_may_stand_outside_or_inside_the_option() -> None:
    class Two(Page, frozen=True, kw_only=True):
        outside: Annotated[int | None, Meta(description="x")] = None
        inside: Annotated[int, Meta(ge=1)] | None = None

    query = read_query(b"outside=5&inside=6", Two)
    assert (query.outside, query.inside) == (5, 6)
    assert set(wrong(b"outside=null&inside=0", Two)) == {"/outside", "/inside"}


def test_a_required_parameter() -> None:
    class At(Page, frozen=True, kw_only=True):
        at: Instant

    assert wrong(b"", At) == {"/at": "is required"}
    assert set(wrong(b"at=soon", At)) == {"/at"}


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(query: bytes) -> None:
    try:
        limit = read_query(query, OrdersQuery).limit
    except Invalid:
        return
    assert 1 <= limit <= 1000


def test_min_sequence() -> None:
    assert min_sequence(None) is None
    assert min_sequence("42") == 42


@pytest.mark.parametrize("header", ["", "-1", "x", "1.5", "9007199254740992", "1, 2", "9" * 99])
def test_nonsense_in_min_sequence(header: str) -> None:
    with pytest.raises(Invalid) as caught:
        min_sequence(header)
    (error,) = caught.value.errors
    assert isinstance(error, ParameterError)
    assert (error.place, error.pointer) == ("header", "/X-Min-Sequence")
