"""A bundle is at its place whole, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from infrastructure.ledger.bundles import ExportRefused, new_bundle


def files(directory: Path) -> dict[str, bytes]:
    return {
        one.relative_to(directory).as_posix(): one.read_bytes()
        for one in directory.rglob("*")
        if one.is_file()
    }


@pytest.mark.parametrize("there", [True, False])
def test_what_was_added_is_there(tmp_path: Path, *, there: bool) -> None:
    target = tmp_path / "above" / "bundle"
    if there:
        target.mkdir(parents=True)
    with new_bundle(target) as bundle:
        bundle.add("tile/0/x001/234.p/5", b"hashes")
        bundle.add("checkpoint", b"note")
        for part in (b"one\n", b"two\n"):
            bundle.append("events.ndjson", part)
        assert not there or not any(target.iterdir())
    assert files(target) == {
        "tile/0/x001/234.p/5": b"hashes",
        "checkpoint": b"note",
        "events.ndjson": b"one\ntwo\n",
    }
    assert bundle.count == 3
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt, RuntimeError])
def test_what_fails_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "bundle"

    def fail() -> None:
        with new_bundle(target) as bundle:
            bundle.add("checkpoint", b"note")
            raise error

    with pytest.raises(error):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_written_once(tmp_path: Path) -> None:
    with new_bundle(tmp_path / "bundle") as bundle:
        bundle.add("checkpoint", b"note")
        with pytest.raises(FileExistsError):
            bundle.add("checkpoint", b"another")
    assert files(tmp_path) == {"bundle/checkpoint": b"note"}


def test_nothing_is_left_of_an_earlier_attempt(tmp_path: Path) -> None:
    (tmp_path / f"bundle.{os.getpid()}.incomplete").mkdir()
    (tmp_path / f"bundle.{os.getpid()}.incomplete" / "old").touch()
    with new_bundle(tmp_path / "bundle") as bundle:
        bundle.add("checkpoint", b"note")
    assert files(tmp_path) == {"bundle/checkpoint": b"note"}


def test_a_directory_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"mine")
    with pytest.raises(ExportRefused, match="not empty"), new_bundle(tmp_path):
        pytest.fail("nothing is to be written")
    with pytest.raises(ExportRefused, match="no directory"), new_bundle(tmp_path / "mine"):
        pytest.fail("nothing is to be written")
    assert files(tmp_path) == {"mine": b"mine"}


def test_a_mount_point_cannot_be_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "is_mount", lambda _: True)
    with pytest.raises(ExportRefused, match="mount point"), new_bundle(tmp_path):
        pytest.fail("nothing is to be written")


def test_what_came_meanwhile_stays(tmp_path: Path) -> None:
    target = tmp_path / "bundle"

    def meet() -> None:
        with new_bundle(target) as bundle:
            bundle.add("checkpoint", b"note")
            target.mkdir()
            (target / "mine").write_bytes(b"mine")

    with pytest.raises(ExportRefused, match="not empty"):
        meet()
    assert files(tmp_path) == {"bundle/mine": b"mine"}
