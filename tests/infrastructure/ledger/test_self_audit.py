"""The self-audit beside a superuser who changes what is stored: each change is found and named."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg import errors

from domain.ledger.checkpoints import Checkpoint
from domain.ledger.notes import SignedNote
from domain.ledger.recompute import Difference
from infrastructure.event_store.auditing import LedgerAudit
from infrastructure.ledger import self_audit
from tests.infrastructure.ledger.auditing import (
    EDITED,
    EVENTS,
    alarms,
    audit,
    reached,
    running,
    whole_passes,
)
from tests.infrastructure.ledger.cell import Cell, until

pytestmark = pytest.mark.anyio


def recorded(cell: Cell, tenant: str) -> int:
    event = "oh_evt_history.ledger.alarm/audit/%"
    statement = "select count(*) from events where tenant_id = %s and event_id like %s"
    ((count,),) = cell.rows(statement, tenant, event)
    return int(count)


async def test_an_edited_event_is_told_of_until_it_is_repaired(acme: Cell) -> None:
    edit = f"{EDITED} where tenant_id = 'acme' and sequence = 280"
    acme.tamper("events", edit)
    async with running(audit(acme)):
        await until(lambda: "acme" in alarms(acme))
        await whole_passes(acme)
        told = (280, "the stored bytes do not have the stored hash")
        assert alarms(acme) == {"acme": told}
        assert recorded(acme, "acme") == 1
        await until(lambda: (reached(acme), reached(acme, "other")) == (279, 2))
        acme.tamper("events", edit)  # the byte is as it was
        await until(lambda: not alarms(acme))
        await whole_passes(acme)
        assert alarms(acme) == {}
    assert recorded(acme, "acme") == 1


async def test_what_the_alarm_on_the_ledger_says(acme: Cell) -> None:
    acme.tamper(
        "events", "update events set topic = 'x' where tenant_id = 'other' and sequence = 2"
    )
    async with running(audit(acme)):
        await until(lambda: recorded(acme, "other") == 1)
    ((state,),) = acme.rows(
        "select convert_from(state, 'utf8')::jsonb -> 'payload' from events"
        " where tenant_id = 'other' order by sequence desc limit 1"
    )
    what = "the column topic is not what the stored bytes say"
    assert state == {"kind": "audit", "sequence": 2, "detail": what}


NOTES = {
    "its root": "translate(note, 'abcdefghij', 'bcdefghija')",
    "its signature": "regexp_replace(note, '(— \\S+ \\S{10}).', '\\1' ||"
    " case when note ~ '— \\S+ \\S{10}A' then 'B' else 'A' end)",
    "no note": "'nothing'",
    "another log's": "(select n.note from ledger_checkpoints n where n.tenant_id = 'other')",
    "an earlier one": "(select n.note from ledger_checkpoints n"
    " where n.tenant_id = 'acme' and n.size = 1)",
}
UNSIGNED = f"the checkpoint stored at size {EVENTS} is not one that its log signed"


@pytest.mark.parametrize("what", NOTES)
async def test_an_edited_note(acme: Cell, what: str) -> None:
    acme.tamper(
        "ledger_checkpoints",
        f"update ledger_checkpoints set note = {NOTES[what]}"
        f" where tenant_id = 'acme' and size = {EVENTS}",
    )
    async with running(audit(acme)):
        await until(lambda: bool(alarms(acme)))
    assert alarms(acme) == {"acme": (2, UNSIGNED)}


async def test_a_note_that_the_real_key_signed_over_another_tree(acme: Cell) -> None:
    origin = f"{acme.keys.service_origin}/acme"
    forged = Checkpoint(origin, EVENTS, bytes(32))
    note = SignedNote(forged.text(), acme.keys.sign(forged, 1)).format()
    acme.tamper(
        "ledger_checkpoints",
        "update ledger_checkpoints set note = %s where tenant_id = 'acme' and size = 300", note,
    )  # fmt: skip
    published = f"the checkpoint published at size {EVENTS} is not the one that is stored"
    tree = f"the tree at size {EVENTS} is not the one of the checkpoint signed then"
    async with running(audit(acme)):
        await until(lambda: bool(alarms(acme)))
        assert alarms(acme) == {"acme": (2, published)}
        object_of(acme).unlink()
        acme.rows("delete from ledger_alarms")
        await until(lambda: bool(alarms(acme)))
    assert alarms(acme) == {"acme": (2, tree)}


def object_of(cell: Cell, size: int = EVENTS) -> Any:
    return cell.directory / "published" / "acme" / "1" / "checkpoint" / str(size)


async def test_an_edited_published_file(acme: Cell) -> None:
    path = object_of(acme)
    there = path.read_bytes()
    path.unlink()
    path.write_bytes(there[:-2] + b"\n")
    async with running(audit(acme)):
        await until(lambda: bool(alarms(acme)))
        what = f"the checkpoint published at size {EVENTS} is not the one that is stored"
        assert alarms(acme) == {"acme": (2, what)}
        path.write_bytes(there)
        await until(lambda: not alarms(acme))


async def test_what_is_not_published_yet_is_no_difference(acme: Cell) -> None:
    object_of(acme).unlink()
    async with running(audit(acme)):
        await whole_passes(acme)
    assert alarms(acme) == {}


async def test_an_edited_tile(acme: Cell) -> None:
    edit = "update ledger_tiles set hashes = set_byte(hashes, 77, 255 - get_byte(hashes, 77))"
    acme.rows(edit)
    async with running(audit(acme)):
        await until(lambda: bool(alarms(acme)))
        assert alarms(acme) == {"acme": (1, "tile 0/0 is not what its events give")}
        acme.rows(edit)  # the byte is as it was
        await until(lambda: not alarms(acme))


async def test_a_ledger_of_which_nothing_is_left(acme: Cell) -> None:
    acme.tamper("events", "delete from events where tenant_id = 'other'")
    async with running(audit(acme)):
        await until(lambda: "other" in alarms(acme))
    what = "the checkpoint signed at size 2 has more events than are there"
    assert alarms(acme) == {"other": (1, what)}


class Damaged(LedgerAudit):
    """What a damaged page of the tenant `acme` is to its reader."""

    def go_on(self, events: int = 0) -> list[Difference]:
        if self.walk.tenant_id == "acme":
            raise errors.DataCorrupted("invalid page in block 7 of jane.doe@example.com")
        return super().go_on(events)


async def test_what_cannot_be_read_is_an_alarm_and_holds_up_nobody(
    acme: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(self_audit, "LedgerAudit", Damaged)
    async with running(audit(acme)):
        await until(lambda: reached(acme, "other") == 2)
        await whole_passes(acme)
        what = "what is stored from here on cannot be read (DataCorrupted)"
        assert alarms(acme) == {"acme": (1, what)}
        monkeypatch.undo()
        await until(lambda: not alarms(acme))
