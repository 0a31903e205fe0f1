"""The independent programs, each run as a child process on what is published of a ledger."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.long.peers.install import HERE, PEERS
from tests.long.peers.samples import Published

REJECTED = 10
"""The exit code with which our callers of the peers say that something does not hold."""

ED25519_DER = bytes.fromhex("302a300506032b6570032100")
"""What stands before an Ed25519 key in a SubjectPublicKeyInfo (RFC 8410)."""


@dataclass(frozen=True)
class Verdict:
    """What a program made of it, and its last line."""

    accepted: bool
    said: str


@dataclass(frozen=True)
class Peer:
    """name: as its publisher calls it. reads: what of a ledger it looks at."""

    name: str
    reads: frozenset[str]
    check: Callable[[Published], Verdict]


def _run(*command: str | Path, rejected: int = REJECTED) -> Verdict:
    """Raises AssertionError where the program is not there, or does neither accept nor reject."""
    if shutil.which(command[0]) is None:
        raise AssertionError(f"{command[0]} is not installed: make peers")
    # Nothing of the developer's may reach in: no PYTHONPATH, no NODE_OPTIONS.
    env = {"PATH": os.environ["PATH"]}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    said = done.stdout.strip().rpartition("\n")[2]
    if done.returncode not in {0, rejected} or not said:
        raise AssertionError(f"{command[0]} did not run as it should: {done.stdout}{done.stderr}")
    return Verdict(done.returncode == 0, said)


def aics_tlog(published: Published) -> Verdict:
    program = (PEERS / "venv" / "bin" / "python", "-I", HERE / "tlog_tiles.py")
    return _run(*program, published.directory, published.claims)


def aics_command(published: Published, *arguments: str) -> Verdict:
    """The command `aics-tlog` itself, over the directory, with the log's key."""
    key = published.read_claims()["key"]
    program = PEERS / "venv" / "bin" / "aics-tlog"
    told = ("--tiles", published.directory, "--log-key", key)
    return _run(program, *arguments, *told, rejected=1)


def sumdb(published: Published) -> Verdict:
    return _run(PEERS / "sumdb", published.directory, published.claims)


def sigstore_verify(published: Published) -> Verdict:
    return _run("node", HERE / "sigstore_verify.mjs", published.directory, published.claims)


def sigstore(published: Published) -> Verdict:
    with tempfile.TemporaryDirectory() as scratch:
        return _run("node", HERE / "sigstore.mjs", published.directory, published.claims, scratch)


def openssl(published: Published) -> Verdict:
    """`openssl pkeyutl` over the text of the checkpoint, taken apart as a stranger would."""
    text, _, lines = published.checkpoint.read_text().rpartition("\n\n")
    signatures = [base64.b64decode(line.split(" ")[2]) for line in lines.splitlines()]
    _, key_id, typed = published.read_claims()["key"].split("+", 2)
    of_key = [one for one in signatures if one[:4].hex() == key_id]
    signature = (of_key or signatures)[0][4:]
    key = base64.b64decode(typed)[1:]
    with tempfile.TemporaryDirectory() as scratch:
        files = {"text": f"{text}\n".encode(), "signature": signature, "key": ED25519_DER + key}
        for name, data in files.items():
            Path(scratch, name).write_bytes(data)
        told = f"-in {scratch}/text -sigfile {scratch}/signature -inkey {scratch}/key -keyform DER"
        command = ("openssl", "pkeyutl", "-verify", "-rawin", "-pubin", *told.split())
        return _run(*command, rejected=1)


SIGNED = frozenset({"key", "root", "signature"})
TILED = SIGNED | {"tiles", "entries", "inclusion", "consistency"}
PROVED = SIGNED | {"leaves", "inclusion"}

PROGRAMS = (
    Peer("aics-tlog", TILED, aics_tlog),
    Peer("golang.org/x/mod/sumdb", TILED, sumdb),
    Peer("@sigstore/verify", PROVED, sigstore_verify),
    Peer("sigstore", PROVED, sigstore),
    Peer("openssl pkeyutl", SIGNED, openssl),
)
