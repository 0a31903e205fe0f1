"""`tenant`: what it refuses before it looks at any installation."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interfaces.cli.program import refused


@pytest.mark.parametrize("option", ["--events-per-day", "--requests-per-minute"])
@pytest.mark.parametrize("value", ["0", "-1", "many", "1.5", "1" * 30, "\u0661"])
def test_what_is_no_quota(capsys: pytest.CaptureFixture[str], option: str, value: str) -> None:
    line = refused(capsys, "tenant", "quota", "acme", f"{option}={value}")
    assert "must be a number from 1" in line


@pytest.mark.parametrize("by", ["ann@example.org", " ", "x" * 256, "a\nb"])
def test_who_it_is_that_stays_on_the_ledger(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, by: str
) -> None:
    command = ("tenant", "off-board", "acme", "--export", tmp_path / "x", "--confirm", "acme")
    assert "no email address" in refused(capsys, *command, "--by", by)


def test_a_tenant_is_confirmed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    command = ("tenant", "off-board", "acme", "--export", tmp_path / "x", "--by", "ops")
    assert "--confirm" in refused(capsys, *command)
    assert "is not the tenant" in refused(capsys, *command, "--confirm", "other")
