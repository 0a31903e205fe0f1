"""The local issuer's key: one for all processes, in a file of one user's own."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from joserfc.jwk import OKPKey, RSAKey

from domain.errors import KeyUnavailable
from infrastructure.access.local_issuer import LocalIssuer

ROOT = Path(__file__).parents[3]


def test_the_key_belongs_to_one_user(issuer: LocalIssuer, tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        issuer.mint("anna", ["acme"], ["support"], 60)
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "issuer.json").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["issuer.json"]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o601])
def test_a_key_that_is_open_to_others_is_refused(
    issuer: LocalIssuer, tmp_path: Path, clock: Callable[[], int], mode: int
) -> None:
    issuer.mint("anna", ["acme"], ["support"], 60)
    (tmp_path / "issuer.json").chmod(mode)
    with pytest.raises(KeyUnavailable, match="chmod 600"):
        LocalIssuer(tmp_path, clock).mint("anna", ["acme"], ["support"], 60)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        "[]",
        "s3cret",
        '{"kty":"OKP","crv":"Ed25519","x":"s3cret","d":"s3cret"}',
        '{"kty":"oct","k":"s3cret"}',
        json.dumps(OKPKey.generate_key("Ed25519").as_dict(private=False)),
        json.dumps(OKPKey.generate_key("X25519").as_dict(private=True)),
        json.dumps(RSAKey.generate_key(2048).as_dict(private=True)),
    ],
    ids=range(9),  # the keys differ from one worker of the test run to the next
)
def test_a_file_that_is_no_such_key_is_refused_and_kept(
    issuer: LocalIssuer, tmp_path: Path, content: str
) -> None:
    path = tmp_path / "issuer.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(KeyUnavailable) as refused:
        issuer.mint("anna", ["acme"], ["support"], 60)
    assert "s3cret" not in f"{refused.value} {refused.value.__cause__}"
    assert path.read_text() == content


def test_a_path_that_cannot_hold_the_key(tmp_path: Path, clock: Callable[[], int]) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KeyUnavailable, match=r"issuer\.json"):
        LocalIssuer(tmp_path / "file", clock).mint("anna", ["acme"], ["support"], 60)


PRINT_KEY_ID = """
import sys, pathlib
from infrastructure.access.local_issuer import LocalIssuer
issuer = LocalIssuer(pathlib.Path(sys.argv[1]), lambda: 0)
print("ready", flush=True)
sys.stdin.readline()
print(issuer.key.kid)
"""


def test_processes_that_start_together_share_one_key(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PRINT_KEY_ID, str(tmp_path)]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:  # all are past their imports: off they go
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.flush()
    seen = {process.communicate(timeout=30)[0] for process in processes}
    assert len(seen) == 1
    assert seen != {b""}
    assert [path.name for path in tmp_path.iterdir()] == ["issuer.json"]


def test_the_loser_of_the_race_takes_the_winners_key(
    issuer: LocalIssuer, tmp_path: Path, clock: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    winner = LocalIssuer(tmp_path, clock).key.kid
    monkeypatch.setattr(Path, "exists", lambda _: False)
    assert issuer.key.kid == winner
