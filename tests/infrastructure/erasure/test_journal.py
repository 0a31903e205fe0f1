"""What was erased, kept apart from the database."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest

from application.erasure.ports import Entry, LinesGone
from domain.erasure.facts import Ground
from domain.privacy.disclosing import ERASED, REDACTED
from infrastructure.erasure.journal import DIRECTORY, FileJournal

pytestmark = pytest.mark.anyio

GROUND = Ground(ERASED, "job")
REDACTED_BY = Ground(REDACTED, "job", "policy")
ORDER = Entry("one", GROUND, ("order", "ord_1"), whole=True, digests={1: ["aa"], 2: ["bb"]})
ACTOR = Entry("two", REDACTED_BY, ("actor", "agent_1"), whole=False, digests={2: ["cc"]})


def test_nothing_was_erased_yet(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path)
    assert journal.tenants() == []
    assert journal.entries("acme") == []
    assert journal.lines("acme") == []


async def test_lines_are_kept_beside(tmp_path: Path) -> None:
    journal, gone = FileJournal(tmp_path), LinesGone("lines", {"job": [1, 7]})
    await journal.begin("acme", [ORDER])
    await journal.begin_lines("acme", gone)
    await journal.begin_lines("acme", LinesGone("more", {"job": [8]}))
    await journal.done("acme", ["lines"])
    again = FileJournal(tmp_path)
    assert again.lines("acme") == [(gone, True), (LinesGone("more", {"job": [8]}), False)]
    assert again.entries("acme") == [(ORDER, False)]


async def test_what_was_committed_is_told_from_what_was_only_begun(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path)
    await journal.begin("acme", [ORDER])
    await journal.begin("acme", [ACTOR])
    await journal.done("acme", [ACTOR.entry_id])
    await journal.done("acme", [ACTOR.entry_id])
    await journal.begin("other", [ORDER])
    again = FileJournal(tmp_path)
    assert again.tenants() == ["acme", "other"]
    assert again.entries("acme") == [(ORDER, False), (ACTOR, True)]
    assert again.entries("other") == [(ORDER, False)]


async def test_a_line_that_a_killed_writer_left_is_not_read_and_not_written_after(
    tmp_path: Path,
) -> None:
    journal = FileJournal(tmp_path)
    await journal.begin("acme", [ORDER])
    path = tmp_path / DIRECTORY / "acme.journal"
    whole = path.read_bytes()
    for length in range(1, len(whole)):
        path.write_bytes(whole + whole[:length])
        assert journal.entries("acme") == [(ORDER, False)]
        await journal.done("acme", [ORDER.entry_id])
        assert journal.entries("acme") == [(ORDER, True)]
    path.write_bytes(whole[:7])
    await journal.begin("acme", [ACTOR])
    assert journal.entries("acme") == [(ACTOR, False)]


async def test_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    async def write(number: int) -> None:
        entry = Entry(str(number), GROUND, ("order", "ord_1"), whole=True, digests={})
        await FileJournal(tmp_path).begin("acme", [entry])
        await FileJournal(tmp_path).done("acme", [entry.entry_id])

    await asyncio.gather(*map(write, range(64)))
    found = FileJournal(tmp_path).entries("acme")
    assert {(entry.entry_id, done) for entry, done in found} == {(str(n), True) for n in range(64)}


async def test_it_is_for_its_owner_alone(tmp_path: Path) -> None:
    await FileJournal(tmp_path).begin("acme", [ORDER])
    directory = tmp_path / DIRECTORY
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE((directory / "acme.journal").stat().st_mode) == 0o600
