"""A log as a directory: it holds as it was written, and after any change it does not."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from application.ledger.verifying import BundleHolds, hashes_from_tiles, verify_bundle
from application.ledger.verifying.files import MAX_EVENT_BYTES
from domain.ledger.checkpoints import Checkpoint
from domain.ledger.faults import DoesNotHold, Malformed
from domain.ledger.merkle import check_consistency
from domain.ledger.policy import Policy
from tests.application.ledger.bundling import events, leaves_of, root_of, write_bundle
from tests.domain.ledger.proving import consistency_proof
from tests.domain.ledger.signing import LOG, LOG_PQ, WITNESS, Signer, signed

KEYS = [LOG.key, LOG_PQ.key]
SIZE = 600  # two full tiles and one of 88; above them a tile of 2
STATES = events(SIZE)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("bundles") / "original"
    write_bundle(directory, STATES)
    return directory


@pytest.fixture
def bundle(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "bundle"))


def refused(bundle: Path) -> DoesNotHold:
    with pytest.raises(DoesNotHold) as caught:
        verify_bundle(bundle, KEYS)
    assert "\n" not in str(caught.value)
    return caught.value


def unreadable(bundle: Path) -> str:
    with pytest.raises(Malformed) as caught:
        verify_bundle(bundle, KEYS)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_bundle_that_holds(original: Path) -> None:
    holds = verify_bundle(original, KEYS)
    assert (holds.checkpoint.origin, holds.checkpoint.size) == (LOG.name, SIZE)
    assert holds.with_events


SHAPES = [(size, events) for size in (0, 1, 2, 255, 256, 257, 511, 512) for events in (True, False)]


@pytest.mark.parametrize(("size", "with_events"), [*SHAPES, (70_000, True)])
def test_bundles_of_every_shape(tmp_path: Path, size: int, with_events: bool) -> None:
    checkpoint = write_bundle(tmp_path / "b", events(size), with_events=with_events)
    assert verify_bundle(tmp_path / "b", KEYS) == BundleHolds(checkpoint, with_events)


def test_progress(original: Path) -> None:
    seen: list[tuple[int, int]] = []
    verify_bundle(original, KEYS, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(256, SIZE), (512, SIZE), (SIZE, SIZE)]


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


SIGNERS = [LOG, LOG_PQ, WITNESS, Signer(seed=7)]


@pytest.mark.parametrize(
    ("by", "keys", "holds"),
    [
        ([LOG], [LOG], True),
        ([LOG_PQ], [LOG_PQ], True),
        ([LOG, LOG_PQ, WITNESS], [LOG], True),
        ([LOG], [LOG, LOG_PQ], False),
        ([LOG_PQ], [LOG, LOG_PQ], False),
        ([LOG, LOG_PQ], [LOG, WITNESS], False),
        ([LOG, LOG_PQ, WITNESS], [LOG, WITNESS], True),
        ([LOG], [LOG, SIGNERS[3]], True),
        ([SIGNERS[3]], [LOG, SIGNERS[3]], True),
        ([SIGNERS[3]], [LOG], False),
        ([WITNESS], [WITNESS], False),
        ([LOG], [], False),
        ([LOG], [LOG, Signer("history.example/zeta")], False),
    ],
)
def test_who_must_have_signed(
    tmp_path: Path, by: list[Signer], keys: list[Signer], holds: bool
) -> None:
    write_bundle(tmp_path / "b", events(3), *by)
    try:
        verify_bundle(tmp_path / "b", [one.key for one in keys])
    except DoesNotHold:
        assert not holds
    else:
        assert holds


def test_a_policy(tmp_path: Path) -> None:
    asks = Policy.parse(f"witness W {WITNESS.key}\nquorum W\n".encode())
    write_bundle(tmp_path / "with", events(3), LOG, WITNESS)
    write_bundle(tmp_path / "without", events(3), LOG)
    assert verify_bundle(tmp_path / "with", [LOG.key], asks).checkpoint.size == 3
    with pytest.raises(DoesNotHold, match="policy"):
        verify_bundle(tmp_path / "without", [LOG.key], asks)


def test_a_policy_that_names_logs(original: Path) -> None:
    named = Policy.parse(f"log {LOG.key}\nquorum none\n".encode())
    other = Policy.parse(f"log {Signer('other.example').key}\nquorum none\n".encode())
    assert verify_bundle(original, KEYS, named).checkpoint.size == SIZE
    with pytest.raises(DoesNotHold, match="policy"):
        verify_bundle(original, KEYS, other)


# Consistency out of tiles


def note(size: int) -> str:
    return signed(Checkpoint(LOG.name, size, root_of(leaves_of(STATES[:size]))).text())


@pytest.mark.parametrize(
    ("old", "new"), [(1, 600), (255, 256), (256, 600), (300, 600), (300, 520), (600, 600), (0, 9)]
)
def test_a_consistency_proof_from_tiles(original: Path, old: int, new: int) -> None:
    leaves = leaves_of(STATES)
    proof = hashes_from_tiles(original, note(old), note(new))
    assert tuple(proof) == (consistency_proof(leaves[:new], old) if old else ())
    check_consistency(old, root_of(leaves[:old]), new, root_of(leaves[:new]), proof)


def test_tiles_of_too_short_a_log(original: Path) -> None:
    with pytest.raises(Malformed, match="size 600"):
        hashes_from_tiles(original, note(5), note(600).replace("600", "601"))


def test_a_later_checkpoint_of_fewer(original: Path) -> None:
    """Left to whoever checks the proof."""
    assert hashes_from_tiles(original, note(9), note(8)) == []


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
