"""A log as a directory: after any change of what is in its files it does not hold."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from application.ledger.verifying import verify_bundle
from domain.ledger.checkpoints import Checkpoint
from domain.ledger.faults import DoesNotHold, Malformed
from tests.application.ledger.bundling import STATES, root_of, write_bundle
from tests.application.ledger.refusing import KEYS, refused
from tests.domain.ledger.signing import LOG

# What is changed -> the first sequence that fails. Offsets count bytes from 0.
HASH, STRIDE = 32, 34
FLIPS = {
    "a hash of the first tile": ("tile/0/000", 7 * HASH, 8),
    "a hash of the second tile": ("tile/0/001", 255 * HASH + 31, 512),
    "a hash of the partial tile": ("tile/0/002.p/88", 87 * HASH, 600),
    "a hash of the tile above": ("tile/1/000.p/2", HASH, 257),
    "an entry": ("tile/entries/000", 3 * STRIDE + 2, 4),
    "the length of an entry": ("tile/entries/001", 9 * STRIDE + 1, 266),
    "an entry of the partial bundle": ("tile/entries/002.p/88", 88 * STRIDE - 1, 600),
}


@pytest.mark.parametrize(("path", "at", "sequence"), FLIPS.values(), ids=FLIPS.keys())
@pytest.mark.parametrize("with_events", [True, False])
def test_one_bit(bundle: Path, path: str, at: int, sequence: int, with_events: bool) -> None:
    flip(bundle / path, at, 1)
    if not with_events:
        (bundle / "events.ndjson").unlink()
    assert refused(bundle).sequence == sequence


def flip(path: Path, at: int, bits: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        (byte,) = file.read(1)
        file.seek(at)
        file.write(bytes([byte ^ bits]))


def change_events(bundle: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    path = bundle / "events.ndjson"
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))


LINES: dict[str, tuple[Callable[[list[bytes]], list[bytes]], int]] = {
    "one changed": (lambda e: [*e[:4], e[4].replace(b"evt", b"ev7"), *e[5:]], 5),
    "one left out": (lambda e: [*e[:299], *e[300:]], 300),
    "two swapped": (lambda e: [*e[:299], e[300], e[299], *e[301:]], 300),
    "one more in between": (lambda e: [*e[:10], b"{}\n", *e[10:]], 11),
    "one more at the end": (lambda e: [*e, b"{}\n"], 601),
    "an empty line at the end": (lambda e: [*e, b"\n"], 601),
    "a space at the end": (lambda e: [*e, b" "], 601),
    "the last cut off": (lambda e: e[:-1], 600),
    "all but one tile cut off": (lambda e: e[:256], 257),
    "none left": (lambda e: e[:0], 1),
    "no line feed at the end": (lambda e: [*e[:-1], e[-1][:-1]], 600),
    "another end": (lambda e: [*e[:-1], e[-1][:-1] + b" "], 600),
    "carriage returns": (lambda e: [one[:-1] + b"\r\n" for one in e], 1),
    "a line feed in between": (lambda e: [*e[:511], e[511].replace(b":", b"\n", 1), *e[512:]], 512),
}


@pytest.mark.parametrize(("change", "sequence"), LINES.values(), ids=LINES.keys())
def test_events_that_are_not_the_logs(
    bundle: Path, change: Callable[[list[bytes]], list[bytes]], sequence: int
) -> None:
    change_events(bundle, change)
    assert refused(bundle).sequence == sequence


def test_the_lowest_sequence_is_named_first(bundle: Path) -> None:
    """Of one tile, whatever it is that fails."""
    flip(bundle / "events.ndjson", 0, 1)
    flip(bundle / "tile/entries/000", 2, 1)
    flip(bundle / "tile/0/000", 5 * HASH, 1)
    assert refused(bundle).sequence == 1
    change_events(bundle, lambda lines: [STATES[0] + b"\n", *lines[1:99], b"{}\n", *lines[100:]])
    flip(bundle / "tile/entries/000", 2, 1)
    assert refused(bundle).sequence == 6


def test_a_log_rewritten_below_its_checkpoint(bundle: Path, tmp_path: Path) -> None:
    """Tiles, entries and events of each other, but not what was signed."""
    other = [STATES[0].replace(b"evt", b"ev7"), *STATES[1:]]
    write_bundle(tmp_path / "other", other)
    shutil.copy(bundle / "checkpoint", tmp_path / "other/checkpoint")
    fault = refused(tmp_path / "other")
    assert "root" in str(fault)
    assert fault.sequence is None


# Random corruptions
def whole_files(bundle: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(bundle.rglob("*")) if path.is_file()}


def corruptions(files: dict[Path, bytes], count: int, seed: int) -> Iterator[tuple[Path, int, int]]:
    """(file, byte, bits to change in it): half of them anywhere, each byte being as likely, half in
    any of the files, among which small ones are hit as well."""
    chance = random.Random(seed)
    paths = list(files)
    lengths = [len(files[path]) for path in paths]
    for number in range(count):
        (path,) = chance.choices(paths, lengths if number % 2 else None)
        yield path, chance.randrange(len(files[path])), chance.randrange(1, 256)


def sequence_of(path: Path, bundle: Path, at: int, files: dict[Path, bytes]) -> int:
    """The sequence that a byte belongs to; of a tile above others, the first of its subtree."""
    name = path.relative_to(bundle).as_posix()
    if name == "events.ndjson":
        return files[path].count(b"\n", 0, at) + 1
    _, level, number = name.removesuffix(path.suffix).split("/")[:3]
    first = int(number.partition(".")[0]) * 256
    if level == "entries":
        return first + at // STRIDE + 1
    return ((first + at // HASH) << (8 * int(level))) + 1


def found(bundle: Path) -> DoesNotHold | Malformed | None:
    try:
        verify_bundle(bundle, KEYS)
    except (DoesNotHold, Malformed) as fault:
        return fault
    return None


def check_corruptions(bundle: Path, count: int, seed: int) -> None:
    files = whole_files(bundle)
    touched = set()
    for path, at, bits in corruptions(files, count, seed):
        flip(path, at, bits)
        fault = found(bundle)
        where = f"{path.relative_to(bundle)} byte {at} ^ {bits}: {fault}"
        assert fault is not None, where
        if path.name == "checkpoint":
            assert isinstance(fault, Malformed) or fault.sequence is None, where
        else:
            assert isinstance(fault, DoesNotHold), where
            assert fault.sequence == sequence_of(path, bundle, at, files), where
        flip(path, at, bits)
        touched.add(path)
    assert touched == set(files)
    assert found(bundle) is None


def test_random_corruptions(bundle: Path) -> None:
    check_corruptions(bundle, 400, seed=1)


@pytest.mark.long
def test_ten_thousand_random_corruptions(bundle: Path) -> None:
    check_corruptions(bundle, 10_000, seed=2)


@pytest.mark.parametrize("path", ["checkpoint", "tile/1/000.p/2"])
def test_each_byte_of_the_small_files(bundle: Path, path: str) -> None:
    """Which chance seldom finds among so many bytes."""
    data = (bundle / path).read_bytes()
    step = 1 if len(data) < 1000 else 7
    for at in range(0, len(data), step):
        flip(bundle / path, at, 1 + at % 255)
        with pytest.raises((DoesNotHold, Malformed)):
            verify_bundle(bundle, KEYS)
        flip(bundle / path, at, 1 + at % 255)


def test_the_checkpoint_of_an_empty_log(tmp_path: Path) -> None:
    checkpoint = write_bundle(tmp_path / "b", [])
    assert checkpoint == Checkpoint(LOG.name, 0, root_of([]))
    (tmp_path / "b/events.ndjson").write_bytes(b"{}\n")
    assert refused(tmp_path / "b").sequence == 1
