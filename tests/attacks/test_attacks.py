"""The attacks of docs/threats.md, each with what finds it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from application.ledger.verifying import verify_consistency, verify_proof
from domain.ledger.checkpoints import Checkpoint
from domain.ledger.faults import DoesNotHold
from domain.ledger.witnessing import INCONSISTENT, Known, Submission, decide, format_submission
from infrastructure.ledger.signed_store import published_key
from interfaces.cli.main import main
from interfaces.composition.maintenance import examine
from interfaces.composition.proving import published
from tests.attacks.victim import Victim
from tests.interfaces.http.journeys.house import BASE
from tests.interfaces.http.journeys.proving import keys_of, signed, superuser

pytestmark = pytest.mark.anyio
SEQUENCE = 123


def head_of(note: str) -> Checkpoint:
    return Checkpoint.parse(note.partition("\n\n")[0] + "\n")


async def test_nothing_was_attacked(victim: Victim) -> None:
    """What the others find is not there before."""
    assert victim.audited() == []
    assert (await victim.verified(SEQUENCE))["verified"]


async def test_one_event_edited(victim: Victim) -> None:
    victim.edit(SEQUENCE)
    (found,) = victim.audited()
    assert found.sequence == SEQUENCE
    assert found.what == "the stored bytes do not have the stored hash"
    assert not (await victim.verified(SEQUENCE))["verified"]


async def test_edited_and_re_chained(victim: Victim) -> None:
    victim.edit(SEQUENCE)
    victim.rechain()
    victim.retile()
    found = victim.audited()
    assert found
    assert "checkpoint" in found[0].what
    one = await victim.verified(SEQUENCE)
    assert (one["ledger_hash_ok"], one["inclusion_ok"], one["verified"]) == (True, False, False)


async def test_deleted_and_renumbered(victim: Victim) -> None:
    victim.remove(SEQUENCE)
    victim.rechain()
    victim.retile()
    assert any("checkpoint" in one.what for one in victim.audited())


async def test_a_read_model_edited(victim: Victim) -> None:
    with superuser(victim.house) as connection:
        connection.execute(
            "update orders set status = 'cancelled' where tenant_id = %s and order_id = 'ord_7'",
            (victim.tenant,),
        )
    findings = await asyncio.to_thread(examine, victim.house.settings, lambda _done, _all: None)
    assert any("orders" in one.detail for one in findings if not one.ok)
    assert (await victim.verified(8))["verified"], "what is proved never comes from a read model"


async def test_re_signed_with_the_real_key(victim: Victim) -> None:
    """The database agrees with itself; a saved checkpoint, a witness and the published one not."""
    saved = victim.saved
    victim.edit(SEQUENCE)
    victim.rechain()
    victim.retile()
    forged = victim.resign()
    old, new = head_of(saved), head_of(forged)
    assert (old.size, old.root) != (new.size, new.root)
    keys = keys_of(victim.house, victim.tenant)
    with pytest.raises(DoesNotHold):
        verify_consistency(saved, forged, keys, [])
    body = format_submission(old.size, victim.consistency(old.size, new.size), forged)
    assert decide(Known(old.size, old.root), Submission.parse(body)).status == INCONSISTENT
    key = published_key(victim.tenant, 1, new.size)
    kept = await published(victim.house.settings).get(key)
    assert kept == saved.encode()
    assert kept != forged.encode()


async def test_a_split_view(victim: Victim) -> None:
    """Two readers are shown two trees of one log; they compare, or ask one witness."""
    shown_to_one = victim.saved
    victim.edit(SEQUENCE)
    victim.rechain()
    size = head_of(shown_to_one).size
    shown_to_other = victim.forged_note(size - 1)
    proof = victim.consistency(size - 1, size)
    keys = keys_of(victim.house, victim.tenant)
    with pytest.raises(DoesNotHold):
        verify_consistency(shown_to_other, shown_to_one, keys, proof)
    other = head_of(shown_to_other)
    body = format_submission(size - 1, proof, shown_to_one)
    assert decide(Known(other.size, other.root), Submission.parse(body)).status == INCONSISTENT


async def test_a_receipt_outlives_the_attack(victim: Victim) -> None:
    name = f"oh_evt_{SEQUENCE:012d}"
    client = victim.shop.as_role("auditor")
    receipt = (await client.get(f"{BASE}/events/{name}/receipt")).text
    raw = (await client.get(f"{BASE}/events/{name}/bytes")).content
    keys = keys_of(victim.house, victim.tenant)
    victim.edit(SEQUENCE)
    victim.rechain()
    changed = (await client.get(f"{BASE}/events/{name}/bytes")).content
    assert changed != raw
    assert verify_proof(receipt, raw, keys).sequence == SEQUENCE
    with pytest.raises(DoesNotHold):
        verify_proof(receipt, changed, keys)


async def test_a_key_that_lies_beside_the_data(
    victim: Victim, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"oh_evt_{SEQUENCE:012d}"
    client = victim.shop.as_role("auditor")
    (tmp_path / "event.json").write_bytes((await client.get(f"{BASE}/events/{name}/bytes")).content)
    (tmp_path / "it.tlog-proof").write_bytes(
        (await client.get(f"{BASE}/events/{name}/receipt")).content
    )
    key = str(keys_of(victim.house, victim.tenant)[0])
    (tmp_path / "key.txt").write_text(f"{key}\n")
    command = ["verify", "proof", str(tmp_path / "it.tlog-proof")]
    command += ["--event", str(tmp_path / "event.json"), "--key"]
    with pytest.raises(SystemExit) as left:
        main([*command, str(tmp_path / "key.txt")])
    assert left.value.code == 2
    assert "key.txt" in capsys.readouterr().err
    with pytest.raises(SystemExit) as left:
        main([*command, key])
    assert left.value.code == 0


async def test_events_recorded_after_the_attack_do_not_hide_it(victim: Victim) -> None:
    victim.edit(SEQUENCE)
    victim.rechain()
    victim.retile()
    await victim.shop.record("ord_new")
    await signed(victim.shop)
    assert any("checkpoint" in one.what for one in victim.audited())
