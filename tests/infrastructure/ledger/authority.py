"""A small timestamp authority over loopback HTTP: a CA and its TSA, made and run by openssl."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_CONFIG = """
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
[tsa_certificate]
basicConstraints = CA:FALSE
extendedKeyUsage = critical, timeStamping
[req]
distinguished_name = name
[name]
[tsa]
default_tsa = local
[local]
serial = {directory}/serial
signer_cert = {directory}/tsa.pem
signer_key = {directory}/tsa.key
certs = {directory}/tsa.pem
default_policy = 1.2.3.4.1
digests = sha256, sha512
signer_digest = sha256
ess_cert_id_alg = sha256
"""


class Authority:
    """instead: answers in the place of what openssl made."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self._directory = directory
        self._config = directory / "openssl.cnf"
        self._config.write_text(_CONFIG.format(directory=directory))
        (directory / "serial").write_text("01\n")
        self._make("ca", "ca")
        self._make("tsa", "tsa_certificate", "-CA", "ca.pem", "-CAkey", "ca.key")
        self.roots = directory / "ca.pem"
        self.asked = 0
        self.status = 200
        self.instead: Callable[[bytes], bytes] | None = None
        self.url = ""

    @contextmanager
    def serving(self) -> Iterator[Authority]:
        authority = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.headers["Content-Type"] == "application/timestamp-query"
                query = self.rfile.read(int(self.headers["Content-Length"]))
                reply = authority.answer(query)
                self.send_response(authority.status)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, *_: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            self.url = f"http://127.0.0.1:{server.server_address[1]}/tsr"
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()

    def answer(self, query: bytes) -> bytes:
        self.asked += 1
        return self.reply(query) if self.instead is None else self.instead(query)

    def reply(self, query: bytes) -> bytes:
        """What the authority says to a TimeStampReq."""
        given, out = self._directory / "query", self._directory / "reply"
        given.write_bytes(query)
        openssl("ts", "-reply", "-config", self._config, "-queryfile", given, "-out", out)
        return out.read_bytes()

    def _make(self, name: str, section: str, *signed: str) -> None:
        path = self._directory
        words = [path / one if one.startswith("ca.") else one for one in signed]
        openssl(
            *("req", "-x509", "-config", self._config, "-extensions", section, "-days", "30"),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-subj", f"/CN=test {name}", "-keyout", path / f"{name}.key"),
            *("-out", path / f"{name}.pem", *words),
        )


def openssl(*words: object) -> str:
    """Its output; fails with what it says."""
    done = subprocess.run(
        ["openssl", *map(str, words)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def verified(authority: Authority, directory: Path, data: bytes, response: bytes) -> str:
    """What `openssl ts -verify` says, as docs/verify.md has it."""
    checkpoint, token = directory / "checkpoint", directory / "checkpoint.tsr"
    checkpoint.write_bytes(data)
    token.write_bytes(response)
    return openssl(
        *("ts", "-verify", "-data", checkpoint, "-in", token, "-CAfile", authority.roots)
    )
