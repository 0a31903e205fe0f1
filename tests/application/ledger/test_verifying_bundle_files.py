"""A log as a directory in which a file is missing, is too many, or is no such file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from application.ledger.verifying import verify_bundle
from application.ledger.verifying.files import MAX_EVENT_BYTES
from tests.application.ledger.bundling import SIZE
from tests.application.ledger.refusing import KEYS, refused, unreadable


@pytest.mark.parametrize(
    ("path", "sequence"),
    [("tile/0/001", 257), ("tile/1/000.p/2", 1), ("tile/entries/002.p/88", 513)],
)
def test_a_missing_file(bundle: Path, path: str, sequence: int) -> None:
    (bundle / path).unlink()
    fault = refused(bundle)
    assert fault.sequence == sequence
    assert path in str(fault)


def test_a_missing_checkpoint(bundle: Path) -> None:
    (bundle / "checkpoint").unlink()
    assert "checkpoint" in unreadable(bundle)


def test_no_directory(tmp_path: Path) -> None:
    assert "directory" in unreadable(tmp_path / "nowhere")


@pytest.mark.parametrize("path", ["tile/0/001", "tile/1/000.p/2", "tile/entries/002.p/88"])
@pytest.mark.parametrize("more", [-32, -1, 1, 32, 34])
def test_a_file_of_another_length(bundle: Path, path: str, more: int) -> None:
    data = (bundle / path).read_bytes()
    (bundle / path).write_bytes((data + bytes(34))[: len(data) + more])
    assert path in unreadable(bundle)


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/003",
        "tile/0/002",
        "tile/0/002.p/87",
        "tile/0/002.p/89",
        "tile/0/000.p/88",
        "tile/0/x000/000",
        "tile/1/000",
        "tile/2/000.p/1",
        "tile/entries/003.p/1",
        "tile/64/000",
        "tile/README",
        "README",
        "key.pub",
        "checkpoint~",
        "events.ndjson.orig",
        "a\nb",
        "\udcff",
    ],
)
def test_a_file_too_many(bundle: Path, path: str) -> None:
    """Somebody could take it for something that was verified."""
    os.makedirs((bundle / path).parent, exist_ok=True)  # noqa: PTH103  # as any bytes may name it
    (bundle / path).write_bytes(b"\0" * 88 * 32)
    assert "take it away" in unreadable(bundle)


@pytest.mark.parametrize("path", ["checkpoint", "tile/0/001", "events.ndjson"])
def test_what_is_no_file(bundle: Path, path: str) -> None:
    """None of them is waited for."""
    (bundle / path).unlink()
    os.mkfifo(bundle / path)
    assert path in unreadable(bundle)
    (bundle / path).unlink()
    (bundle / path).mkdir()
    assert path in unreadable(bundle)
    (bundle / path).rmdir()
    (bundle / path).symlink_to("/dev/zero")
    assert path in unreadable(bundle)


def test_a_line_without_end(bundle: Path) -> None:
    with (bundle / "events.ndjson").open("wb") as file:
        file.truncate(MAX_EVENT_BYTES * 2)
    assert "line of over" in unreadable(bundle)


def test_directories_below_one_another(bundle: Path) -> None:
    """More than Python would go down by recursion, pathlib and pytest's tidying too."""
    nested = [f"{bundle}/{'a/' * depth}" for depth in range(1, 1050)]
    for path in nested:
        os.mkdir(path)  # noqa: PTH102  # see above
    try:
        assert verify_bundle(bundle, KEYS).checkpoint.size == SIZE
    finally:
        for path in reversed(nested):
            os.rmdir(path)  # noqa: PTH106  # see above
