"""Lines of bulk jobs that mention a person go, and no key is left that opens a copy of their rows;
the other lines of the job stay."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from application.erasure.lines import EraseLines
from application.intake.chunks import JobCipher
from application.intake.scrubbing import Line
from infrastructure.erasure.erasures import StoredErasures
from infrastructure.erasure.journal import FileJournal
from infrastructure.erasure.lines import StoredLines
from infrastructure.key_store.files import FileKeyStore
from infrastructure.postgres.connect import Pool

pytestmark = pytest.mark.anyio

TENANT = "acme"
ANN, BEN = b'{"mail": "ann@example.org"}', b'{"mail": "ben@example.org"}'
NEEDLES = ["ann@example.org"]


class Kept:
    """A job with lines, 1 being the first."""

    def __init__(self, url: str, key_store: FileKeyStore, *texts: bytes, status: str) -> None:
        self._url, self._key_store = url, key_store
        self.job_id = uuid4().hex
        self._cipher = JobCipher(key_store)
        with self._connected() as connection:
            connection.execute(
                "insert into jobs (tenant_id, job_id, kind, status, submitted_by, submitted_us)"
                " values (%s, %s, 'bulk', %s, 'a producer', 1)", (TENANT, self.job_id, status),
            )  # fmt: skip
            for number, text in enumerate(texts, 1):
                sealed = self._cipher.seal_line(TENANT, self.job_id, Line(number, text))
                self._insert(connection, number, sealed)
        self.copies = self.rows()
        self.keys = {path: path.read_bytes() for path in self._files()}

    def _connected(self) -> psycopg.Connection[Any]:
        options = "-c search_path=cell_0"
        return psycopg.connect(self._url, autocommit=True, options=options)

    def _insert(self, connection: psycopg.Connection[Any], number: int, sealed: bytes) -> None:
        connection.execute(
            "insert into job_lines values (%s, %s, %s, 'rejected', '[]', %s, 1)",
            (TENANT, self.job_id, number, sealed),
        )

    def rows(self) -> dict[int, bytes]:
        with self._connected() as connection:
            return dict(
                connection.execute(
                    "select line, sealed from job_lines where job_id = %s", (self.job_id,)
                ).fetchall()
            )

    def texts(self) -> dict[int, bytes]:
        return {
            number: self._cipher.open_line(TENANT, self.job_id, number, sealed)
            for number, sealed in self.rows().items()
        }

    def empty(self, number: int) -> None:
        with self._connected() as connection:
            connection.execute(
                "update job_lines set sealed = '' where job_id = %s and line = %s",
                (self.job_id, number),
            )

    def restored(self, status: str = "succeeded") -> None:
        """The rows and the keys are those of a backup from when it was made."""
        with self._connected() as connection:
            connection.execute("delete from erasures where tenant_id = %s", (TENANT,))
            connection.execute(
                "update jobs set status = %s where job_id = %s", (status, self.job_id)
            )
            connection.execute("delete from job_lines where job_id = %s", (self.job_id,))
            for number, sealed in self.copies.items():
                self._insert(connection, number, sealed)
        for path in self._files():
            path.unlink()
        for path, content in self.keys.items():
            path.write_bytes(content)
            path.chmod(0o600)

    def over(self) -> None:
        with self._connected() as connection:
            connection.execute(
                "update jobs set status = 'succeeded' where job_id = %s", (self.job_id,)
            )

    def opens_a_copy(self) -> bool:
        """Whether any key of the key store opens what a copy of the first row has."""
        keys = [path.read_bytes()[:32] for path in self._files()]
        keys += [self._key_store.job_key(self.job_id, name) for name in ("lines", "linesagain")]
        sealed, place = self.copies[1], f"{TENANT}/{self.job_id}/1".encode()
        for key in keys:
            try:
                AESGCM(key).decrypt(sealed[:12], sealed[12:], place)
            except InvalidTag:
                continue
            return True
        return False

    def _files(self) -> list[Any]:
        return list((self._key_store._directory / "jobs").glob("*.key"))


@pytest.fixture
def stored(pool: Pool, key_store: FileKeyStore) -> StoredLines:
    return StoredLines(pool, JobCipher(key_store))


@pytest.fixture
def lines(pool: Pool, stored: StoredLines, tmp_path: Path) -> EraseLines:
    return EraseLines(stored, FileJournal(tmp_path), StoredErasures(pool))


async def test_a_copy_of_the_row_opens_no_more_and_the_others_do(
    lines: EraseLines, key_store: FileKeyStore, database_url: str
) -> None:
    kept = Kept(database_url, key_store, ANN, BEN, BEN, status="succeeded")
    assert kept.opens_a_copy()
    assert await lines.erase(TENANT, NEEDLES) == 1
    assert kept.texts() == {2: BEN, 3: BEN}
    assert not kept.opens_a_copy()
    assert await lines.holding(TENANT, NEEDLES) == 0
    # Another person, later: the keys take turns.
    assert await lines.erase(TENANT, ["ben@example.org"]) == 2
    assert kept.rows() == {}


async def test_the_keys_take_turns(
    lines: EraseLines, key_store: FileKeyStore, database_url: str
) -> None:
    kept = Kept(database_url, key_store, b"one@x.org", b"two@x.org", b"rest", status="failed")
    for name in ("one@x.org", "two@x.org"):
        assert await lines.erase(TENANT, [name]) == 1
    assert kept.texts() == {3: b"rest"}
    assert not kept.opens_a_copy()


@pytest.mark.parametrize("cut", ["before the keys", "before the rows go"])
async def test_what_is_cut_off_is_gone_on_with(
    lines: EraseLines, key_store: FileKeyStore, database_url: str,
    monkeypatch: pytest.MonkeyPatch, cut: str,
) -> None:  # fmt: skip
    kept = Kept(database_url, key_store, ANN, BEN, status="succeeded")
    real = FileKeyStore.destroy_job_key
    calls = iter(range(10))

    def destroy(store: FileKeyStore, job_id: str, purpose: str) -> None:
        if next(calls) == 1:  # behind the commit; the first is of what nothing is sealed under
            if cut == "before the rows go":
                real(store, job_id, purpose)
            raise KeyboardInterrupt
        real(store, job_id, purpose)

    monkeypatch.setattr(FileKeyStore, "destroy_job_key", destroy)
    with pytest.raises(KeyboardInterrupt):
        await lines.erase(TENANT, NEEDLES)
    monkeypatch.undo()
    assert await lines.erase(TENANT, NEEDLES) == 0
    assert kept.texts() == {2: BEN}
    assert not kept.opens_a_copy()


async def test_a_job_that_runs_is_waited_for(
    lines: EraseLines, stored: StoredLines, key_store: FileKeyStore, database_url: str
) -> None:
    kept = Kept(database_url, key_store, ANN, BEN, status="running")
    assert await lines.erase(TENANT, NEEDLES) == 1
    assert kept.rows() == {1: b"", 2: kept.copies[2]}
    kept.over()
    assert await stored.renew() == 1
    assert kept.texts() == {2: BEN}
    assert not kept.opens_a_copy()
    assert await stored.renew() == 0


async def test_what_a_restored_database_has_again_is_erased_again(
    lines: EraseLines, pool: Pool, key_store: FileKeyStore, database_url: str
) -> None:
    kept = Kept(database_url, key_store, ANN, BEN, status="succeeded")
    assert await lines.erase(TENANT, NEEDLES) == 1
    kept.restored()
    assert kept.texts() == {1: ANN, 2: BEN}
    assert await lines.erase_again(TENANT, await StoredErasures(pool).known(TENANT)) == 1
    assert kept.texts() == {2: BEN}
    assert not kept.opens_a_copy()
    assert await lines.erase_again(TENANT, await StoredErasures(pool).known(TENANT)) == 0


async def test_what_was_emptied_before_a_kill_is_erased_again_as_well(
    lines: EraseLines, pool: Pool, key_store: FileKeyStore, database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    kept = Kept(database_url, key_store, ANN, BEN, status="succeeded")

    async def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(FileJournal, "done", killed)
        with pytest.raises(KeyboardInterrupt):
            await lines.erase(TENANT, NEEDLES)
    # The next start knows that it was done, and so does the one after a restore.
    assert await lines.erase_again(TENANT, await StoredErasures(pool).known(TENANT)) == 0
    kept.restored()
    assert await lines.erase_again(TENANT, await StoredErasures(pool).known(TENANT)) == 1
    assert kept.texts() == {2: BEN}


async def test_a_job_that_a_restore_has_set_back_is_waited_for(
    lines: EraseLines, pool: Pool, key_store: FileKeyStore, database_url: str
) -> None:
    """It rejects the line again after what it had rejected was erased again."""
    kept = Kept(database_url, key_store, ANN, BEN, status="succeeded")
    assert await lines.erase(TENANT, NEEDLES) == 1
    kept.restored(status="running")
    assert await lines.erase_again(TENANT, {}) == 1
    assert kept.rows()[1] == b""
    assert await StoredErasures(pool).known(TENANT) == {}
    kept.restored(status="running")  # as the job does, from its chunks
    assert await lines.tend() >= 1
    assert kept.rows()[1] == b""
    kept.restored(status="succeeded")
    assert await lines.tend() >= 1
    assert kept.texts() == {2: BEN}
    assert len(await StoredErasures(pool).known(TENANT)) == 1
    assert await lines.tend() == 0


async def test_what_is_emptied_while_others_are_sealed_anew_stays_empty(
    lines: EraseLines, stored: StoredLines, pool: Pool, key_store: FileKeyStore,
    database_url: str, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    kept = Kept(database_url, key_store, ANN, BEN, b"rest", status="succeeded")
    real = JobCipher.sealed_line

    def emptied_meanwhile(self: JobCipher, tenant: str, job: str, line: int, *given: Any) -> bytes:
        if line == 2:
            kept.empty(2)
        return real(self, tenant, job, line, *given)

    monkeypatch.setattr(JobCipher, "sealed_line", emptied_meanwhile)
    assert await lines.erase(TENANT, NEEDLES) == 1
    assert kept.texts() == {3: b"rest"}
    assert not kept.opens_a_copy()


async def test_another_tenants_lines_stay(
    lines: EraseLines, key_store: FileKeyStore, database_url: str
) -> None:
    kept = Kept(database_url, key_store, ANN, status="succeeded")
    assert await lines.erase("other", NEEDLES) == 0
    assert kept.texts() == {1: ANN}
