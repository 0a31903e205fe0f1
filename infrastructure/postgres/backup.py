"""Backup and restore: the database and the keys that it cannot be read without, of one moment.

A backup directory (mode 0700) holds
    database.dump    pg_dump's custom format: ciphertext of personal data, no keys
    data/            the data directory but the server's files, published/ and erased/: keys/,
                     signing/, the issuer's key, what is to come into the access log (access/),
                     and so on
    manifest.json    versions, and the SHA-256 of every other file; written last
It is written beside its place, as <name>.<random>.incomplete, and renamed when it is whole. What
fails or is stopped is removed; only a killed program or a power cut leaves an `.incomplete`, which
has no manifest and is not restored.

`data/` and `database.dump` together open every personal value: keep them apart, or encrypted.

Why no key is ever missed: a key is durable before a row that needs it is committed, and destroyed
only after the rows that needed it were committed away. The dump's snapshot and the copy of the keys
are both taken while the key store is locked, so that no key comes or goes between them.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
import psycopg
from msgspec import Struct
from psycopg import Connection, IsolationLevel, conninfo, sql

from domain.errors import OrderHistoryError
from domain.times import format_us
from infrastructure.key_store import durable
from infrastructure.postgres import binaries
from infrastructure.postgres.migrations import roles

FORMAT = 1
DUMP = "database.dump"
MANIFEST = "manifest.json"

_DATA = "data"
_INCOMPLETE = ".incomplete"
_LEFT_OUT = ("postgres", "published", "erased")
"""The server's own files; checkpoints, which would no longer say that a backup is behind; and what
was erased, which would not be erased again after a restore."""
_VERSIONS = """
select n.nspname from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relname = 'alembic_version' and c.relkind = 'r' order by 1
"""
_RELATIONS = """
select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where n.nspname <> 'information_schema' and n.nspname not like 'pg\\_%%'
"""


class BackupRefused(OrderHistoryError):
    """The backup could not be taken or restored."""


class Manifest(Struct, frozen=True):
    """What a backup says of itself. `revisions`: schema -> Alembic revision; `files`: path ->
    SHA-256 in hexadecimal."""

    format: int
    taken_at: str
    program: str
    server: str
    revisions: dict[str, str]
    files: dict[str, str]


def backup(url: str, data_dir: Path, target_dir: Path) -> Manifest:
    """Write a backup into `target_dir`, which must be empty or missing. Safe while serving.

    `url` is the database owner's. Returns when everything is flushed to disk; before that nothing
    of it is there. Raises BackupRefused for a target that is not empty, is a mount point or lies
    in the data directory, PostgresFailed when pg_dump fails.
    """
    target, source = target_dir.resolve(), data_dir.resolve()
    if target == source or source in target.parents:
        raise BackupRefused(f"{target_dir} lies in the data directory; choose another place")
    if target.is_dir() and any(target.iterdir()):
        raise BackupRefused(f"{target_dir} is not empty; a backup goes into an empty directory")
    if target.is_mount():
        raise BackupRefused(f"{target_dir} is a mount point; name a directory in it")
    target.parent.mkdir(parents=True, exist_ok=True)
    with _renamed_when_whole(target) as fresh:
        return _take(url, source, fresh)


@contextmanager
def _renamed_when_whole(target: Path) -> Iterator[Path]:
    """A directory of our own beside the target, which becomes it, or is gone."""
    fresh = Path(tempfile.mkdtemp(_INCOMPLETE, f"{target.name}.", target.parent))
    try:
        yield fresh
        fresh.rename(target)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    durable.flush_directory(target.parent)


def _take(url: str, source: Path, target: Path) -> Manifest:
    taken_at = format_us(time.time_ns() // 1000)
    with psycopg.connect(url) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        (source / "keys").mkdir(mode=0o700, exist_ok=True)
        with durable.locked(source / "keys" / ".lock"):
            snapshot = _one(connection, "select pg_export_snapshot()")
            _copy(source, target / _DATA, _kept)
        dump = ("-Fc", "-f", str(target / DUMP), f"--snapshot={snapshot}")
        _client("pg_dump", url, *dump)
        (target / DUMP).chmod(0o600)
        manifest = Manifest(
            format=FORMAT,
            taken_at=taken_at,
            program=version("order-history"),
            server=str(_one(connection, "show server_version")),
            revisions=_revisions(connection),
            files={name: _digest(target / name) for name in sorted(_names(target))},
        )
    _write(target / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
    return manifest


def restore(source_dir: Path, url: str, data_dir: Path) -> Manifest:
    """Put a backup into an empty database and a data directory without keys; both or neither.

    `url` is of a role that owns the database and may create roles. The ledger's chain is not
    verified here: the caller does that next, from the restored bytes.
    Raises BackupRefused, before anything is written, for a backup that is not whole and for a
    target that is not empty.
    """
    manifest = read_manifest(source_dir)
    _check(source_dir, manifest)
    target = data_dir.resolve()
    _refuse_what_is_there(target)
    with psycopg.connect(url) as connection:
        if _one(connection, _RELATIONS) != 0:
            raise BackupRefused("the database is not empty; restore into a new one")
        roles.ensure(connection)
    target.mkdir(mode=0o711, parents=True, exist_ok=True)
    try:
        if (source_dir / _DATA).exists():
            _copy(source_dir / _DATA, target, _kept)
        options = ("--no-owner", "--exit-on-error", "--single-transaction")
        _client("pg_restore", url, *options, str(source_dir / DUMP))
    except BaseException:
        _remove_what_was_copied(target)
        raise
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("analyze")
    return manifest


def _refuse_what_is_there(directory: Path) -> None:
    """The embedded server's own files, and what is published, do not count."""
    if directory.is_dir() and any(_kept(one.name) for one in directory.iterdir()):
        raise BackupRefused(
            f"{directory} is not empty; a backup is restored into a new data directory"
        )


