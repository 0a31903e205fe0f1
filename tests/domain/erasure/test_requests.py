"""Whom something may be asked of, and why."""

from __future__ import annotations

from typing import Any

import pytest

from domain.erasure.requests import ERASURE, PSEUDONYMISATION, REVERSAL, Kind, read_request
from domain.errors import Invalid


@pytest.mark.parametrize(
    ("given", "id_", "email"),
    [
        ("cust_1", "cust_1", None),
        (" cust_1", " cust_1", None),  # as whoever sent it wrote it
        ("Kim.Live@Example.org", None, "kim.live@example.org"),
        ("kim.live\uff20example\uff0eorg", None, "kim.live@example.org"),
        ("o'brien+x@example.org", None, "o'brien+x@example.org"),
    ],
)
def test_a_person_is_an_id_or_an_address(given: str, id_: str | None, email: str | None) -> None:
    subject = read_request({"subject_id": given}, ERASURE).subject
    assert (subject.id, subject.email) == (id_, email)


@pytest.mark.parametrize(
    "given",
    [
        "mailto:kim@example.org", "kim@example.org,ann@example.org", "<kim@example.org>",
        "kim@example.org; ann@example.org", "kim@", "@example.org", "  ", "a\0", 7, None,
    ],
)  # fmt: skip
def test_what_is_neither_is_refused_by_its_name_and_not_repeated(given: Any) -> None:
    with pytest.raises(Invalid) as refused:
        read_request({"subject_id": given}, ERASURE)
    (one,) = refused.value.errors
    assert one.pointer == "/subject_id"
    assert "kim" not in one.detail


@pytest.mark.parametrize("kind", [ERASURE, PSEUDONYMISATION, REVERSAL])
def test_a_reason_names_no_address_since_it_is_kept(kind: Kind) -> None:
    body = {"subject_id": "cust_1", "reason": "asked by kim@example.org"}
    with pytest.raises(Invalid) as refused:
        read_request(body, kind)
    assert [one.pointer for one in refused.value.errors] == ["/reason"]


@pytest.mark.parametrize(
    ("kind", "body", "pointers"),
    [
        (ERASURE, {"scope": "all"}, ["/scope"]),
        (PSEUDONYMISATION, {"scope": "all"}, ["/scope"]),
        (REVERSAL, {}, ["/reason"]),
        (REVERSAL, {"reason": None}, ["/reason"]),
    ],
)
def test_each_kind_has_its_own_members(kind: Kind, body: Any, pointers: list[str]) -> None:
    with pytest.raises(Invalid) as refused:
        read_request({"subject_id": "cust_1", **body}, kind)
    assert [one.pointer for one in refused.value.errors] == pointers
