"""What may import what, where import-linter cannot say it.

It sees another distribution as one module, so `eventsourcing.domain` and what lies beside it look
the same to it; and it forbids by name, where the domain is better held by a list of what may.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ALLOWED_IN_DOMAIN = ("domain", "msgspec", "rfc8785", "eventsourcing.domain")


def imported(source: str) -> Iterator[str]:
    """The modules that Python source imports, anywhere in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "."


def strange_to_domain(source: str) -> list[str]:
    return [
        name
        for name in imported(source)
        if name.partition(".")[0] not in sys.stdlib_module_names
        and not any(name == good or name.startswith(f"{good}.") for good in ALLOWED_IN_DOMAIN)
    ]


def test_the_domain_imports_nothing_else() -> None:
    strange = {
        str(path.relative_to(ROOT)): names
        for path in (ROOT / "domain").rglob("*.py")
        if (names := strange_to_domain(path.read_text()))
    }
    assert strange == {}


@pytest.mark.parametrize(
    "line",
    [
        "import psycopg",
        "from eventsourcing.persistence import Mapper",
        "from eventsourcing import domain",
        "from application.ports import Door",
        "from . import errors",
        "def late():\n    import sqlalchemy",
    ],
)
def test_a_strange_import_is_seen(line: str) -> None:
    assert strange_to_domain(line)


@pytest.mark.parametrize("line", ["import hashlib", "from msgspec import Struct", "import rfc8785"])
def test_what_the_domain_may_import(line: str) -> None:
    assert strange_to_domain(line) == []
