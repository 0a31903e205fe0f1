"""Checkpoints, receipts and consistency proofs, as bytes that somebody was given."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from application.ledger.signatures import Opened, is_log_key, open_checkpoint, satisfies
from domain.ledger.anchors import Anchor, Round
from domain.ledger.checkpoints import Checkpoint
from domain.ledger.faults import DoesNotHold, Malformed
from domain.ledger.hashing import entry, leaf_hash
from domain.ledger.merkle import check_consistency, root_from_inclusion
from domain.ledger.notes import SignedNote, VerifierKey, decode_hash, decode_text
from domain.ledger.policy import Policy
from domain.ledger.receipts import TlogProof

_MAX_HASHES_BYTES = 10_000


@dataclass(frozen=True, slots=True)
class ProofHolds:
    """An event is on the log, as its `sequence`th. anchor: the round of the global log that covers
    the checkpoint, where that was to be checked."""

    checkpoint: Checkpoint
    sequence: int
    anchor: Round | None = None


@dataclass(frozen=True, slots=True)
class ConsistencyHolds:
    """The newer checkpoint's log has the older one's events as its first ones."""

    old: Checkpoint
    new: Checkpoint


def open_signed(note: SignedNote | str | bytes, keys: Sequence[VerifierKey]) -> Opened:
    """A checkpoint that every given key has signed; of several of the log's own of one algorithm,
    as there are when it changes its key, one is enough.

    Stricter than `open_checkpoint`: whoever gives a key wants to know that it has signed.
    """
    opened = open_checkpoint(note, keys)
    origin = opened.checkpoint.origin
    enough = {key.algorithm for key in opened.by if is_log_key(key, origin)}
    for key in keys:
        if key in opened.by or (is_log_key(key, origin) and key.algorithm in enough):
            continue
        raise DoesNotHold(
            f"{key.name!r} ({key.key_id.hex()}) has not signed the checkpoint of {origin!r}"
        )
    return opened


def verify_proof(
    proof: str | bytes,
    event: bytes,
    keys: Sequence[VerifierKey],
    policy: Policy | None = None,
    global_keys: Sequence[VerifierKey] = (),
) -> ProofHolds:
    """That a receipt (`.tlog-proof`) proves an event.

    event: the hashed bytes. keys: the log's, and cosigners that must have signed. policy: must
    accept the log's checkpoint, or the global one where `global_keys` are given. global_keys: of
    the global log, in which the checkpoint must then be anchored.
    """
    receipt = TlogProof.parse(proof)
    opened = open_signed(receipt.checkpoint, keys)
    candidates, anchor = [opened], None
    if global_keys:
        whole, anchor = _anchored(receipt, opened, global_keys)
        candidates.append(whole)
    if policy is not None and not any(satisfies(one, policy) for one in candidates):
        raise DoesNotHold("the policy does not accept the checkpoint: not the signatures it asks")
    _check_event(receipt, opened.checkpoint, event)
    return ProofHolds(opened.checkpoint, receipt.index + 1, anchor)


def _anchored(
    receipt: TlogProof, opened: Opened, keys: Sequence[VerifierKey]
) -> tuple[Opened, Round]:
    """The global checkpoint that the receipt chains up to, and the round that covers it."""
    if receipt.extra is None:
        raise DoesNotHold("the proof has no anchor in a global log (no line `extra`)")
    anchor = Anchor.parse(receipt.extra)
    try:
        whole = open_signed(anchor.global_checkpoint, keys)
    except DoesNotHold as fault:
        raise DoesNotHold(f"the anchor: {fault}") from None
    except Malformed as fault:
        raise Malformed(f"the global checkpoint of the anchor: {fault}") from None
    return whole, anchor.check(opened.note.text, lambda _: whole.checkpoint)


def _check_event(receipt: TlogProof, checkpoint: Checkpoint, event: bytes) -> None:
    if _is_proven(receipt, checkpoint, event):
        return
    if event.endswith(b"\n") and _is_proven(receipt, checkpoint, event[:-1]):
        raise DoesNotHold(
            "the event file has a line feed at its end that the event has not", receipt.index + 1
        )
    try:
        said = json.loads(event)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise Malformed("the event file is not an event: no JSON object")
    raise DoesNotHold("the event is not the one that the log has there", receipt.index + 1)


def _is_proven(receipt: TlogProof, checkpoint: Checkpoint, event: bytes) -> bool:
    leaf = leaf_hash(entry(event))
    root = root_from_inclusion(leaf, receipt.index, checkpoint.size, receipt.hashes)
    return root == checkpoint.root


def verify_consistency(
    old: str | bytes, new: str | bytes, keys: Sequence[VerifierKey], proof: Sequence[bytes]
) -> ConsistencyHolds:
    """That a log only grew between two checkpoints of it, given as signed notes.

    keys: at least one of the log's has signed the older one, and all (see `open_signed`) the newer
    one. proof: the hashes, as `consistency_path` orders them.
    """
    older = _open("the older checkpoint", old, keys, strict=False)
    newer = _open("the newer checkpoint", new, keys, strict=True)
    if older.origin != newer.origin:
        raise DoesNotHold(f"{older.origin!r} and {newer.origin!r} are two logs")
    check_consistency(older.size, older.root, newer.size, newer.root, proof)
    return ConsistencyHolds(older, newer)


def _open(
    which: str, note: str | bytes, keys: Sequence[VerifierKey], *, strict: bool
) -> Checkpoint:
    try:
        return (open_signed if strict else open_checkpoint)(note, keys).checkpoint
    except Malformed as fault:
        raise Malformed(f"{which}: {fault}") from None
    except DoesNotHold as fault:
        raise DoesNotHold(f"{which}: {fault}") from None


def read_hashes(data: bytes) -> list[bytes]:
    """The hashes of a proof as text: base64, a line each. Raises Malformed."""
    lines = decode_text(data, "the proof", _MAX_HASHES_BYTES).split("\n")
    if lines.pop():
        raise Malformed("the proof does not end in a line feed")
    return [
        decode_hash(line, f"line {number} of the proof")
        for number, line in enumerate(lines, start=1)
    ]
