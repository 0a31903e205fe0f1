"""Programs that others wrote accept what we publish of a ledger, and reject it once changed.

What each looks at, and what not: docs/peers.md. They are installed by `make peers`; one that is
missing fails here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.long.peers.install import HERE, PEERS, ROOT
from tests.long.peers.programs import PROGRAMS, Peer, aics_command, aics_tlog, sigstore
from tests.long.peers.samples import Published, SampleLog, rekor_record, signed_artifact
from tests.long.peers.service import Ledger, serving
from tests.long.peers.tampering import Tampering, tamperings

pytestmark = pytest.mark.long

PUBLISHED = 300
"""Entries of the ledger that is tampered with: a full tile, and a partial one beside it."""

each_peer = pytest.mark.parametrize("peer", PROGRAMS, ids=lambda peer: peer.name)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Published:
    log = SampleLog.of_events(PUBLISHED)
    return log.publish(tmp_path_factory.mktemp("ledger"), [0, 1, 255, 256, 299], [1, 256, 257, 300])


@pytest.fixture(scope="module")
def service(open_dir: Path) -> Iterator[Ledger]:
    data_dir = open_dir / "peers"
    data_dir.mkdir(mode=0o711)
    with serving(data_dir) as ledger:
        yield ledger


@pytest.fixture(scope="module")
def served(service: Ledger, tmp_path_factory: pytest.TempPathFactory) -> Published:
    return service.mirror(tmp_path_factory.mktemp("served") / "ledger")


@pytest.fixture(scope="module")
def exported(service: Ledger, tmp_path_factory: pytest.TempPathFactory) -> Published:
    return service.export(tmp_path_factory.mktemp("exported") / "ledger")


@pytest.fixture(scope="module", params=["sample", "served", "exported"])
def published(request: pytest.FixtureRequest) -> Published:
    """One of our making, and a service's: over HTTP, and as it exports it."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Published)
    return found


def test_the_installed_programs_are_the_pinned_ones() -> None:
    locked = "package-lock.json"
    assert (PEERS / locked).read_text() == (HERE / locked).read_text()
    for path, entry in json.loads((HERE / locked).read_text())["packages"].items():
        if path:
            installed = json.loads((PEERS / path / "package.json").read_text())
            assert (path, installed["version"]) == (path, entry["version"])
    pins = (ROOT / "requirements" / "peers.txt").read_text()
    (packages,) = (PEERS / "venv" / "lib").glob("python3.*/site-packages")
    for package in ("aics_tlog", "cryptography"):
        (found,) = packages.glob(f"{package}-*.dist-info")
        name, version = found.name.removesuffix(".dist-info").split("-")
        assert f"{name.replace('_', '-')}=={version} " in pins


@each_peer
@pytest.mark.parametrize("size", [1, 2, 3, 255, 256, 257, 1000, 65_537, 70_000])
def test_accepts_a_ledger_of_any_size(peer: Peer, size: int, tmp_path: Path) -> None:
    edges = {0, 1, size // 3, size // 2, size - 2, size - 1, 255, 256, 65_535, 65_536}
    indexes = sorted(edge for edge in edges if 0 <= edge < size)
    log = SampleLog.of_events(size)
    verdict = peer.check(log.publish(tmp_path, indexes, [index + 1 for index in indexes]))
    assert verdict.accepted, verdict.said


@each_peer
def test_accepts_the_newer_of_two_keys_that_sign(peer: Peer, tmp_path: Path) -> None:
    log = SampleLog.of_events(5)
    log.newer_key = Ed25519PrivateKey.generate()
    verdict = peer.check(log.publish(tmp_path, [4], [3]))
    assert verdict.accepted, verdict.said


@pytest.mark.parametrize(
    ("peer", "tampering"),
    [
        pytest.param(peer, tampering, id=f"{peer.name}: {tampering.name}")
        for peer in PROGRAMS
        for tampering in tamperings()
        if tampering.part in peer.reads
    ],
)
def test_rejects(peer: Peer, tampering: Tampering, published: Published, tmp_path: Path) -> None:
    assert peer.check(published).accepted
    verdict = peer.check(tampering.of(published, tmp_path))
    assert not verdict.accepted, verdict.said


def test_aics_tlog_checks_the_cosignature_of_a_witness(sample: Published, tmp_path: Path) -> None:
    assert sample.read_claims()["witness"]
    assert aics_tlog(sample).accepted
    other = Published(sample.directory, tmp_path / "claims.json")
    other.write_claims(sample.read_claims() | {"witness": str(SampleLog([]).witness)})
    assert "quorum not met" in aics_tlog(other).said


def test_the_command_aics_tlog_verifies_the_directory(published: Published, tmp_path: Path) -> None:
    (older, *_) = published.read_claims()["consistency"]
    assert aics_command(published, "verify-checkpoint").accepted
    assert aics_command(published, "verify-inclusion", "--index", "7").accepted
    grown = ("verify-consistency", "--old-size", str(older["size"]), "--old-root")
    assert aics_command(published, *grown, older["root"]).accepted
    assert not aics_command(published, *grown, "A" * 43 + "=").accepted
    of_root = next(one for one in tamperings() if one.part == "root")
    assert not aics_command(of_root.of(published, tmp_path), "verify-checkpoint").accepted


def test_sigstore_takes_our_proof_and_checkpoint_of_a_record_of_rekor(tmp_path: Path) -> None:
    artifact = signed_artifact()
    records = [b"record %d" % number for number in range(21)]
    records[13] = rekor_record(artifact)
    log = SampleLog(records, artifact=artifact)
    published = log.publish_head(tmp_path / "good", [13], [])
    assert sigstore(published).said == "verified"
    for tampering in tamperings():
        if tampering.part in {"root", "signature", "key", "inclusion"}:
            changed = tampering.of(published, tmp_path / tampering.name.replace(" ", "-"))
            assert not sigstore(changed).accepted, tampering.name


def test_sigstore_takes_proof_and_checkpoint_of_an_event_and_stops_at_its_entry(
    published: Published,
) -> None:
    assert sigstore(published).said == "included"
