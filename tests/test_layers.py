"""What may import what, where import-linter cannot say it.

It sees another distribution as one module, so `eventsourcing.domain` and what lies beside it look
the same to it; and it forbids by name, where the domain, and what verifies offline, are better held
by a list of what may.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ALLOWED_IN_DOMAIN = ("domain", "msgspec", "rfc8785", "eventsourcing.domain")
OFFLINE = (
    "domain.ledger.faults",
    "domain.ledger.hashing",
    "domain.ledger.merkle",
    "domain.ledger.tiles",
    "domain.ledger.notes",
    "domain.ledger.checkpoints",
    "domain.ledger.policy",
    "domain.ledger.receipts",
    "domain.ledger.anchors",
    "domain.ledger.certificates",
    "application.ledger.signatures",
    "application.ledger.verifying",
)
"""What the offline verifier is made of (a module, or a package of them): it runs where nothing of
ours is installed but these, with the standard library and `cryptography`."""


def imported(source: str) -> Iterator[str]:
    """The modules that Python source imports, anywhere in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


def within(name: str, modules: Iterable[str]) -> bool:
    """Whether a module is one of these, or lies in one."""
    return any(name == one or name.startswith(f"{one}.") for one in modules)


def strange_to_domain(source: str) -> list[str]:
    return [
        name
        for name in imported(source)
        if name.partition(".")[0] not in sys.stdlib_module_names
        and not within(name, ALLOWED_IN_DOMAIN)
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
        "from .signal import alarm",
        "def late():\n    import sqlalchemy",
    ],
)
def test_a_strange_import_is_seen(line: str) -> None:
    assert strange_to_domain(line)


@pytest.mark.parametrize("line", ["import hashlib", "from msgspec import Struct", "import rfc8785"])
def test_what_the_domain_may_import(line: str) -> None:
    assert strange_to_domain(line) == []


def strange_offline(module: str, source: str) -> list[str]:
    allowed = OFFLINE if module.startswith("domain.") else (*OFFLINE, "cryptography")
    return [
        name
        for name in imported(source)
        if name.partition(".")[0] not in sys.stdlib_module_names and not within(name, allowed)
    ]


def offline_files() -> Iterator[tuple[str, Path]]:
    """The modules that are there, and the packages that importing them runs."""
    for path in [*(ROOT / "domain").rglob("*.py"), *(ROOT / "application").rglob("*.py")]:
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        if within(module, OFFLINE) or any(one.startswith(f"{module}.") for one in OFFLINE):
            yield module, path


def test_the_offline_verifier_needs_nothing_else() -> None:
    strange = {
        module: names
        for module, path in offline_files()
        if (names := strange_offline(module, path.read_text()))
    }
    assert strange == {}


def test_the_packages_of_the_offline_verifier_are_looked_at() -> None:
    there = {module for module, _ in offline_files()}
    assert there >= {"domain", "domain.ledger", "domain.ledger.merkle", "application.ledger"}
    assert "domain.ledger.sealing" not in there


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("domain.ledger.notes", "import msgspec"),
        ("domain.ledger.notes", "from domain.errors import Invalid"),
        ("domain.ledger.notes", "from domain.ledger import sealing"),
        ("domain.ledger.notes", "from cryptography.exceptions import InvalidSignature"),
        ("application.ledger.verifying", "from application.ports import Door"),
        ("application.ledger.verifying", "def late():\n    import httpx"),
        ("domain.ledger", "from domain.ledger.sealing import event_bytes"),
    ],
)
def test_a_strange_import_of_the_offline_verifier_is_seen(module: str, line: str) -> None:
    assert strange_offline(module, line)


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("domain.ledger.notes", "import hashlib"),
        ("domain.ledger.notes", "from domain.ledger.faults import Malformed"),
        ("application.ledger.verifying", "from cryptography.exceptions import InvalidSignature"),
        ("application.ledger.verifying.bundles", "from domain.ledger.tiles import Tile"),
    ],
)
def test_what_the_offline_verifier_may_import(module: str, line: str) -> None:
    assert strange_offline(module, line) == []
