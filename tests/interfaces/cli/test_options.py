"""What the environment may not ask for."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from interfaces.cli.options import settings_of


@pytest.mark.parametrize("place", [".", "checkpoints", "checkpoints/published", "../data/keys"])
def test_checkpoints_are_not_published_where_a_backup_holds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    data_dir = tmp_path / "data"
    monkeypatch.setenv("ORDER_HISTORY_PUBLISH_DIR", str(data_dir / place))
    with pytest.raises(click.UsageError, match="ORDER_HISTORY_PUBLISH_DIR"):
        settings_of(data_dir, "")


@pytest.mark.parametrize("place", ["published", "published/here", "../elsewhere"])
def test_where_they_may_be_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    data_dir = tmp_path / "data"
    monkeypatch.setenv("ORDER_HISTORY_PUBLISH_DIR", str(data_dir / place))
    assert settings_of(data_dir, "").ledger.publish_dir == data_dir / place
