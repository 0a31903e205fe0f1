"""The secret of the index: made once, in a file of its owner's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from domain.errors import KeyUnavailable
from domain.search.hashing import KEY_BYTES
from infrastructure.search.secret import search_key


def test_it_is_made_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(search_key, [tmp_path] * 8))
    assert keys == {search_key(tmp_path)}
    assert {len(key) for key in keys} == {KEY_BYTES}


def test_it_is_its_owners_alone(tmp_path: Path) -> None:
    search_key(tmp_path)
    assert (tmp_path / "search.key").stat().st_mode & 0o777 == 0o600


def test_another_installation_has_another(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert search_key(tmp_path / "a") != search_key(tmp_path / "b")


def test_a_damaged_one_is_not_replaced(tmp_path: Path) -> None:
    search_key(tmp_path)
    (tmp_path / "search.key").write_bytes(bytes(64))
    with pytest.raises(KeyUnavailable, match="damaged"):
        search_key(tmp_path)
    assert (tmp_path / "search.key").read_bytes() == bytes(64)
