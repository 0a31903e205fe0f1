"""Files that somebody was given, and keys, which must come from elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from application.ledger.verifying import check_apart, read_file, read_keys
from domain.ledger.faults import Malformed
from tests.domain.ledger.signing import LOG, LOG_PQ


def test_a_key_as_it_is() -> None:
    assert read_keys(str(LOG.key)) == [LOG.key]


@pytest.mark.parametrize("prefix", ["", "@"])
def test_keys_in_a_file(tmp_path: Path, prefix: str) -> None:
    path = tmp_path / "keys"
    path.write_text(f"# of the shop\n{LOG.key}\n\n{LOG_PQ.key}\n")
    assert read_keys(f"{prefix}{path}") == [LOG.key, LOG_PQ.key]


@pytest.mark.parametrize(
    ("text", "message"), [("", "no verifier key"), ("# x\n", "no verifier key"), ("x\n", "line 1 ")]
)
def test_a_file_without_keys(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "keys").write_text(text)
    with pytest.raises(Malformed, match=message):
        read_keys(str(tmp_path / "keys"))


@pytest.mark.parametrize("value", ["", "nowhere", "@nowhere", "@", "a+b+c", "x" * 10_000, "\udcff"])
def test_what_is_no_key(value: str) -> None:
    with pytest.raises(Malformed):
        read_keys(value)


def test_a_key_file_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "keys").write_bytes(b"\xff\xfe")
    with pytest.raises(Malformed, match="UTF-8"):
        read_keys(str(tmp_path / "keys"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """data/{proof, tile/key}, elsewhere/key, and links across."""
    for path in ("data/proof", "data/tile/key", "elsewhere/key"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")
    (tmp_path / "data/out").symlink_to(tmp_path / "elsewhere/key")
    (tmp_path / "elsewhere/in").symlink_to(tmp_path / "data/tile/key")
    (tmp_path / "elsewhere/data").symlink_to(tmp_path / "data")
    return tmp_path


@pytest.mark.parametrize(
    "key",
    ["data/key", "data/tile/key", "data/out", "elsewhere/in", "elsewhere/../data/out",
     "elsewhere/data/tile/key"],
)  # fmt: skip
@pytest.mark.parametrize("directory", ["data", "elsewhere/data", "elsewhere/../data/tile/.."])
def test_a_key_below_the_data(data: Path, key: str, directory: str) -> None:
    with pytest.raises(Malformed, match="elsewhere"):
        check_apart(data / key, [data / directory])


@pytest.mark.parametrize("key", ["data/key", "data/out", "elsewhere/data/key"])
def test_a_key_beside_a_file(data: Path, key: str) -> None:
    with pytest.raises(Malformed, match="elsewhere"):
        check_apart(data / key, [data / "data/proof"])


@pytest.mark.parametrize("key", ["elsewhere/key", "key", "data/../key", "datakey/key"])
def test_a_key_from_elsewhere(data: Path, key: str) -> None:
    check_apart(data / key, [data / "data", data / "data/proof"])


def test_relative_paths(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(data / "data")
    check_apart(Path("../elsewhere/key"), [Path(), Path("proof")])
    for path, one in (("key", "."), ("key", "proof"), ("tile/key", ".")):
        with pytest.raises(Malformed):
            check_apart(Path(path), [Path(one)])


def test_a_bounded_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert read_file(tmp_path / "a", 3) == b"abc"
    with pytest.raises(Malformed, match="over 2 bytes"):
        read_file(tmp_path / "a", 2)
    with pytest.raises(Malformed, match="not there"):
        read_file(tmp_path / "b", 2)
    with pytest.raises(Malformed, match=r"not a file|cannot be read"):
        read_file(tmp_path, 2)
    with pytest.raises(Malformed, match="not a file"):
        read_file(Path("/dev/zero"), 2)
