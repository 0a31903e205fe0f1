"""Data keys: made, wrapped, unwrapped, and of no use in another's place."""

from __future__ import annotations

import shutil
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec.structs import replace

from domain.errors import KeyUnavailable
from infrastructure.key_store.files import FileKeyStore
from infrastructure.privacy import keyring as module
from infrastructure.privacy.keyring import BUCKETS, Keyring, KeyRow, bucket_of, seal, unseal

OWNER = ("acme", "order", "o1")
PLACE = b"acme/1"


@pytest.fixture
def row(key_store: FileKeyStore) -> KeyRow:
    return Keyring(key_store).create(OWNER)[0]


def test_sealed_values_open_in_their_place() -> None:
    cipher = AESGCM(bytes(32))
    assert unseal(cipher, seal(cipher, b"Ada", PLACE), PLACE) == b"Ada"


def test_no_two_sealed_values_are_alike() -> None:
    cipher = AESGCM(bytes(32))
    assert len({seal(cipher, b"Ada", PLACE) for _ in range(50)}) == 50


@pytest.mark.parametrize("sealed_as", ["acme/2", "zeta/1", ""])
def test_a_sealed_value_does_not_open_elsewhere(sealed_as: str) -> None:
    cipher = AESGCM(bytes(32))
    with pytest.raises(KeyUnavailable):
        unseal(cipher, seal(cipher, b"Ada", PLACE), sealed_as.encode())


@pytest.mark.parametrize("at", [0, 12, -1])
def test_a_changed_byte_does_not_open(at: int) -> None:
    cipher = AESGCM(bytes(32))
    sealed = bytearray(seal(cipher, b"Ada", PLACE))
    sealed[at] ^= 1
    with pytest.raises(KeyUnavailable):
        unseal(cipher, bytes(sealed), PLACE)


@pytest.mark.parametrize("length", [0, 5, 12, 20])
def test_a_truncated_value_does_not_open(length: int) -> None:
    cipher = AESGCM(bytes(32))
    with pytest.raises(KeyUnavailable):
        unseal(cipher, seal(cipher, b"Ada", PLACE)[:length], PLACE)


def test_another_process_unwraps_what_this_one_made(
    key_store: FileKeyStore, tmp_path: Path
) -> None:
    row, cipher = Keyring(key_store).create(OWNER)
    other = Keyring(FileKeyStore(tmp_path / "keys"))
    assert unseal(other.cipher(row), seal(cipher, b"Ada", PLACE), PLACE) == b"Ada"


def test_every_owner_has_a_key_of_its_own(key_store: FileKeyStore) -> None:
    keyring = Keyring(key_store)
    (one, cipher), (two, other) = keyring.create(OWNER), keyring.create(("acme", "order", "o2"))
    assert one.key_id != two.key_id
    with pytest.raises(KeyUnavailable):
        unseal(other, seal(cipher, b"Ada", PLACE), PLACE)


def test_the_wrapped_key_is_not_the_key(row: KeyRow) -> None:
    assert row.wrapped is not None
    assert len(row.wrapped) == 12 + 32 + 16
    assert row.bucket == bucket_of("o1")
    assert 0 <= row.bucket < BUCKETS


def test_subjects_spread_over_the_buckets() -> None:
    assert len({bucket_of(f"order-{n}") for n in range(20_000)}) == BUCKETS


def test_wrapped_keys_cannot_change_places(key_store: FileKeyStore, row: KeyRow) -> None:
    other = Keyring(key_store).create(OWNER)[0]
    with pytest.raises(KeyUnavailable):
        Keyring(key_store).cipher(replace(row, wrapped=other.wrapped))


def test_an_erased_key(key_store: FileKeyStore, row: KeyRow) -> None:
    with pytest.raises(KeyUnavailable, match="erased"):
        Keyring(key_store).cipher(replace(row, wrapped=None))


def test_a_key_store_that_lost_everything(
    key_store: FileKeyStore, row: KeyRow, tmp_path: Path
) -> None:
    shutil.rmtree(tmp_path / "keys")
    with pytest.raises(KeyUnavailable, match="key store"):
        Keyring(FileKeyStore(tmp_path / "keys")).cipher(row)


def test_an_unknown_bucket_key(key_store: FileKeyStore, row: KeyRow) -> None:
    with pytest.raises(KeyUnavailable):
        Keyring(key_store).cipher(replace(row, bucket_key_id=uuid4()))


def test_forgetting(key_store: FileKeyStore, tmp_path: Path) -> None:
    keyring = Keyring(key_store)
    row, _ = keyring.create(OWNER)
    keyring.cipher(row)
    keyring.forget()
    shutil.rmtree(tmp_path / "keys" / "tenants")
    with pytest.raises(KeyUnavailable):
        keyring.cipher(row)


def test_only_the_newest_keys_are_remembered(
    key_store: FileKeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CACHED_KEYS", 2)
    keyring = Keyring(key_store)
    rows = [keyring.create(("acme", "order", f"o{n}"))[0] for n in range(5)]
    assert list(keyring._ciphers) == [row.key_id for row in rows[3:]]
    assert all(keyring.cipher(row) for row in rows)


def test_an_unwrapped_key_is_remembered_for_a_minute(key_store: FileKeyStore) -> None:
    """So that after an erasure no process has it longer."""
    now = 0.0
    keyring = Keyring(key_store, lambda: now)
    row, made = keyring.create(OWNER)
    key_store.rotate_bucket("acme", row.bucket)
    key_store.destroy_bucket_key("acme", row.bucket, row.bucket_key_id)
    now = 59.9
    assert keyring.cipher(row) is made
    now = 60.0
    with pytest.raises(KeyUnavailable):
        keyring.cipher(row)
