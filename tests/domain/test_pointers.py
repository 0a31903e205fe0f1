from __future__ import annotations

import pytest

from domain.pointers import child, of_path


@pytest.mark.parametrize(
    ("token", "pointer"),
    [("a", "/p/a"), (0, "/p/0"), ("", "/p/"), ("a/b", "/p/a~1b"), ("~1", "/p/~01"), ("é", "/p/é")],
)
def test_tokens_are_escaped(token: str | int, pointer: str) -> None:
    assert child("/p", token) == pointer


def test_a_path_is_its_tokens() -> None:
    assert of_path(("a", 1, "b/c"), "/payload") == "/payload/a/1/b~1c"
    assert of_path(()) == ""
