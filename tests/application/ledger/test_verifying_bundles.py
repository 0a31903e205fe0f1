"""A log as a directory: it holds as it was written, signed by whom it must be."""

from __future__ import annotations

from pathlib import Path

import pytest

from application.ledger.verifying import BundleHolds, hashes_from_tiles, verify_bundle
from domain.ledger.checkpoints import Checkpoint
from domain.ledger.faults import DoesNotHold, Malformed
from domain.ledger.merkle import check_consistency
from domain.ledger.policy import Policy
from tests.application.ledger.bundling import SIZE, STATES, events, leaves_of, root_of, write_bundle
from tests.application.ledger.refusing import KEYS
from tests.domain.ledger.proving import consistency_proof
from tests.domain.ledger.signing import LOG, LOG_PQ, WITNESS, Signer, signed


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
