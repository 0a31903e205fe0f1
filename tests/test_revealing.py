"""Who may fill in personal values: what does so for a reader is noted in the access log.

That each endpoint notes what it shows is told by asking them all
(tests/interfaces/http/journeys/test_access_logs.py); here it is held that a new one cannot help it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = ("application", "infrastructure", "projections", "interfaces")
REVEALING = "domain.privacy.revealing"
MAY = {
    # Nobody reads it: it is sealed anew, or compared.
    "fill": {"application.snapshots.capture", "application.orders.record"},
    "revealing": {"application.orders.views"},
    # Of a request, or of a batch of a stream or of a download.
    "Shown": {
        "interfaces.http.caller",
        "interfaces.http.stream",
        "application.subject_access.answering",
    },
}
"""What gives values, and who may call it. `application.orders.record` answers a producer what it
has just said itself."""


def calls(source: str) -> Iterator[str]:
    """Names of domain.privacy.revealing that are called, or given away as a function."""
    tree = ast.parse(source)
    known = {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == REVEALING
        for alias in node.names
    }
    modules = [
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    ]
    modules += [
        f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    if REVEALING in modules:  # by the module's name nothing could be told apart
        yield from MAY
    annotations = {id(name) for name in _annotations(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in known and id(node) not in annotations:
            yield known[node.id]


def _annotations(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node within the annotation of an argument, a result or a variable, and what `cast`
    casts to."""
    for node in ast.walk(tree):
        given: list[ast.AST | None] = []
        if isinstance(node, ast.arg | ast.AnnAssign):
            given = [node.annotation]
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            given = [node.returns]
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "cast":
            given = [node.args[0]]
        for one in given:
            if one is not None:
                yield from ast.walk(one)


def test_who_fills_in_personal_values() -> None:
    found: dict[str, set[str]] = {name: set() for name in MAY}
    for layer in LAYERS:
        for path in (ROOT / layer).rglob("*.py"):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            for name in calls(path.read_text()):
                if name in found:
                    found[name].add(module)
    assert found == MAY


def test_the_disclosures_are_asked_for_nowhere_else() -> None:
    """`Disclosures.of` and `of_order` give the values themselves: no handler is handed one."""
    handed = (ROOT / "interfaces/http/services.py").read_text()
    assert "Disclosures" not in handed


@pytest.mark.parametrize(
    "source",
    [
        "from domain.privacy.revealing import revealing\nx = revealing(a, b, c, d)",
        "from domain.privacy.revealing import revealing as show\nx = show(a, b, c, d)",
        "from domain.privacy.revealing import revealing\nx = partial(revealing, shown=s)",
        "import domain.privacy.revealing as r\nx = r.revealing(a, b, c, d)",
        "from domain.privacy import revealing\nx = revealing.revealing(a, b, c, d)",
    ],
)
def test_a_way_to_values_is_seen(source: str) -> None:
    assert "revealing" in set(calls(source))


def test_an_annotation_is_no_call() -> None:
    source = "from domain.privacy.revealing import Shown\ndef f(shown: Shown) -> Shown: ..."
    assert list(calls(source)) == []