def _kept(name: str) -> bool:
    return not name.startswith(_LEFT_OUT)


def _copy(source: Path, target: Path, wanted: Callable[[str], bool] = lambda _: True) -> None:
    """Copy regular files and directories with names that are `wanted`, and all that is in these,
    flushed, for their owner alone. Locks and what killed writers left are not worth keeping."""
    target.mkdir(mode=0o700, exist_ok=True)
    for one in sorted(source.iterdir()):
        if one.is_symlink() or not wanted(one.name):
            continue
        if one.is_dir():  # a tenant may be called as a file is that is left out
            _copy(one, target / one.name)
        elif one.is_file() and not one.name.endswith((".lock", ".new")):
            _write(target / one.name, one.read_bytes())
    durable.flush_directory(target)


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    durable.flush_directory(path.parent)


def _remove_what_was_copied(target: Path) -> None:
    for one in [one for one in target.iterdir() if _kept(one.name)]:
        shutil.rmtree(one) if one.is_dir() else one.unlink()


def _names(directory: Path) -> Iterator[str]:
    for one in directory.rglob("*"):
        if one.is_file():
            yield one.relative_to(directory).as_posix()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_manifest(source: Path) -> Manifest:
    """What a backup says of itself. Raises BackupRefused for one that is not whole."""
    try:
        manifest = msgspec.json.decode((source / MANIFEST).read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise BackupRefused(
            f"{source} holds no whole backup: {MANIFEST} is missing, as after an interruption"
        ) from None
    except msgspec.DecodeError as error:
        raise BackupRefused(f"{MANIFEST} is damaged: {error}") from None
    if manifest.format != FORMAT:
        raise BackupRefused(f"the backup has format {manifest.format}, this program knows {FORMAT}")
    return manifest


def _check(source: Path, manifest: Manifest) -> None:
    """Every file that the manifest names is there and unchanged, and no other."""
    there = set(_names(source)) - {MANIFEST}
    if DUMP not in manifest.files or any(".." in PurePosixPath(one).parts for one in there):
        raise BackupRefused(f"{MANIFEST} names no {DUMP}")
    for name in sorted(there ^ set(manifest.files)):
        state = "is not in the manifest" if name in there else "is missing"
        raise BackupRefused(f"the backup is not whole: {name} {state}")
    for name, digest in manifest.files.items():
        if _digest(source / name) != digest:
            raise BackupRefused(f"the backup is damaged: {name} is not what was written")


def _revisions(connection: Connection[Any]) -> dict[str, str]:
    query = sql.SQL("select version_num from {}")
    return {
        schema: str(_one(connection, query.format(sql.Identifier(schema, "alembic_version"))))
        for (schema,) in connection.execute(_VERSIONS).fetchall()
    }


def _one(connection: Connection[Any], query: sql.Composed | str) -> object:
    row = connection.execute(query.encode() if isinstance(query, str) else query).fetchone()
    assert row is not None
    return row[0]


def _client(program: str, url: str, *arguments: str) -> None:
    """Run one of PostgreSQL's clients on the database; a password goes by the environment."""
    parameters = conninfo.conninfo_to_dict(url)
    password = parameters.pop("password", None)
    environment = {"PGPASSWORD": str(password)} if password else None
    address = conninfo.make_conninfo(**{key: str(one) for key, one in parameters.items()})
    binaries.run(program, "-d", address, *arguments, environment=environment)
