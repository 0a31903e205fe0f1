"""What a request for maintenance may say."""

from __future__ import annotations

import msgspec
import pytest

from application.maintenance.requests import COMPACT, REINDEX, REPAIR, read_request
from domain.errors import Invalid, Unreadable


@pytest.mark.parametrize("kind", [COMPACT, REINDEX, REPAIR])
@pytest.mark.parametrize("raw", [b"", b"{}"])
def test_nothing_has_to_be_said(kind: str, raw: bytes) -> None:
    assert read_request(kind, raw) == {}


def test_what_was_said_is_kept() -> None:
    asked = {"from_sequence": 5, "to_sequence": 5, "dry_run": False}
    assert read_request(REPAIR, msgspec.json.encode(asked)) == asked
    assert read_request(REINDEX, b'{"to_sequence": 9, "from_sequence": null}') == {"to_sequence": 9}


@pytest.mark.parametrize(
    ("kind", "raw", "pointers"),
    [
        (REPAIR, b"[]", [""]),
        (COMPACT, b'{"from_sequence": 1}', ["/from_sequence"]),
        (REINDEX, b'{"dry_run": true}', ["/dry_run"]),
        (REINDEX, b'{"to_sequence": 0}', ["/to_sequence"]),
        (
            REINDEX,
            b'{"from_sequence": "1", "to_sequence": true}',
            ["/from_sequence", "/to_sequence"],
        ),
        (REPAIR, b'{"from_sequence": 7, "to_sequence": 6}', ["/to_sequence"]),
        (REPAIR, b'{"dry_run": 1}', ["/dry_run"]),
    ],
)
def test_everything_wrong_is_told(kind: str, raw: bytes, pointers: list[str]) -> None:
    with pytest.raises(Invalid) as caught:
        read_request(kind, raw)
    assert [error.pointer for error in caught.value.errors] == pointers


def test_what_is_no_json_cannot_be_read() -> None:
    with pytest.raises(Unreadable):
        read_request(REPAIR, b"{")
