"""A certificate is read as it was written, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ledger.certificates import HEAD, Certificate, Destroyed
from domain.ledger.checkpoints import Checkpoint
from domain.ledger.faults import Malformed

ONE = Certificate(
    origin="order-history.internal/ab/acme",
    tenant_id="acme",
    sequence=12,
    closed_at="2026-11-30T10:00:00.000001Z",
    by="ops of the night",
    size=12,
    root=bytes(range(32)),
    manifest="ab" * 32,
    destroyed=(Destroyed("personal values", 7, 0), Destroyed("keys", 0, 0)),
    checked_at="2026-11-30T10:01:00Z",
)


def test_it_is_read_as_it_was_written() -> None:
    assert Certificate.parse(ONE.text()) == ONE
    assert ONE.text().splitlines()[0] == HEAD


def test_it_never_reads_as_a_checkpoint() -> None:
    with pytest.raises(Malformed):
        Checkpoint.parse(ONE.text(), extensions=True)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (HEAD, "order-history/certificate-of-destruction/v2"),
        ("origin ", "orgin "),
        ("tenant acme\n", "tenant \n"),
        ("closed 12 ", "closed twelve "),
        ("closed 12 2026", "closed 12 yesterday"),
        ("checkpoint 12 ", "checkpoint 012 "),
        ("AAECAw", "AAEC"),
        ("manifest ab", "manifest AB"),
        ("destroyed 7 0 ", "destroyed 7 -1 "),
        ("destroyed 7 0 personal values\ndestroyed 0 0 keys\n", ""),
        ("checked 2026-11-30T10:01:00Z\n", "checked 2026-11-30T10:01:00Z"),
        ("checked 2026-11-30T10:01:00Z\n", "checked 2026-11-30T10:01:00Z\nmore\n"),
    ],
)
def test_what_is_none_is_not_read(old: str, new: str) -> None:
    assert old in ONE.text()
    with pytest.raises(Malformed):
        Certificate.parse(ONE.text().replace(old, new, 1))


@given(st.text(alphabet="acdeghiknortvy 0127/\n.-:TZ=", max_size=200))
def test_whatever_is_read_is_written_again_as_it_was(text: str) -> None:
    try:
        read = Certificate.parse(f"{HEAD}\n{text}")
    except Malformed:
        return
    assert read.text() == f"{HEAD}\n{text}"
