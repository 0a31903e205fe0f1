"""Verifying an event says what holds, whatever somebody changed who may change everything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace as replaced
from uuid import UUID

import pytest
from msgspec.structs import replace

from application.ledger.covering import NotSigned
from application.ledger.ports import GLOBAL
from application.ledger.verifying import verify_proof
from domain.errors import NotFound
from domain.ledger.hashing import GENESIS, chain, entry
from domain.ledger.notes import SignedNote
from domain.ledger.tiles import Tile
from domain.privacy.disclosing import Kept
from tests.application.ledger.checking import verify
from tests.application.ledger.world import NOW_US, LedgerWorld
from tests.domain.ledger.drafts import draft, erasure

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("wanted", ["e1", 1, "e2", 2, "e4", 4])
async def test_what_was_stored_holds(world: LedgerWorld, wanted: str | int) -> None:
    found = await verify(world, wanted)
    assert (found.verified, found.ledger_hash_ok, found.inclusion_ok) == (True, True, True)
    assert found.stored_sha256 == found.computed_sha256
    stored = await world.event("acme", wanted)
    assert stored is not None
    assert found.event_id == stored.row.event_id
    keys = world.keys.verifier_keys(f"{world.keys.service_origin}/acme")
    held = verify_proof(found.tlog_proof or "", stored.row.state, keys)
    assert held.sequence == stored.row.sequence


@pytest.mark.parametrize(("role", "state"), [("auditor", "masked"), ("support", "matches")])
async def test_personal_values_by_caller(world: LedgerWorld, role: str, state: str) -> None:
    found = await verify(world, role=role)
    assert [(one.pointer, one.state) for one in found.disclosures] == [
        ("/payload/note", state),
        ("/metadata/ip", state),
    ]


async def test_what_is_not_there(world: LedgerWorld) -> None:
    for wanted in ("e9", 9, 0):
        with pytest.raises(NotFound):
            await verify(world, wanted)


async def test_what_is_not_signed_yet(world: LedgerWorld) -> None:
    world.add(draft("e5"))
    with pytest.raises(NotSigned):
        await verify(world, "e5")
    assert (await verify(world, "e4")).verified


def edited(world: LedgerWorld) -> None:
    state = world.rows["acme"][1].state.replace(b'"shop"', b'"Shop"')
    world.change(2, state=state)


def edited_with_its_hash(world: LedgerWorld) -> None:
    edited(world)
    world.change(2, entry=entry(world.rows["acme"][1].state))


def edited_and_chained_again(world: LedgerWorld) -> None:
    edited_with_its_hash(world)
    before = world.rows["acme"][0].ledger_hash
    for number in range(2, 5):
        before = chain(before, world.rows["acme"][number - 1].entry)
        world.change(number, ledger_hash=before)


def signed_again(world: LedgerWorld) -> None:
    """With the real key, over the changed events: this service cannot tell; see docs/threats.md."""
    edited_and_chained_again(world)
    world.signed.clear()
    world.sign()


def other_hash(world: LedgerWorld) -> None:
    world.change(2, ledger_hash=GENESIS)


def other_before(world: LedgerWorld) -> None:
    world.change(1, ledger_hash=GENESIS)


def swapped(world: LedgerWorld) -> None:
    one, other = world.rows["acme"][1], world.rows["acme"][2]
    world.change(2, state=other.state, entry=other.entry)
    world.change(3, state=one.state, entry=one.entry)


def no_event(world: LedgerWorld) -> None:
    world.change(2, state=b"not an event")


def nested_too_deeply(world: LedgerWorld) -> None:
    world.change(2, state=b'{"payload":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_001)


def renamed(world: LedgerWorld) -> None:
    world.change(3, event_id="e2")
    world.change(2, event_id="e3")


def of_another_order(world: LedgerWorld) -> None:
    world.change(2, originator_id=UUID(int=1))


def received_earlier(world: LedgerWorld) -> None:
    world.change(2, received_us=NOW_US - 1)


def signature_edited(world: LedgerWorld) -> None:
    head = world.signed["acme"][-1]
    note = SignedNote.parse(head.note)
    bad = [
        replaced(one, signature=one.signature[:-1] + bytes([one.signature[-1] ^ 1]))
        for one in note.signatures
    ]
    world.signed["acme"][-1] = replace(head, note=SignedNote(note.text, tuple(bad)).format())


def signed_by_nobody_we_know(world: LedgerWorld) -> None:
    head = world.signed["acme"][-1]
    note = SignedNote.parse(head.note)
    others = tuple(replaced(one, key_id=b"\0\0\0\0") for one in note.signatures)
    world.signed["acme"][-1] = replace(head, note=SignedNote(note.text, others).format())


def checkpoint_of_another(world: LedgerWorld) -> None:
    head = world.signed["acme"][-1]
    world.signed["acme"][-1] = replace(world.signed[GLOBAL][-1], tenant_id="acme", size=head.size)


def unreadable_checkpoint(world: LedgerWorld) -> None:
    world.signed["acme"][-1] = replace(world.signed["acme"][-1], note="nothing")


def larger_than_signed(world: LedgerWorld) -> None:
    world.add(draft("e5"))
    world.signed["acme"][-1] = replace(world.signed["acme"][-1], size=5)


CHANGES: list[tuple[Callable[[LedgerWorld], None], dict[str, bool]]] = [
    (edited, {"same": False, "chain": False, "inclusion": False}),
    (edited_with_its_hash, {"same": True, "chain": False, "inclusion": False}),
    (edited_and_chained_again, {"same": True, "chain": True, "inclusion": False}),
    (other_hash, {"same": True, "chain": False, "inclusion": True}),
    (other_before, {"same": True, "chain": False, "inclusion": True}),
    (swapped, {"same": True, "chain": False, "inclusion": False}),
    (no_event, {"same": False, "chain": False, "inclusion": False}),
    (nested_too_deeply, {"same": False, "chain": False, "inclusion": False}),
    (renamed, {"same": True, "chain": True, "inclusion": True}),
    (of_another_order, {"same": True, "chain": True, "inclusion": True}),
    (received_earlier, {"same": True, "chain": True, "inclusion": True}),
    (signature_edited, {"same": True, "chain": True, "inclusion": False}),
    (signed_by_nobody_we_know, {"same": True, "chain": True, "inclusion": False}),
    (checkpoint_of_another, {"same": True, "chain": True, "inclusion": False}),
    (unreadable_checkpoint, {"same": True, "chain": True, "inclusion": False}),
    (larger_than_signed, {"same": True, "chain": True, "inclusion": False}),
]


@pytest.mark.parametrize(("change", "holds"), CHANGES, ids=[one.__name__ for one, _ in CHANGES])
async def test_what_was_changed_does_not_verify(
    world: LedgerWorld, change: Callable[[LedgerWorld], None], holds: dict[str, bool]
) -> None:
    change(world)
    found = await verify(world)
    assert not found.verified
    assert {
        "same": found.stored_sha256 == found.computed_sha256,
        "chain": found.ledger_hash_ok,
        "inclusion": found.inclusion_ok,
    } == holds


async def test_a_ledger_signed_again_is_not_seen_here(world: LedgerWorld) -> None:
    """A checkpoint kept elsewhere, or a witness, sees it: nothing in the store can."""
    before = world.signed["acme"][-1].note
    signed_again(world)
    assert (await verify(world)).verified
    assert world.signed["acme"][-1].note.split("\n")[2] != before.split("\n")[2]


async def test_where_hashes_are_gone_nothing_is_included(world: LedgerWorld) -> None:
    world.lost.add(Tile(0, 0, 4))
    found = await verify(world)
    assert (found.verified, found.inclusion_ok, found.tlog_proof) == (False, False, None)
    assert found.ledger_hash_ok


async def test_erased_is_no_failure_and_missing_is(world: LedgerWorld) -> None:
    names = world.kept_of["acme", 2].names
    world.kept_of["acme", 2] = Kept({d: name for d, name in names.items() if name != "note"})
    missing = await verify(world, role="support")
    assert [one.state for one in missing.disclosures] == ["missing", "matches"]
    assert not missing.verified
    world.add(erasure(2, "/payload/note"))
    erased = await verify(world, role="support")
    assert [one.state for one in erased.disclosures] == ["erased", "matches"]
    assert erased.verified
    world.kept_of["acme", 2] = Kept({})
    both = await verify(world)
    assert [one.state for one in both.disclosures] == ["erased", "missing"]
    assert not both.verified


async def test_a_value_that_was_swapped_differs(world: LedgerWorld) -> None:
    names = world.kept_of["acme", 2].names
    other = dict.fromkeys(["x" * 43], "note")
    kept = {digest: name for digest, name in names.items() if name != "note"}
    world.kept_of["acme", 2] = Kept(kept | other)
    world.add(erasure(2, "/payload/note"))
    found = await verify(world)
    assert [one.state for one in found.disclosures] == ["differs", "masked"]
    assert not found.verified
