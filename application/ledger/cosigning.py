"""A witness: it cosigns checkpoints of logs that it trusts, each going on from the one before.

C2SP tlog-witness and tlog-cosignature; what a checkpoint is judged by is domain.ledger.witnessing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from application.ledger.signatures import Opened, is_log_key, open_checkpoint
from domain.ledger.checkpoints import Checkpoint
from domain.ledger.faults import DoesNotHold, Malformed
from domain.ledger.notes import NoteSignature, SignedNote, VerifierKey, check_name
from domain.ledger.witnessing import (
    BAD_REQUEST,
    COSIGNED,
    OTHER_SIZE,
    UNKNOWN_LOG,
    UNTRUSTED,
    Decision,
    Known,
    Submission,
    decide,
)

MAX_ORIGIN = 255
"""Bytes of an origin: more do not go into an ML-DSA-44 cosignature."""

_GLOBAL = re.compile(r"(.+)/_global(/[1-9][0-9]*)?", re.DOTALL)
"""The name of a service's global log; in a later epoch with its number."""
_TEXT = "text/plain; charset=utf-8"


class CosignerKeys(Protocol):
    """The keys of a witness: durable before they are first used."""

    def cosign(self, checkpoint: Checkpoint, time_s: int) -> tuple[NoteSignature, ...]:
        """By each key. time_s: seconds since 1970, not 0."""
        ...


class WitnessState(Protocol):
    """The newest cosigned checkpoint of each log. Any number of threads and processes at once."""

    def advance(
        self,
        origin: str,
        judge: Callable[[Known], Decision],
        sealed: Callable[[], tuple[Known, str]],
    ) -> tuple[Decision, Known]:
        """Judge by what is known of the log, and where that gives COSIGNED put what `sealed` gives
        in its place: the checkpoint, and the note to be served. One step, which no other comes
        between; durable on return. Returns the decision, and what was known before.

        Raises Unavailable; then nothing is cosigned, though it may be remembered.
        """
        ...

    def note(self, origin_hash: str) -> str | None:
        """The newest cosigned checkpoint of the log whose origin has this SHA-256, in hex."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer of a witness."""

    status: int
    body: str
    content_type: str = _TEXT


class TrustedLogs:
    """The logs that a witness knows, by their keys.

    logs: keys of single logs. services: keys of the global logs of whole installations of Order
    History; each installation signs all of its logs with the same key under their own names, so
    these stand for every log below the same service origin.
    Raises Malformed for a key that cannot be a log's.
    """

    def __init__(self, logs: Sequence[VerifierKey], services: Sequence[VerifierKey] = ()) -> None:
        for key in (*logs, *services):
            if not is_log_key(key, key.name):
                raise Malformed(f"the key {key.name} is a cosigner's (type 4), not a log's")
            if len(key.name.encode()) > MAX_ORIGIN:
                raise Malformed(f"a log's name has at most {MAX_ORIGIN} bytes")
        self._logs = tuple(logs)
        self._services = [(key, _service_origin(key)) for key in services]

    def keys_of(self, origin: str) -> tuple[VerifierKey, ...]:
        """The keys that may sign for this origin; none where it is not known."""
        keys = [key for key in self._logs if key.name == origin]
        keys += [
            VerifierKey.of(origin, key.algorithm, key.public)
            for key, service_origin in self._services
            if _is_below(origin, service_origin)
        ]
        return tuple(dict.fromkeys(keys))


class Witness:
    """Answers what witnesses are asked. clock: seconds since 1970. Safe from several threads."""

    def __init__(
        self,
        logs: TrustedLogs,
        keys: CosignerKeys,
        state: WitnessState,
        clock: Callable[[], int],
    ) -> None:
        self._logs = logs
        self._keys = keys
        self._state = state
        self._clock = clock

    def add_checkpoint(self, body: bytes) -> Answer:
        """POST add-checkpoint. Raises Unavailable when the state cannot be written."""
        try:
            submission = Submission.parse(body)
        except Malformed as fault:
            return _refusal(BAD_REQUEST, str(fault))
        trusted = self._logs.keys_of(submission.checkpoint.origin)
        if not trusted:
            return _refusal(UNKNOWN_LOG, "this witness does not know the log")
        try:
            opened = open_checkpoint(submission.note, trusted, extensions=True)
        except (DoesNotHold, Malformed) as fault:
            return _refusal(UNTRUSTED, str(fault))
        return self._judge(submission, opened)

    def newest(self, origin_hash: str) -> Answer:
        """GET <origin hash>/checkpoint."""
        note = self._state.note(origin_hash)
        if note is None:
            return _refusal(UNKNOWN_LOG, "this witness has cosigned no checkpoint of the log")
        return Answer(COSIGNED, note)

    def _judge(self, submission: Submission, opened: Opened) -> Answer:
        head = opened.checkpoint
        lines: list[NoteSignature] = []

        def sealed() -> tuple[Known, str]:
            lines[:] = self._keys.cosign(head, self._clock())
            own = [one for one in opened.note.signatures if any(map(one.is_by, opened.by))]
            note = SignedNote(opened.note.text, (*own, *lines))
            return Known(head.size, head.root), note.format()

        decision, known = self._state.advance(
            head.origin, lambda found: decide(found, submission), sealed
        )
        if decision.status == OTHER_SIZE:
            return Answer(OTHER_SIZE, f"{known.size}\n", "text/x.tlog.size")
        if decision.status != COSIGNED:
            return _refusal(decision.status, decision.reason)
        return Answer(COSIGNED, "".join(one.line() for one in lines))


def _service_origin(key: VerifierKey) -> str:
    found = _GLOBAL.fullmatch(key.name)
    if found is None:
        raise Malformed(
            f"the key {key.name} is not of a service's global log, whose name ends in /_global"
        )
    return found[1]


def _is_below(origin: str, service_origin: str) -> bool:
    """Whether a log may be one of a service's. What cannot name a key cannot sign either."""
    try:
        check_name(origin, "the origin")
    except Malformed:
        return False
    below = origin.removeprefix(f"{service_origin}/")
    return below not in {"", origin} and len(origin.encode()) <= MAX_ORIGIN


def origin_hash(origin: str) -> str:
    """How a log is named in the path of its newest checkpoint."""
    return sha256(origin.encode()).hexdigest()


def _refusal(status: int, reason: str) -> Answer:
    return Answer(status, f"{reason}\n")
