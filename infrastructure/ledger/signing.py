"""The rounds of one session of the signer: what was added is read, held against what was signed
last, and signed.

Nothing is taken for the last round because it stands in the database: the global log's head must be
one that our keys signed, the newest round the last of that log, and every tenant's head a leaf of
that round.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct
from psycopg import Connection

from application.ledger.ports import GLOBAL, LogKeys
from application.ledger.signatures import open_checkpoint
from application.ledger.signing import (
    IN_FULL,
    LogHead,
    Rounds,
    SignedRound,
    empty_head,
    leaf_of,
    origin_of,
)
from application.ports import Clock
from domain.ledger.anchors import Round
from domain.ledger.faults import DoesNotHold, Malformed
from domain.ledger.hashing import leaf_hash
from domain.ledger.merkle import HASH, Frontier, tree_root
from domain.times import SECOND
from infrastructure.ledger import signed_store as store
from infrastructure.ledger.behind import LedgerDiffers, behind

KIND = "signer"
"""Of the alarms that are raised here."""

RETRY_REFUSED = 60.0
"""Seconds until a log that could not go on is looked at again."""

_IN_FULL_LEAST = 10
"""However short the interval."""

Entries = Sequence[tuple[int, bytes]]
"""(sequence, entry), in order."""


class Overtaken(Exception):
    """Another signer has signed meanwhile."""


class Turn(Struct):
    """What a turn found. more: there are events that it did not look at. refused: tenants whose
    log cannot go on, with the first sequence concerned and the reason; passed: those that can
    again."""

    signed: SignedRound | None = None
    more: bool = False
    refused: dict[str, tuple[int, str]] = {}
    passed: list[str] = []


class Signing:
    """Over a connection in autocommit that nobody else uses. interval: seconds between turns."""

    def __init__(
        self,
        connection: Connection[Any],
        keys: LogKeys,
        clock: Clock,
        *,
        interval: float = 1.0,
        retry_refused: float = RETRY_REFUSED,
    ) -> None:
        """Raises LedgerDiffers, psycopg.Error, KeyUnavailable."""
        self._connection = connection
        self._keys = keys
        self._clock = clock
        self._retry_refused = retry_refused
        self._retry_at = 0.0
        with connection.transaction():  # of one moment: another may be signing
            connection.execute("set transaction isolation level repeatable read, read only")
            newest = store.newest_round(connection)
            whole, leaves = _resumed(connection, keys, newest)
            self._refused = store.alarmed(connection, KIND)
        self._position = newest.position if newest else 0
        in_full = max(_IN_FULL_LEAST, round(IN_FULL * interval))
        self.rounds = Rounds(keys, whole, leaves, in_full=in_full)

    def turn(self) -> Turn:
        """Sign what was added since the turn before, at most BATCH_EVENTS events of it.

        Raises LedgerBehind, Overtaken, psycopg.Error, KeyUnavailable.
        """
        last, tiles = store.limits(self._connection)
        if last < self._position:
            raise behind(f"position {self._position} is signed and {last} is the last one there")
        end = max(self._position, min(last, tiles))
        up_to = min(end, self._position + store.BATCH_EVENTS)
        due = self._due()
        if up_to == self._position and not due:
            return Turn()
        added = store.new_entries(self._connection, self._position, up_to)
        turn = Turn(more=up_to < end)
        grown = self._grown(added, due, up_to, turn)
        if grown:
            now_us = self._clock()
            turn.signed = self.rounds.sign(grown, now_us // SECOND)
            store.write(self._connection, turn.signed, up_to, now_us)
            self.rounds.commit(turn.signed)
        self._position = up_to
        self._refused = (self._refused | turn.refused.keys()).difference(turn.passed)
        if turn.refused:
            self._retry_at = time.monotonic() + self._retry_refused
        return turn

    def _due(self) -> frozenset[str]:
        """The logs that could not go on, when it is time to look at them again."""
        if not self._refused or time.monotonic() < self._retry_at:
            return frozenset()
        return self._refused

    def _grown(
        self, added: Mapping[str, Entries], due: frozenset[str], up_to: int, turn: Turn
    ) -> list[tuple[LogHead, Frontier]]:
        """Each log that can go on, and its tree. `turn` is told of the others."""
        tenants = sorted((added.keys() - self._refused) | due)
        heads = self._heads(tenants)
        grown: list[tuple[LogHead, Frontier]] = []
        place = self.rounds.places
        for tenant_id in tenants:
            try:
                head = heads[tenant_id] or self._empty(tenant_id, place)
                self._require_known(head, new=heads[tenant_id] is None)
                if tenant_id in due:
                    self._require_same(head)
                frontier = self._tree(head, added.get(tenant_id, ()), up_to)
            except _Refused as refusal:
                turn.refused[tenant_id] = refusal.sequence, refusal.reason
                continue
            if tenant_id in due:
                turn.passed.append(tenant_id)
            if frontier.size > head.size:
                grown.append((head, frontier))
                place += heads[tenant_id] is None
        return grown

    def _heads(self, tenants: Sequence[str]) -> dict[str, LogHead | None]:
        """None for a log that has none. Raises Overtaken: they may be of a later round then."""
        heads = store.tenant_heads(self._connection, tenants)
        newest, whole = store.newest_round(self._connection), self.rounds.whole
        if newest is not None and (newest.epoch, newest.number) != (whole.epoch, whole.size):
            raise Overtaken
        return {one: heads.get(one) for one in tenants}

    def _empty(self, tenant_id: str, place: int) -> LogHead:
        origin, epoch = self._keys.service_origin, self.rounds.whole.epoch
        return empty_head(origin, tenant_id, place, epoch)

    def _require_known(self, head: LogHead, *, new: bool) -> None:
        """Raises _Refused unless it is the head that was signed last, or none was signed."""
        if not new and not self.rounds.knows(head):
            raise _Refused(head.size, "the head in the database is not the one that was signed")
        if new and store.was_signed(self._connection, head.tenant_id, head.epoch):
            raise _Refused(1, "the log was signed, and its head is gone from the database")

    def _require_same(self, head: LogHead) -> None:
        """Raises _Refused unless the events are there that the head was signed over."""
        frontier = Frontier()
        chunks = store.entries(self._connection, head.tenant_id, 0, last=head.size)
        for chunk in chunks:
            _extend(frontier, chunk)
        if frontier.root() != head.root:
            raise _Refused(1, "the events are not those that were signed")

    def _tree(self, head: LogHead, added: Entries, up_to: int) -> Frontier:
        """The log with all its entries up to a position. Raises _Refused where one is missing."""
        first = head.size + 1
        if added and added[0][0] < first:
            raise _Refused(added[0][0], "an event is recorded anew that was signed before")
        frontier = head.frontier.copy()
        if added and added[0][0] == first:
            _extend(frontier, added)
            return frontier
        # Those before the added ones were not signed with theirs: the log could not go on then.
        for chunk in store.entries(self._connection, head.tenant_id, head.size, up_to=up_to):
            _extend(frontier, chunk)
        return frontier


class _Refused(Exception):
    """A log that cannot go on. sequence: of the first event concerned."""

    def __init__(self, sequence: int, reason: str) -> None:
        super().__init__(reason)
        self.sequence = sequence
        self.reason = reason


def _extend(frontier: Frontier, entries: Entries) -> None:
    first = frontier.size + 1
    for sequence, (there, _) in enumerate(entries, start=first):
        if there != sequence:
            raise _Refused(sequence, "an event behind the last signed one is gone")
    frontier.extend([leaf_hash(entry) for _, entry in entries])


def _resumed(
    connection: Connection[Any], keys: LogKeys, newest: store.NewestRound | None
) -> tuple[LogHead, bytes]:
    """The global log's head, and the leaves of the newest round. Raises LedgerDiffers."""
    whole = store.global_head(connection, keys.service_origin)
    if whole.origin != origin_of(keys.service_origin, GLOBAL, whole.epoch):
        raise LedgerDiffers(
            f"the ledger is signed as {whole.origin}, and the keys in signing/ are those of "
            f"{keys.service_origin}: bring back the right ones from a backup"
        )
    if newest is None or (newest.epoch, newest.number) != (whole.epoch, whole.size):
        if newest is not None or whole.size:
            raise LedgerDiffers(_damaged("the newest round is not that of the global log's head"))
        return whole, b""
    if whole.size == 0:
        return whole, _leaves_of(store.tenant_heads(connection).values())
    if not _is_signed(connection, keys, whole):
        raise LedgerDiffers(_damaged("the head of the global log is not one that its keys signed"))
    leaves = store.round_leaves(connection, whole.epoch, whole.size)
    if not _is_round(newest, leaves):
        raise LedgerDiffers(_damaged("the newest round is not over the heads that it names"))
    return whole, leaves


def _leaves_of(heads: Iterable[LogHead]) -> bytes:
    """The leaves before the first round of a new origin."""
    by_place = {head.place: leaf_of(head) for head in heads}
    if by_place.keys() != set(range(len(by_place))):
        raise LedgerDiffers(_damaged("the logs have not the places from 0 on"))
    return b"".join(by_place[place] for place in range(len(by_place)))


def _is_signed(connection: Connection[Any], keys: LogKeys, head: LogHead) -> bool:
    note = store.checkpoint_note(connection, head.tenant_id, head.epoch, head.size)
    if note is None or head.frontier.root() != head.root:
        return False
    try:
        opened = open_checkpoint(note, keys.verifier_keys(head.origin))
    except (Malformed, DoesNotHold):
        return False
    return opened.checkpoint == head.checkpoint


def _is_round(newest: store.NewestRound, leaves: bytes) -> bool:
    hashes = [leaves[at : at + HASH] for at in range(0, len(leaves), HASH)]
    said = Round(newest.number, len(hashes), tree_root(hashes))
    return said.text() == newest.text


def _damaged(what: str) -> str:
    return f"{what}: what was signed last is damaged; restore the database from a backup"
