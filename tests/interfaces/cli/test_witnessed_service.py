"""Two programs against each other: a service whose policy names a witness, and that witness."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from application.ledger.cosigning import origin_hash
from application.ledger.ports import GLOBAL
from application.ledger.signatures import open_checkpoint
from domain.ledger.notes import VerifierKey
from infrastructure.ledger.timestamp_authority import AuthorityRefused
from infrastructure.postgres.embedded import EmbeddedPostgres
from interfaces.composition.proving import log_keys
from interfaces.composition.serving import issuer
from interfaces.composition.witnesses import witness_keys_of
from interfaces.composition.witnessing import PolicyRefused, check_witnessing, witness_policy
from interfaces.settings import LedgerSettings, Settings
from tests.domain.ledger.signing import WITNESS
from tests.infrastructure.ledger.authority import Authority, openssl
from tests.interfaces.cli.program import PROGRAM, ROOT, refused
from tests.projections.conftest import fresh_database

NAME = "witness.example/w1"
PATIENCE = 90.0
"""Seconds after which something that must come counts as never coming."""


@pytest.fixture
def database_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """A database a test: it remembers whose keys go with it."""
    yield from fresh_database(postgres)


class Parties:
    """Each its own directory, its own keys; they know of each other a URL and verifier keys."""

    def __init__(self, database_url: str, directory: Path) -> None:
        self.database_url = database_url
        self.data_dir = directory / "data"
        self.state = directory / "witness"
        self.policy = directory / "policy"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.env: dict[str, str] = {}

    @contextmanager
    def witness(self, keys: list[VerifierKey]) -> Iterator[subprocess.Popen[str]]:
        known = [word for key in keys for word in ("--service", str(key))]
        argv = [*PROGRAM, "witness", "serve", "--state", str(self.state), *known]
        with subprocess.Popen(
            [*argv, "--port", str(self.port)], cwd=ROOT, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                assert process.stderr is not None
                assert process.stderr.readline().startswith("witness at ")
                yield process
            finally:
                process.kill()

    @contextmanager
    def service(self) -> Iterator[httpx.Client]:
        given = ("--database-url", self.database_url, "--data-dir", str(self.data_dir))
        env = os.environ | {
            "ORDER_HISTORY_WITNESS_POLICY": str(self.policy),
            "ORDER_HISTORY_CHECKPOINT_SECONDS": "0.1",
            **self.env,
        }
        argv = [*PROGRAM, "serve", *given, "--port", "0"]
        with subprocess.Popen(
            argv, cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                assert process.stderr is not None
                said = (re.match(r"API at (http://\S+)/docs", line) for line in process.stderr)
                address = next(found[1] for found in said if found)
                with httpx.Client(base_url=address, timeout=60) as client:
                    yield client
                process.send_signal(signal.SIGTERM)
                process.communicate(timeout=60)
                assert process.returncode == 0
            finally:
                process.kill()

    def keys(self, tenant_id: str) -> list[VerifierKey]:
        keys = log_keys(Settings("", self.data_dir))
        return list(keys.verifier_keys(f"{keys.service_origin}/{tenant_id}"))

    def token(self) -> str:
        roles = ["producer", "auditor", "operator"]
        return issuer(self.data_dir).mint("test", ["acme"], roles, 3600)

    def heads(self) -> dict[str, tuple[int, int]]:
        with psycopg.connect(self.database_url) as connection:
            rows = connection.execute(
                "select tenant_id, size, witnessed_size from cell_0.ledger_heads"
            ).fetchall()
        return {tenant: (size, witnessed) for tenant, size, witnessed in rows}

    def served(self, key: VerifierKey) -> str:
        """The newest checkpoint of a log, as the witness publishes it."""
        return httpx.get(f"{self.url}/{origin_hash(key.name)}/checkpoint").text


def until(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never comes"
        time.sleep(0.05)


def asked(client: httpx.Client, token: str, path: str) -> Any:
    return client.get(
        f"/v1/order-history/{path}", headers={"Authorization": f"Bearer {token}"}
    ).json()


def standing(client: httpx.Client, token: str) -> tuple[int, int, str]:
    """Size, lag and status of the one witness, as the status of the ledger tells them."""
    (witness,) = asked(client, token, "ledger/status")["witnesses"]
    assert witness["name"] == "w1"
    return witness["size"], witness["lag"], witness["status"]


def record(client: httpx.Client, token: str, number: int) -> None:
    event = {
        "event_id": f"evt_{number}",
        "order_id": "ord_1",
        "occurred_at": "2026-11-20T12:34:56Z",
        "source": "oms",
        "type": "order.note.added",
        "schema_version": "v1",
        "payload": {"note": "ring twice"},
    }
    answer = client.post(
        "/v1/order-history/events", json=event, headers={"Authorization": f"Bearer {token}"}
    )
    assert answer.status_code == 201, answer.text


def test_a_service_and_its_witness(database_url: str, tmp_path: Path) -> None:
    parties = Parties(database_url, tmp_path)
    mine = witness_keys_of(parties.state, NAME).verifier_keys
    parties.policy.write_text(f"witness w1 {mine[1]} {parties.url}\nquorum w1\n")
    with parties.service() as client:
        token = parties.token()
        record(client, token, 1)
        until(lambda: parties.heads().get("acme", (0, 0))[0] == 1)
        assert parties.heads()["acme"] == (1, 0), "without the witness nothing is trusted"
        keys = parties.keys(GLOBAL)
        with parties.witness(keys) as witness:
            until(lambda: parties.heads()["acme"] == (1, 1))
            record(client, token, 2)
            until(lambda: parties.heads()["acme"] == (2, 2))
            witness.kill()
            witness.wait(30)
        record(client, token, 3)
        until(lambda: standing(client, token) == (2, 1, "away"))
        health = asked(client, token, "health")["subsystems"]["witnesses"]
        assert (health["status"], health["reason"]) == ("degraded", "witness w1: away (1 log)")
        with parties.witness(keys):
            until(lambda: parties.heads()["acme"] == (3, 3))
            until(lambda: standing(client, token) == (3, 0, "ok"))
            acme = parties.keys("acme")
            until(lambda: "\n3\n" in parties.served(acme[0]))
            for log in (keys, acme):
                opened = open_checkpoint(parties.served(log[0]), [*log, *mine])
                assert opened.by == (*log, *mine)


def test_a_service_has_its_checkpoints_stamped(database_url: str, tmp_path: Path) -> None:
    parties = Parties(database_url, tmp_path)
    parties.policy.write_text("quorum none\n")
    published = parties.data_dir / "published" / GLOBAL / "1"
    with Authority(tmp_path / "tsa").serving() as authority:
        parties.env = {
            "ORDER_HISTORY_TSA_URL": authority.url,
            "ORDER_HISTORY_TSA_ROOTS": str(authority.roots),
        }
        with parties.service() as client:
            record(client, parties.token(), 1)
            until(lambda: list(published.glob("timestamp/*.tsr")))
    (stamp,) = published.glob("timestamp/*.tsr")
    checkpoint = published / "checkpoint" / stamp.stem
    assert "Verification: OK" in openssl(
        *("ts", "-verify", "-data", checkpoint, "-in", stamp, "-CAfile", authority.roots)
    )


@pytest.mark.parametrize(
    ("url", "roots", "says"),
    [
        ("ftp://tsa.example", None, "http or https"),
        ("https://tsa.example", None, "cannot read the TSA's roots"),
        ("https://tsa.example", b"no certificate", "not certificates"),
    ],
)
def test_an_authority_that_cannot_be_used(
    tmp_path: Path, url: str, roots: bytes | None, says: str
) -> None:
    path = tmp_path / "roots.pem"
    if roots is not None:
        path.write_bytes(roots)
    settings = Settings("", tmp_path, ledger=LedgerSettings(tsa_url=url, tsa_roots=path))
    with pytest.raises(AuthorityRefused, match=says) as told:
        check_witnessing(settings)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "No such file"),
        ("quorum", "line 1"),
        ("quorum w1\n", "line 1"),
        ("witness w1 {key}\nquorum w1\n", "URLs"),
        ("witness w1 {key} ftp://w\nquorum w1\n", "http or https"),
        ("witness w\udcff1 {key} http://w\nquorum w\udcff1\n", "UTF-8"),
    ],
)
def test_a_policy_that_cannot_be_used(tmp_path: Path, text: str | None, says: str) -> None:
    path = tmp_path / "policy"
    if text is not None:
        path.write_bytes(text.format(key=WITNESS.key).encode(errors="surrogateescape"))
    settings = Settings("", tmp_path, ledger=LedgerSettings(witness_policy=path))
    with pytest.raises(PolicyRefused, match=says) as told:
        witness_policy(settings)
    assert "\n" not in str(told.value)


def test_a_service_does_not_start_with_it(
    database_url: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ORDER_HISTORY_WITNESS_POLICY", str(tmp_path / "nowhere"))
    line = refused(
        capsys, "serve", "--database-url", database_url, "--data-dir", tmp_path, "--port", 0
    )
    assert "cannot read the witness policy" in line
