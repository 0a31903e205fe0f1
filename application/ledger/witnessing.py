"""Asking a witness to cosign a checkpoint of ours (C2SP tlog-witness).

Nothing that a witness says is believed: a cosignature is kept when it holds under the policy's key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

from msgspec import Struct

from application.ledger.ports import LedgerReader
from application.ledger.signatures import verify_signature
from application.ledger.trees import Trees, checkpoint_of
from domain.errors import Unavailable
from domain.ledger.checkpoints import signature_time
from domain.ledger.faults import Malformed
from domain.ledger.notes import NoteSignature, SignedNote, decode_decimal
from domain.ledger.policy import Witness
from domain.ledger.witnessing import (
    COSIGNED,
    INCONSISTENT,
    OTHER_SIZE,
    UNKNOWN_LOG,
    UNTRUSTED,
    format_submission,
)

Fault = Literal["away", "untrusted", "unknown_log", "inconsistent", "ahead", "misbehaving"]
"""Why a witness has not cosigned. `ahead`: it has cosigned more than our newest checkpoint, so our
store lies behind what was published. `inconsistent`: it holds another history of the log."""

ALARMING: frozenset[Fault] = frozenset({"ahead", "inconsistent"})

_FAULTS: Mapping[int, tuple[Fault, str]] = {
    UNTRUSTED: ("untrusted", "it trusts none of the keys that the log is signed with (403)"),
    UNKNOWN_LOG: ("unknown_log", "it does not know the log (404)"),
    INCONSISTENT: ("inconsistent", "it holds another history of the log (422)"),
}
_MAX_REASON = 200


class WitnessState(Struct, frozen=True):
    """How a log stands with a witness.

    size: the largest that it has vouched for, itself or by a round of the global log; lag: how much
    larger the newest checkpoint is. cosigned_us: when it last did, microseconds since 1970.
    reason: one line, for a fault.
    """

    name: str
    size: int
    lag: int
    cosigned_us: int | None
    status: Literal["ok", "behind"] | Fault
    reason: str | None = None


class Due(Struct, frozen=True):
    """The newest checkpoint of a log, which a witness has not cosigned.

    note: signed by the log alone. known_size: of the newest checkpoint of this epoch that we know
    it has cosigned. fault: what was wrong when it was asked last.
    """

    tenant_id: str
    epoch: int
    size: int
    note: str
    witness: str
    known_size: int
    fault: str | None


class Told(Struct, frozen=True):
    """An answer of a witness: its HTTP status, and a body of bounded size."""

    status: int
    body: bytes


class AddCheckpoint(Protocol):
    """Reaches witnesses."""

    async def __call__(self, url: str, body: bytes) -> Told:
        """POST to a submission prefix. Answers within seconds; raises Unavailable if it does not
        come to an answer."""
        ...


class Refused(Exception):
    """A witness has not cosigned. The reason is one line, and may be logged."""

    def __init__(self, fault: Fault, reason: str) -> None:
        super().__init__(reason)
        self.fault = fault


class Overtaken(Exception):
    """There is a newer checkpoint by now, or a newer origin; nothing is wrong."""


class Heads(Protocol):
    """The heads of our logs."""

    async def newest_size(self, tenant_id: str, epoch: int) -> int | None:
        """Of the newest checkpoint at this moment; None where the log's epoch is another by now.
        Raises Unavailable."""
        ...


class AskWitness:
    """Has one checkpoint cosigned by one witness."""

    def __init__(self, post: AddCheckpoint, reader: LedgerReader, heads: Heads) -> None:
        self._post = post
        self._trees = Trees(reader)
        self._heads = heads

    async def __call__(self, witness: Witness, due: Due) -> NoteSignature:
        """The witness's cosignature, verified. Raises Refused, Overtaken; Unavailable where the
        fault is not the witness's."""
        told, old = await self._submit(witness, due, due.known_size), due.known_size
        if told.status == OTHER_SIZE:
            old = await self._old_size(told.body, due)
            told = await self._submit(witness, due, old)
        if told.status == COSIGNED:
            return cosignature(witness, due.note, told.body)
        if told.status == OTHER_SIZE:
            raise Refused("misbehaving", f"it named the size {old}, and then refused it")
        if told.status == 429 or told.status >= 500:
            raise Refused("away", f"it answered with status {told.status}")
        if told.status == INCONSISTENT:
            await self._newest_size(due)
        unlisted: tuple[Fault, str] = ("misbehaving", f"it answered with status {told.status}")
        raise Refused(*_FAULTS.get(told.status, unlisted))

    async def _submit(self, witness: Witness, due: Due, old: int) -> Told:
        root = checkpoint_of(due.note).root
        proof = await self._trees.at(due.tenant_id, due.size, root).consistency(old)
        try:
            return await self._post(witness.url, format_submission(old, proof, due.note))
        except Unavailable as error:
            raise Refused("away", str(error)) from error

    async def _old_size(self, body: bytes, due: Due) -> int:
        """The size that a 409 names, from which it is to be asked again."""
        try:
            text = body.decode("ascii")
            size = decode_decimal(text.removesuffix("\n"), "the size")
        except (Malformed, UnicodeError):
            raise Refused("misbehaving", "it answered 409 without a size") from None
        if size <= due.size:
            return size
        # Another worker may have submitted what was signed since.
        newest = await self._newest_size(due)
        if size <= newest:
            raise Overtaken
        raise Refused(
            "ahead",
            f"it has cosigned the log at size {size}; our newest checkpoint is of size {newest}: "
            "the store lies behind what was published of it, as after a restored backup",
        )

    async def _newest_size(self, due: Due) -> int:
        newest = await self._heads.newest_size(due.tenant_id, due.epoch)
        if newest is None:  # the proof may have been of another epoch's tiles
            raise Overtaken
        return newest


def cosignature(witness: Witness, note: str, body: bytes) -> NoteSignature:
    """The line of the witness's key among those of its answer. Raises Refused if none holds.

    Lines of other keys are ignored, as the specification asks.
    """
    try:
        answered = SignedNote.parse(SignedNote.parse(note).text.encode() + b"\n" + body)
        lines = [one for one in answered.signatures if one.is_by(witness.key)]
        holds = lines and all(verify_signature(witness.key, one, answered.text) for one in lines)
        timed = holds and signature_time(witness.key.algorithm, lines[0].signature)
    except Malformed as fault:
        raise Refused("misbehaving", f"its cosignature cannot be read: {_short(fault)}") from None
    if not lines:
        raise Refused("misbehaving", "it answered without a cosignature of its key in the policy")
    if not holds:
        raise Refused("misbehaving", "its cosignature does not hold under its key in the policy")
    if not timed:
        raise Refused("misbehaving", "its cosignature says no time")
    return lines[0]


def _short(error: Exception) -> str:
    return str(error)[:_MAX_REASON]
