from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from domain.errors import KeyUnavailable
from domain.ledger.faults import Malformed
from infrastructure.key_store import durable
from infrastructure.ledger import witness_keys

NAME = "witness.example/w1"


def test_they_are_made_once_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    assert witness_keys.load(path) is None
    made = witness_keys.make(path, NAME)
    again = witness_keys.load(path)
    assert again is not None
    assert (again.name, again.verifier_keys) == (NAME, made.verifier_keys)
    assert [key.algorithm for key in made.verifier_keys] == [4, 6]
    assert witness_keys.make(path, "another").name == NAME


def test_nobody_else_may_look(tmp_path: Path) -> None:
    witness_keys.make(tmp_path / "keys", NAME)
    assert {stat.S_IMODE(one.stat().st_mode) for one in tmp_path.iterdir()} == {0o600}


def test_two_that_begin_at_once_have_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: witness_keys.make(tmp_path / "keys", NAME), range(8)))
    assert len({one.verifier_keys for one in made}) == 1


def test_no_two_witnesses_share_a_key(tmp_path: Path) -> None:
    first = witness_keys.make(tmp_path / "first", NAME)
    second = witness_keys.make(tmp_path / "second", NAME)
    publics = {key.public for key in (*first.verifier_keys, *second.verifier_keys)}
    assert len(publics) == 4


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb"])
def test_a_name_that_no_key_may_have(tmp_path: Path, name: str) -> None:
    with pytest.raises(Malformed):
        witness_keys.make(tmp_path / "keys", name)
    assert list(tmp_path.iterdir()) == []


def test_without_mldsa_there_is_ed25519(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_both = tmp_path / "both"
    witness_keys.make(with_both, NAME)
    monkeypatch.setattr(witness_keys, "MLDSA44PrivateKey", None)
    keys = witness_keys.make(tmp_path / "keys", NAME)
    assert [key.algorithm for key in keys.verifier_keys] == [4]
    with pytest.raises(KeyUnavailable, match="does not offer"):
        witness_keys.load(with_both)


def test_damage_is_told_without_the_content(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    durable.write(path, json.dumps({"name": NAME, "ed25519": "c2VjcmV0!"}).encode())
    with pytest.raises(KeyUnavailable) as told:
        witness_keys.load(path)
    assert "c2VjcmV0" not in str(told.value)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(KeyUnavailable):
        witness_keys.load(path)
