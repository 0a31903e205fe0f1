"""`import`: what it says, how it ends, and what is left of one that is killed."""

from __future__ import annotations

import gzip
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from tests.interfaces.cli.program import PROGRAM, ROOT, run


def event(number: int, **changed: Any) -> bytes:
    return msgspec.json.encode(
        {
            "event_id": f"e{number}", "order_id": f"o{number % 100}",
            "occurred_at": "2025-01-01T10:00:00Z", "source": "shop", "type": "order.note.added",
            "schema_version": "v1", "payload": {"note": f"ring {number} times"}, **changed,
        }
    )  # fmt: skip


class Imports:
    """Imports of a tenant of the test's own."""

    def __init__(self, url: str, data_dir: Path, tmp_path: Path) -> None:
        self.url = url
        self.tenant = tmp_path.name.lower().replace("_", "-")[:60]
        self.options = ["--tenant", self.tenant, "--database-url", url]
        self.options += ["--data-dir", str(data_dir)]
        self._tmp_path = tmp_path

    def file(self, name: str, *lines: bytes) -> Path:
        path = self._tmp_path / name
        path.write_bytes(b"\n".join(lines))
        return path

    def of(self, *paths: Path) -> subprocess.CompletedProcess[str]:
        return run("import", *paths, *self.options)

    @contextmanager
    def started(self, path: Path) -> Iterator[subprocess.Popen[str]]:
        """An import that has recorded something and is not at its end."""
        argv = [*PROGRAM, "import", str(path), *self.options]
        with subprocess.Popen(
            argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                while not any(done for _, done, _ in self.jobs()):
                    assert process.poll() is None
                    time.sleep(0.01)
                yield process
            finally:
                process.kill()

    def jobs(self) -> list[tuple[Any, ...]]:
        """(status, done, errors) of all, by their age."""
        asked = (
            "select status, done, errors from cell_0.jobs where tenant_id = %s "
            "order by submitted_us"
        )
        with psycopg.connect(self.url) as connection:
            return connection.execute(asked, (self.tenant,)).fetchall()


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That of the module's database: it names its keys."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture
def imports(database_url: str, data_dir: Path, tmp_path: Path) -> Imports:
    return Imports(database_url, data_dir, tmp_path)


MANY = [event(number) for number in range(20_000)]


def test_it_ends_with_0_when_every_line_is_there(imports: Imports) -> None:
    path = imports.file("a.ndjson", event(1), event(2), event(1))
    for recorded, duplicates in ((2, 1), (0, 3)):
        ended = imports.of(path)
        assert ended.returncode == 0, ended.stderr
        assert f"{recorded} recorded, {duplicates} duplicates" in ended.stdout


@pytest.mark.parametrize("bad", [b"{bad", event(1, source="another")], ids=["rejected", "conflict"])
def test_it_ends_with_1_when_a_line_is_not_recorded(imports: Imports, bad: bytes) -> None:
    good, ill = imports.file("b.ndjson", event(2)), imports.file("a.ndjson", event(1), bad)
    ended = imports.of(ill, good)
    assert ended.returncode == 1
    assert "a.ndjson: 2 lines: 1 recorded" in ended.stdout
    assert "b.ndjson: 1 lines: 1 recorded" in ended.stdout, "the next file is read all the same"
    assert ended.stderr.count("\n") == 1
    job_id = ended.stdout.split("job ")[1].split()[0]
    assert (
        f"1 lines of a.ndjson were not recorded; /jobs/{job_id}/rejected says why" in ended.stderr
    )


def test_the_help_tells_the_exit_codes() -> None:
    told = " ".join(run("import", "--help").stdout.split())
    for code in ("0:", "1:", "130:"):
        assert code in told


def test_a_file_that_ends_early_is_named(imports: Imports) -> None:
    path = imports.file("cut.ndjson.gz")
    path.write_bytes(gzip.compress(b"\n".join(event(number) for number in range(600)))[:-8])
    ended = imports.of(path)
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert f"{path}: its gzip data is damaged or ends early, after 500 lines" in ended.stderr
    assert [(status, done) for status, done, _ in imports.jobs()] == [("failed", 500)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(imports: Imports, number: signal.Signals) -> None:
    many, more = imports.file("a.ndjson", *MANY), imports.file("b.ndjson", event(100_000))
    imports.options.insert(0, str(more))
    with imports.started(many) as process:
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped; import the file again to go on" in err
    assert "b.ndjson" not in out, "what comes after is not begun"
    ((status, done, _),) = imports.jobs()
    assert status == "cancelled"
    assert 0 < done < len(MANY)


def test_a_killed_import_ends_as_failed_with_the_next(imports: Imports) -> None:
    path = imports.file("a.ndjson", *MANY)
    with imports.started(path) as process:
        process.kill()
        process.wait()
    ((status, *_),) = imports.jobs()
    assert status == "running"
    again = imports.of(path)
    assert again.returncode == 0, again.stderr
    (killed, finished) = imports.jobs()
    assert killed[0] == "failed"
    assert "start it again" in killed[2][0]["detail"]
    assert finished[:2] == ("succeeded", len(MANY))
