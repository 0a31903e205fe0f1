"""What every KeyStore keeps to (application/ports.py). A new adapter joins the fixture's list."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from application.ports import KeyMissing, KeyStore
from infrastructure.key_store.files import FileKeyStore

Reopen = Callable[[], KeyStore]


@pytest.fixture(params=[FileKeyStore])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Reopen:
    """Opens the same store, as another process would."""
    return lambda: request.param(tmp_path / "keys")


@pytest.fixture
def store(reopen: Reopen) -> KeyStore:
    return reopen()


def test_a_bucket_key_is_made_once_and_found_by_its_id(store: KeyStore) -> None:
    key_id, key = store.bucket("acme", 7)
    assert len(key) == 32
    assert store.bucket("acme", 7) == (key_id, key)
    assert store.bucket_key("acme", 7, key_id) == key


def test_no_two_buckets_share_a_key(store: KeyStore) -> None:
    made = [store.bucket(tenant, bucket) for tenant in ("a", "b") for bucket in range(1024)]
    assert len({key_id for key_id, _ in made}) == len({key for _, key in made}) == 2048


def test_keys_outlive_the_process(store: KeyStore, reopen: Reopen) -> None:
    key_id, key = store.bucket("acme", 1023)
    job = store.job_key("job-1", "spool")
    assert reopen().bucket("acme", 1023) == (key_id, key)
    assert reopen().bucket_key("acme", 1023, key_id) == key
    assert reopen().job_key("job-1", "spool") == job


def test_two_openers_agree_whoever_comes_first(store: KeyStore, reopen: Reopen) -> None:
    other = reopen()
    assert store.bucket("acme", 0) == other.bucket("acme", 0)
    assert other.job_key("j", "lines") == store.job_key("j", "lines")


def test_a_key_that_is_not_there_is_missing(store: KeyStore) -> None:
    key_id, _ = store.bucket("acme", 1)
    for tenant, bucket, wanted in (
        ("acme", 1, uuid4()),
        ("acme", 2, key_id),
        ("other", 1, key_id),
    ):
        with pytest.raises(KeyMissing):
            store.bucket_key(tenant, bucket, wanted)


def test_job_keys_are_apart_by_job_and_purpose(store: KeyStore) -> None:
    made = {store.job_key(job, purpose) for job in ("1", "2") for purpose in ("spool", "lines")}
    assert len(made) == 4
    assert all(len(key) == 32 for key in made)


def test_a_destroyed_job_key_is_gone_for_everyone(store: KeyStore, reopen: Reopen) -> None:
    other = reopen()
    key = store.job_key("job-1", "spool")
    lines = store.job_key("job-1", "lines")
    assert other.job_key("job-1", "spool") == key
    store.destroy_job_key("job-1", "spool")
    store.destroy_job_key("job-1", "spool")
    assert other.job_key("job-1", "spool") != key
    assert other.job_key("job-1", "lines") == lines


def test_a_tenant_has_a_key_for_each_purpose(store: KeyStore, reopen: Reopen) -> None:
    purposes = ("pseudonyms", "mappings")
    made = {store.tenant_key(tenant, one) for tenant in ("acme", "a.b") for one in purposes}
    assert len(made) == 4
    assert all(len(key) == 32 for key in made)
    key = store.tenant_key("acme", "mappings")
    assert reopen().tenant_key("acme", "mappings") == key
    other = reopen()
    store.destroy_tenant_key("acme", "mappings")
    store.destroy_tenant_key("acme", "mappings")
    assert other.tenant_key("acme", "mappings") != key
    assert store.tenant_key("acme", "pseudonyms") in made


def test_ids_from_outside_are_no_paths(store: KeyStore, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="tenant"):
        store.bucket("../../escape", 0)
    with pytest.raises(ValueError, match="tenant"):
        store.tenant_key("../../escape", "pseudonyms")
    with pytest.raises(ValueError, match="purpose"):
        store.tenant_key("acme", "../escape")
    hostile = store.job_key("../../../escape/" + "x" * 300, "spool")
    assert store.job_key("../../../escape/" + "x" * 300, "spool") == hostile
    assert [one.name for one in tmp_path.iterdir()] == ["keys"]


@pytest.mark.parametrize("bucket", [-1, 1024])
def test_a_bucket_out_of_range_is_refused(store: KeyStore, bucket: int) -> None:
    with pytest.raises(ValueError, match="0 to 1023"):
        store.bucket("acme", bucket)
