"""However much is asked for and however it is nested, a query is read or refused."""

from __future__ import annotations

from typing import Any as Json

from hypothesis import given
from hypothesis import strategies as st

from domain.errors import FieldError, Invalid
from domain.search.fields import FIELDS
from domain.search.query import Any
from domain.search.reading import KEYS, MAX_CLAUSES, MAX_DEPTH, MAX_ERRORS, MAX_VALUES_IN_ALL, OPS
from domain.search.values import MAX_VALUES
from tests.domain.search.asked import TEXT, read, wrong


def nested(levels: int) -> Json:
    """A query of so many levels."""
    value: Json = TEXT
    for _ in range(levels - 1):
        value = {"not": value}
    return value


def test_depth_is_bounded() -> None:
    read(nested(MAX_DEPTH))
    assert wrong(nested(MAX_DEPTH + 1)) == {
        "/query" + "/not" * MAX_DEPTH: f"is nested deeper than {MAX_DEPTH} levels"
    }
    assert len(wrong(nested(10_000))) == 1


def test_the_number_of_clauses_is_bounded() -> None:
    read({"all": [TEXT] * (MAX_CLAUSES - 1)})
    between = {"field": "sequence", "gte": 1, "lt": 9}
    read({"all": [between] * (MAX_CLAUSES // 2 - 1)})
    for parts in ([TEXT] * MAX_CLAUSES, [between] * (MAX_CLAUSES // 2), [TEXT] * 100_000):
        ((pointer, detail),) = wrong({"all": parts}).items()
        assert "at most 256 clauses" in detail
        assert pointer.startswith("/query/all/")


def test_the_characters_to_fold_are_bounded() -> None:
    read({"any": [{"text": "ab " * 300}] * 11})
    for part in ({"text": "ﷺ " * 400}, {"ident": "x" * 200}):
        ((pointer, detail),) = wrong({"any": [part] * 51}).items()
        assert pointer.startswith("/query/any/")
        assert "at most 10000 characters in all" in detail


def test_the_first_unknown_fields_get_a_suggestion() -> None:
    details = wrong({"all": [{"field": f"typ{count}", "eq": 1} for count in range(50)]}).values()
    assert ["did you mean 'type'?" in detail for detail in details] == [True] * 10 + [False] * 40


def test_the_number_of_errors_is_bounded() -> None:
    assert len(wrong({"all": [{"text": ""}] * 200})) == MAX_ERRORS
    assert len(wrong({"field": "type", "in": [5] * MAX_VALUES})) == MAX_ERRORS
    assert len(wrong({f"a{count}": 1 for count in range(5000)})) == MAX_ERRORS


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["2025-01-01T00:00:00Z", "a b c", "1Z999"])
)
keys = st.sampled_from([key for group in KEYS.values() for key in group]) | st.text(max_size=8)
names = st.sampled_from([*FIELDS, "payload.weird", "payload.note", "metadata.ip", "payload."])
anything = st.recursive(
    scalars | names,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=8,
)
plausible = st.recursive(
    st.fixed_dictionaries({"text": scalars})
    | st.fixed_dictionaries({"ident": scalars}, optional={"exact": scalars})
    | st.fixed_dictionaries(
        {"field": names}, optional={op: scalars | st.lists(scalars) for op in OPS["any"]}
    ),
    lambda inner: (
        st.fixed_dictionaries({"all": st.lists(inner, max_size=4)})
        | st.fixed_dictionaries({"any": st.lists(inner, max_size=4)})
        | st.fixed_dictionaries({"not": inner})
    ),
    max_leaves=8,
)


@given(anything | plausible, st.booleans())
def test_any_value_is_read_or_refused(value: Json, personal: bool) -> None:
    assert len(errors_of(value, personal)) <= MAX_ERRORS


def errors_of(value: Json, personal: bool) -> tuple[FieldError, ...]:
    try:
        read(value, personal=personal)
    except Invalid as refused:
        return refused.errors
    return ()


def test_lists_have_so_many_values_together() -> None:
    some = {"field": "payload.sku", "in": [f"s{n}" for n in range(MAX_VALUES)]}
    lists = MAX_VALUES_IN_ALL // MAX_VALUES
    assert isinstance(read({"any": [some] * lists}), Any)
    one_more = {"field": "payload.sku", "in": ["s"]}
    told = wrong({"any": [*[some] * lists, one_more]})
    detail = "is too much: all lists together have at most 2,000 values"
    assert told == {f"/query/any/{lists}/in": detail}
