"""Install the independent programs of `peers.py` into `.peers/`: what `make peers` runs.

Python packages by the hashes of requirements/peers.txt, npm packages by the SHA-512 sums of
package-lock.json; Go's packages come from the distribution, and a program of ours is built on them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
PEERS = ROOT / ".peers"
NAMED = "ORDER_HISTORY_PEER_PYTHON"
MINORS = (12, 13, 14)
GO_SOURCES = Path("/usr/share/gocode")
"""Where Debian's golang-*-dev packages put their sources."""


def main() -> int:
    """Install everything; one line and exit code 1 where a program is missing."""
    try:
        _require("npm", "node", "go", "openssl")
        PEERS.mkdir(exist_ok=True)
        _install_python(_python())
        _install_npm()
        _build_go()
    except LookupError as missing:
        sys.stderr.write(f"make peers: {missing}\n")
        return 1
    except subprocess.CalledProcessError as failed:
        sys.stderr.write(f"make peers: {failed.cmd[0]} failed with exit code {failed.returncode}\n")
        return 1
    return 0


def _require(*programs: str) -> None:
    if missing := [one for one in programs if shutil.which(one) is None]:
        raise LookupError(f"not installed, but the tests need them: {', '.join(missing)}")


def _python() -> str:
    """An interpreter that aics-tlog runs on: 3.12 or newer. Raises LookupError."""
    for candidate in _candidates():
        with suppress(OSError, subprocess.CalledProcessError):
            version = subprocess.check_output(
                [candidate, "-c", "import sys; print(*sys.version_info[:2])"],
                stderr=subprocess.DEVNULL,
                text=True,
            )
            major, minor = map(int, version.split())
            if (major, minor) >= (3, MINORS[0]):
                return candidate
    raise LookupError(f"aics-tlog needs Python 3.{MINORS[0]} or newer: set {NAMED} to one")


def _candidates() -> Iterator[str]:
    if named := os.environ.get(NAMED):
        yield named
        return
    yield sys.executable
    for minor in MINORS:
        yield f"python3.{minor}"
    with suppress(OSError, subprocess.CalledProcessError):
        versions = Path(subprocess.check_output(["pyenv", "root"], text=True).strip(), "versions")
        for minor in MINORS:
            yield from (str(one / "bin" / "python") for one in versions.glob(f"3.{minor}.*"))


def _install_python(python: str) -> None:
    venv = PEERS / "venv"
    _run(python, "-m", "venv", "--clear", venv)
    pins = ROOT / "requirements" / "peers.txt"
    _run(venv / "bin" / "python", "-m", "pip", "install", "-qq", "--require-hashes", "-r", pins)


def _install_npm() -> None:
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(HERE / name, PEERS / name)
    _run("npm", "ci", "--silent", cwd=PEERS)


def _build_go() -> None:
    if not (GO_SOURCES / "src/golang.org/x/mod/sumdb").is_dir():
        raise LookupError(f"golang.org/x/mod is not in {GO_SOURCES}: golang-golang-x-mod-dev")
    offline = {"GO111MODULE": "off", "GOPATH": str(GO_SOURCES), "GOCACHE": str(PEERS / "go")}
    _run("go", "build", "-o", PEERS / "sumdb", HERE / "sumdb.go", env={**os.environ, **offline})


def _run(
    *command: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> None:
    subprocess.run(command, check=True, cwd=cwd, env=env)


if __name__ == "__main__":
    sys.exit(main())
