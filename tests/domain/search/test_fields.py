from __future__ import annotations

import pytest

from domain.search.fields import DEEPEST_PATH, FIELDS, Field, field_named


@pytest.mark.parametrize("field", FIELDS.values(), ids=FIELDS)
def test_a_registered_field_is_found_by_its_name(field: Field) -> None:
    assert field_named(field.name) is field
    if field.scope in {"payload", "metadata"}:
        assert field.name == ".".join((field.scope, *field.path))
    else:
        assert field.path == ()


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("payload.weird", ("weird",)),
        ("payload.a.b-c.größe", ("a", "b-c", "größe")),
        ("metadata.actor_type", ("actor_type",)),
        ("payload." + ".".join("a" * DEEPEST_PATH), ("a",) * DEEPEST_PATH),
    ],
)
def test_any_other_path_is_a_field_without_an_index(name: str, path: tuple[str, ...]) -> None:
    scope = name.partition(".")[0]
    field = field_named(name)
    assert (field.name, field.scope, field.kind, field.path) == (name, scope, "any", path)
    assert not field.indexed


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("typ", "did you mean 'type'?"),
        ("order.stauts", "did you mean 'order.status'?"),
        ("gateway", "did you mean 'payload.gateway'?"),
        ("Type", "did you mean 'type'?"),
        ("", "a payload's begin with 'payload.'"),
        ("zzzzzz", "a payload's begin with 'payload.'"),
        ("payload", "is no path"),
        ("payload.", "is no path"),
        ("payload.a..b", "is no path"),
        ("metadata.a.", "is no path"),
        ("payload." + ".".join("a" * (DEEPEST_PATH + 1)), "is no path"),
        ("payload." + "a" * 200, "is no path"),
    ],
)
def test_a_name_that_is_none_says_why(name: str, reason: str) -> None:
    with pytest.raises(ValueError, match=r"^is no ") as refused:
        field_named(name)
    assert reason in str(refused.value)
    if "did you mean" in reason:
        with pytest.raises(ValueError, match=r"begin with 'payload\.'$"):
            field_named(name, suggest=False)
