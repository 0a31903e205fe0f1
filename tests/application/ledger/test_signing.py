"""Rounds, recomputed from the definitions: trees over leaves, heads by place, one text a round."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Sequence

import msgspec
import pytest

from application.ledger.signatures import open_checkpoint
from application.ledger.signing import (
    LogHead,
    Rounds,
    SignedRound,
    empty_head,
    leaf_of,
    origin_of,
)
from domain.errors import KeyUnavailable
from domain.ledger.anchors import Anchor
from domain.ledger.checkpoints import Checkpoint
from domain.ledger.hashing import leaf_hash
from domain.ledger.merkle import Frontier, inclusion_path, tree_root
from domain.ledger.notes import COSIGNED_MLDSA44, NoteSignature, SignedNote, VerifierKey
from tests.domain.ledger.signing import Signer

SERVICE = "history.example"
GLOBAL = "_global"
TIME = 1_756_470_898


class Keys:
    """An Ed25519 and an ML-DSA key for every origin, until they are away."""

    service_origin = SERVICE
    away = False

    def sign(
        self, checkpoint: Checkpoint, time_s: int, *, brief: bool = False
    ) -> tuple[NoteSignature, ...]:
        if self.away:
            raise KeyUnavailable
        signers = self._signers(checkpoint.origin)[: 1 if brief else 2]
        return tuple(one.sign(checkpoint.text(), time_s) for one in signers)

    def verifier_keys(self, origin: str) -> tuple[VerifierKey, ...]:
        return tuple(one.key for one in self._signers(origin))

    @staticmethod
    def _signers(origin: str) -> list[Signer]:
        return [Signer(origin, seed=1), Signer(origin, COSIGNED_MLDSA44, seed=2)]


def entry(number: int) -> bytes:
    return hashlib.sha256(b"event %d" % number).digest()


class Installation:
    """Logs that grow, and all that was signed of them."""

    def __init__(self, *, in_full: int = 100) -> None:
        self.keys = Keys()
        self.in_full = in_full
        self.entries: dict[str, list[bytes]] = {}
        self.heads: dict[str, LogHead] = {}
        self.signed: list[SignedRound] = []
        self.rounds = Rounds(self.keys, empty_head(SERVICE, GLOBAL, None, 1), b"", in_full=in_full)

    def grown(self, **counts: int) -> list[tuple[LogHead, Frontier]]:
        """So many entries more of each tenant; new ones at the next places."""
        grown = []
        place = self.rounds.places
        for tenant, count in counts.items():
            head = self.heads.get(tenant)
            if head is None:
                head, place = empty_head(SERVICE, tenant, place, 1), place + 1
            own = self.entries.setdefault(tenant, [])
            own += [entry(len(own) * 1000 + len(tenant)) for _ in range(count)]
            frontier = head.frontier.copy()
            frontier.extend(map(leaf_hash, own[head.size :]))
            grown.append((head, frontier))
        return grown

    def sign(self, **counts: int) -> SignedRound:
        signed = self.rounds.sign(self.grown(**counts), TIME)
        self.rounds.commit(signed)
        self.signed.append(signed)
        self.heads.update({one.head.tenant_id: one.head for one in signed.logs})
        return signed

    def again(self) -> Rounds:
        """The same, as after a restart."""
        return Rounds(
            self.keys, self.rounds.whole, self.signed[-1].leaves, in_full=self.in_full
        )  # fmt: skip


def checkpoint_text(origin: str, entries: Sequence[bytes]) -> str:
    root = tree_root([hashlib.sha256(b"\0" + one).digest() for one in entries])
    return f"{origin}\n{len(entries)}\n{b64encode(root).decode()}\n"


def head_leaf(text: str) -> bytes:
    """As the design says: leaf_hash(SHA-256(head text))."""
    return hashlib.sha256(b"\0" + hashlib.sha256(text.encode()).digest()).digest()


def lines(note: str) -> int:
    return len(SignedNote.parse(note).signatures)


def test_each_round_by_its_definition() -> None:
    made = Installation()
    rounds: list[bytes] = []
    for number, counts in enumerate(
        [{"acme": 3}, {"acme": 1, "zeta": 300}, {"nova": 1}, {"zeta": 1, "acme": 256}], start=1
    ):
        signed = made.sign(**counts)
        texts = [
            checkpoint_text(f"{SERVICE}/{tenant}", made.entries[tenant])
            for tenant in ("acme", "zeta", "nova")
            if tenant in made.entries
        ]
        leaves = [head_leaf(text) for text in texts]
        root = b64encode(tree_root(leaves)).decode()
        assert signed.number == number
        assert signed.leaves == b"".join(leaves)
        assert signed.text == f"order-history/round/v1\n{number}\n{len(leaves)}\n{root}\n"
        assert signed.entry == hashlib.sha256(signed.text.encode()).digest()
        rounds.append(signed.entry)
        assert {one.head.tenant_id for one in signed.logs} == set(counts)
        for one in signed.logs:
            own = made.entries[one.head.tenant_id]
            note = SignedNote.parse(one.note)
            assert note.text == checkpoint_text(f"{SERVICE}/{one.head.tenant_id}", own)
            assert one.head.round == number
        whole = SignedNote.parse(signed.whole.note)
        assert whole.text == checkpoint_text(f"{SERVICE}/_global", rounds)


def test_what_is_signed_holds_for_the_verifier_keys() -> None:
    made = Installation()
    signed = made.sign(acme=2, zeta=1)
    for one in (*signed.logs, signed.whole):
        keys = made.keys.verifier_keys(one.head.origin)
        opened = open_checkpoint(one.note, keys)
        assert opened.by == keys
        assert opened.checkpoint == one.head.checkpoint


def test_an_anchor_leads_from_a_head_to_the_global_log() -> None:
    made = Installation()
    for counts in ({"acme": 3, "zeta": 1, "nova": 5}, {"zeta": 7}, {"acme": 1}):
        made.sign(**counts)
    newest = made.signed[-1]
    leaves = [newest.leaves[at : at + 32] for at in range(0, len(newest.leaves), 32)]
    rounds = [leaf_hash(one.entry) for one in made.signed]

    def proof(index: int, hashes: list[bytes]) -> tuple[bytes, ...]:
        return tuple(
            tree_root(
                [leaf for level, at in nodes for leaf in hashes[at << level : at + 1 << level]]
            )
            for nodes in inclusion_path(index, len(hashes))
        )

    zeta = made.heads["zeta"]
    assert zeta.place == 1
    anchor = Anchor(
        place=1, places=3, head_proof=proof(1, leaves), round_text=newest.text, global_index=2,
        global_proof=proof(2, rounds), global_checkpoint=newest.whole.note,
    )  # fmt: skip

    def open_global(note: str) -> Checkpoint:
        return open_checkpoint(note, made.keys.verifier_keys(f"{SERVICE}/_global")).checkpoint

    assert anchor.check(zeta.checkpoint.text(), open_global).number == 3


def test_a_log_keeps_its_place() -> None:
    made = Installation()
    made.sign(zeta=1)
    made.sign(acme=1, nova=1)
    made.sign(nova=1, zeta=1)
    assert {name: head.place for name, head in made.heads.items()} == {
        "zeta": 0, "acme": 1, "nova": 2,
    }  # fmt: skip
    assert made.rounds.places == 3
    assert made.again().places == 3


def test_nothing_is_taken_for_signed_before_it_is_written() -> None:
    """A commit that fails is tried anew, from the same head."""
    made = Installation()
    made.sign(acme=1)
    before = made.heads["acme"]
    grown = made.grown(acme=1, zeta=1)
    lost = made.rounds.sign(grown, TIME)
    assert made.rounds.whole.size == 1
    assert made.rounds.places == 1
    assert made.rounds.knows(before)
    assert not made.rounds.knows(lost.logs[0].head)
    again = made.rounds.sign(grown, TIME)
    assert (again.text, again.whole.head.checkpoint) == (lost.text, lost.whole.head.checkpoint)


def test_a_key_that_is_away_changes_nothing() -> None:
    made = Installation()
    made.sign(acme=1)
    made.keys.away = True
    with pytest.raises(KeyUnavailable):
        made.rounds.sign(made.grown(acme=1), TIME)
    made.keys.away = False
    assert made.rounds.sign(made.grown(acme=1), TIME).number == 2


@pytest.mark.parametrize(
    "changed",
    [
        {"tenant_id": "zeta"},
        {"epoch": 2},
        {"place": 1},
        {"place": 7},
        {"place": -1},
        {"place": None},
        {"origin": "history.example/zeta"},
        {"origin": "history.example/acme/2"},
        {"root": bytes(32)},
        {"frontier": Frontier()},
        {"frontier": Frontier(2, [bytes(32)])},
        {"frontier": Frontier(3, [bytes(32), bytes(32)])},
    ],
)
def test_a_head_that_somebody_put_there_is_not_known(changed: dict[str, object]) -> None:
    made = Installation()
    made.sign(acme=3, zeta=3)
    head = made.heads["acme"]
    for rounds in (made.rounds, made.again()):
        assert rounds.knows(head)
        assert not rounds.knows(msgspec.structs.replace(head, **changed))


def test_a_head_of_before_is_not_known() -> None:
    made = Installation()
    made.sign(acme=3)
    before = made.heads["acme"]
    made.sign(acme=1)
    assert not made.rounds.knows(before)
    assert made.again().knows(made.heads["acme"])


def test_whose_turn_it_is_to_get_every_signature() -> None:
    """With more logs than that, those that have waited longest; the global log always."""
    made = Installation(in_full=3)
    names = [f"t{n}" for n in range(7)]
    had: list[set[str]] = []
    for _ in range(5):
        signed = made.sign(**dict.fromkeys(names, 1))
        assert lines(signed.whole.note) == 2
        assert {lines(one.note) for one in signed.logs} == {1, 2}
        had.append({one.head.tenant_id for one in signed.logs if lines(one.note) == 2})
    assert [len(one) for one in had] == [3] * 5
    assert set.union(*had[:3]) == set(names), "nobody waits longer than all others take"
    assert set.union(*had[2:]) == set(names)
    made.sign(late=1, **dict.fromkeys(names, 1))
    late = {one.head.tenant_id: lines(one.note) for one in made.signed[-1].logs}["late"]
    assert late == 2, "who comes rarely does not wait"


def test_few_logs_get_every_signature_each_time() -> None:
    made = Installation(in_full=3)
    for _ in range(3):
        assert {lines(one.note) for one in made.sign(a=1, b=1, c=1).logs} == {2}


def test_origins() -> None:
    assert origin_of("h.example", "acme", 1) == "h.example/acme"
    assert origin_of("h.example", "acme", 2) == "h.example/acme/2"
    head = empty_head("h.example", "acme", 4, 3)
    assert (head.origin, head.size, head.round) == ("h.example/acme/3", 0, 0)
    assert leaf_of(head) == head_leaf(checkpoint_text("h.example/acme/3", []))
