"""Asking one witness about one checkpoint: what is kept holds, whatever it answers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from application.ledger.signatures import verify_signature
from application.ledger.trees import Trees
from application.ledger.witnessing import (
    AskWitness,
    Due,
    Overtaken,
    Refused,
    Told,
    cosignature,
)
from domain.errors import Unavailable
from domain.ledger.notes import COSIGNED_ED25519, COSIGNED_MLDSA44, NoteSignature
from domain.ledger.policy import Witness
from tests.application.ledger.asked import LocalWitness, Reaching, away, reader_of
from tests.domain.ledger.growing import GrowingLog
from tests.domain.ledger.signing import LOG, WITNESS, Signer

pytestmark = pytest.mark.anyio


class Newest:
    def __init__(self, size: int | None) -> None:
        self.size = size

    async def newest_size(self, tenant_id: str, epoch: int) -> int | None:
        assert (tenant_id, epoch) == ("acme", 1)
        return self.size


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalWitness]:
    local = LocalWitness(tmp_path, "w1", logs=[LOG.key])
    yield local
    local.state.close()


def due(log: GrowingLog, known: int = 0, size: int | None = None) -> Due:
    size = log.size if size is None else size
    return Due("acme", 1, size, log.note(size), "w1", known, None)


def asking(local: LocalWitness, log: GrowingLog, newest: int | None = None) -> AskWitness:
    newest = log.size if newest is None else newest
    return AskWitness(Reaching(local), reader_of(log), Newest(newest))


async def refused(ask: AskWitness, witness: Witness, one: Due) -> tuple[str, str]:
    with pytest.raises(Refused) as told:
        await ask(witness, one)
    return told.value.fault, str(told.value)


@pytest.mark.parametrize("key", [0, 1])
async def test_a_log_is_cosigned_as_it_grows(local: LocalWitness, key: int) -> None:
    log, known = GrowingLog(700), 0
    witness = local.in_policy(key)
    for size in (1, 2, 255, 256, 257, 300, 513, 700):
        line = await asking(local, log)(witness, due(log, known, size))
        assert verify_signature(witness.key, line, log.head(size).text())
        known = size
    assert len(local.asked) == 8, "each at the first attempt"


@given(st.integers(0, 600), st.integers(1, 600))
def test_proofs_are_made_of_tiles(old: int, new: int) -> None:
    old, new = sorted((old, new))
    log = GrowingLog(new)
    tree = Trees(reader_of(log)).at("acme", new, log.head().root)
    assert asyncio.run(tree.consistency(old)) == log.proof(old)


@pytest.mark.parametrize("known", [0, 3, 8])
async def test_the_size_that_is_told_is_taken(local: LocalWitness, known: int) -> None:
    log = GrowingLog(9)
    local.honest(log.submission(0, 5))
    line = await asking(local, log)(local.in_policy(), due(log, known))
    assert verify_signature(local.in_policy().key, line, log.head().text())
    assert [one.old_size for one in local.asked] == [known, 5]


async def test_a_lost_answer_is_asked_for_again(local: LocalWitness) -> None:
    log = GrowingLog(9)
    local.honest(log.submission(0))
    line = await asking(local, log)(local.in_policy(), due(log))
    assert verify_signature(local.in_policy().key, line, log.head().text())
    assert [(one.old_size, len(one.proof)) for one in local.asked] == [(0, 0), (9, 0)]


async def test_another_worker_that_was_faster_is_no_fault(local: LocalWitness) -> None:
    log = GrowingLog(12)
    local.honest(log.submission(0, 12))
    with pytest.raises(Overtaken):
        await asking(local, log)(local.in_policy(), due(log, 5, 9))


async def test_a_witness_that_is_ahead_of_our_store(local: LocalWitness) -> None:
    local.honest(GrowingLog(12).submission(0, 12))
    ask = asking(local, GrowingLog(9))
    fault, reason = await refused(ask, local.in_policy(), due(GrowingLog(9), 5))
    assert fault == "ahead"
    assert "size 12" in reason
    assert "size 9" in reason


async def test_another_history(local: LocalWitness) -> None:
    local.honest(GrowingLog(7, branch="x").submission(0))
    log = GrowingLog(9)
    for known in (0, 7):
        assert (await refused(asking(local, log), local.in_policy(), due(log, known)))[0] == (
            "inconsistent"
        )


async def test_a_new_origin_meanwhile_is_no_fault(local: LocalWitness) -> None:
    local.honest(GrowingLog(7, branch="x").submission(0))
    log = GrowingLog(9)
    ask = AskWitness(Reaching(local), reader_of(log), Newest(None))
    with pytest.raises(Overtaken):
        await ask(local.in_policy(), due(log, 7))
    local.instead = lambda _: Told(409, b"99\n")
    with pytest.raises(Overtaken):
        await ask(local.in_policy(), due(log, 7))


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (403, "untrusted"),
        (404, "unknown_log"),
        (422, "inconsistent"),
        (400, "misbehaving"),
        (204, "misbehaving"),
        (302, "misbehaving"),
        (429, "away"),
        (500, "away"),
        (503, "away"),
    ],
)
async def test_other_statuses(local: LocalWitness, status: int, fault: str) -> None:
    local.instead = lambda _: Told(status, b"reason with a value\n")
    found, reason = await refused(
        asking(local, GrowingLog(9)), local.in_policy(), due(GrowingLog(9))
    )
    assert found == fault
    assert "value" not in reason
    assert len(local.asked) == 1


async def test_one_that_cannot_be_reached(local: LocalWitness) -> None:
    local.instead = away
    log = GrowingLog(9)
    assert (await refused(asking(local, log), local.in_policy(), due(log)))[0] == "away"


async def test_what_cannot_be_proved_for_want_of_our_own_store_is_not_its_fault(
    local: LocalWitness,
) -> None:
    class Away:
        async def hashes(self, *_: object) -> None:
            raise Unavailable

    ask = AskWitness(Reaching(local), Away(), Newest(9))  # type: ignore[arg-type]  # all it needs
    with pytest.raises(Unavailable):
        await ask(local.in_policy(), due(GrowingLog(9), 5))
    assert local.asked == []


# -- what it answers is not believed ---------------------------------------------------------------


@pytest.mark.parametrize(
    "body", [b"", b"x\n", b"-1\n", b"9", b"09\n", b"9\n\n", b"\xff\n", b"9" * 30, b"9.0\n"]
)
async def test_a_409_without_a_size(local: LocalWitness, body: bytes) -> None:
    told = iter([Told(409, body), Told(409, body)])
    local.instead = lambda _: next(told)
    log = GrowingLog(9)
    assert (await refused(asking(local, log), local.in_policy(), due(log)))[0] == "misbehaving"


async def test_a_409_again(local: LocalWitness) -> None:
    sizes = iter([b"3\n", b"5\n", b"7\n"])
    local.instead = lambda _: Told(409, next(sizes))
    log = GrowingLog(9)
    assert (await refused(asking(local, log), local.in_policy(), due(log)))[0] == "misbehaving"
    assert len(local.asked) == 2, "it is asked once more, and no oftener"


@pytest.mark.parametrize(
    "signer",
    [
        Signer("w1.example", 4, seed=9),  # its name, another key
        WITNESS,  # another witness
        LOG,  # the log itself
    ],
)
async def test_a_line_of_another_key_is_none(local: LocalWitness, signer: Signer) -> None:
    log = GrowingLog(9)
    local.instead = lambda _: Told(200, signer.sign(log.head().text()).line().encode())
    fault, reason = await refused(asking(local, log), local.in_policy(), due(log))
    assert fault == "misbehaving"
    assert "without a cosignature" in reason


async def test_lines_of_other_keys_are_passed_over(local: LocalWitness) -> None:
    log = GrowingLog(9)
    stranger = WITNESS.sign(log.head().text()).line().encode()
    local.instead = lambda body: Told(200, stranger + local.honest(body).body + stranger)
    line = await asking(local, log)(local.in_policy(), due(log))
    assert line.is_by(local.in_policy().key)


@pytest.mark.parametrize(
    ("text", "says"), [("another checkpoint", "does not hold"), ("no time", "no time")]
)
async def test_a_cosignature_of_something_else(local: LocalWitness, text: str, says: str) -> None:
    log = GrowingLog(9)
    signer = Signer("w.example", 4)
    head = log.head(8 if text == "another checkpoint" else 9).text()
    time = 0 if text == "no time" else 1
    local.instead = lambda _: Told(200, signer.sign(head, time).line().encode())
    witness = Witness("w1", signer.key, local.url)
    fault, reason = await refused(asking(local, log), witness, due(log))
    assert fault == "misbehaving"
    assert says in reason


_LOG = GrowingLog(9)
_SIGNERS = (Signer("w.example", COSIGNED_ED25519), Signer("w.example", COSIGNED_MLDSA44))
_HONEST = "".join(one.sign(_LOG.head().text()).line() for one in _SIGNERS).encode()


@st.composite
def mangled(draw: st.DrawFn) -> bytes:
    body = bytearray(_HONEST)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(body)))
        body[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=4))
    return bytes(body)


@settings(max_examples=300)
@given(st.sampled_from(_SIGNERS), st.one_of(mangled(), st.binary(max_size=300)))
def test_any_answer_is_a_cosignature_that_holds_or_a_fault(signer: Signer, body: bytes) -> None:
    witness = Witness("w", signer.key, "")
    outcome: NoteSignature | Refused
    try:
        outcome = cosignature(witness, _LOG.note(), body)
    except Refused as refused_:
        outcome = refused_
    if isinstance(outcome, Refused):
        assert outcome.fault == "misbehaving"
        assert "\n" not in str(outcome)
    else:
        assert verify_signature(witness.key, outcome, _LOG.head().text())
