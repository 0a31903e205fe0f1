"""The keys of an installation's logs, in a file."""

from __future__ import annotations

import multiprocessing
import stat
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest

from application.ledger.signatures import open_checkpoint, verify_signature
from domain.errors import Conflict, KeyUnavailable
from domain.ledger.checkpoints import Checkpoint, signature_time
from domain.ledger.notes import COSIGNED_MLDSA44, ED25519, SignedNote, VerifierKey
from infrastructure.key_store import durable
from infrastructure.ledger import signing_keys
from infrastructure.ledger.signing_keys import FileLogKeys

ROOT = Path(__file__).parents[3]
TIME = 1_756_470_898
_ticks = count(1)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "data" / "signing"


@pytest.fixture
def keys(directory: Path) -> FileLogKeys:
    return opened(directory)


def opened(directory: Path) -> FileLogKeys:
    return FileLogKeys(directory, lambda: next(_ticks))


def head(keys: FileLogKeys, tenant: str = "acme") -> Checkpoint:
    return Checkpoint(f"{keys.service_origin}/{tenant}", 600, bytes(range(32)))


def note(keys: FileLogKeys, *, brief: bool = False) -> SignedNote:
    text = head(keys).text()
    return SignedNote.parse(
        SignedNote(text, keys.sign(head(keys), TIME, brief=brief)).format()
    )  # fmt: skip


def listed(keys: FileLogKeys) -> list[str]:
    return [str(key) for key in keys.verifier_keys(head(keys).origin)]


def test_the_first_to_ask_makes_them(directory: Path, keys: FileLogKeys) -> None:
    assert not directory.exists()
    origin = keys.service_origin
    name, _, rest = origin.partition("/")
    assert name == "order-history.internal"
    assert len(rest) == 16
    assert opened(directory).service_origin == origin
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    for one in directory.iterdir():
        assert stat.S_IMODE(one.stat().st_mode) == 0o600, one


def test_every_installation_has_others(tmp_path: Path) -> None:
    one, other = opened(tmp_path / "1"), opened(tmp_path / "2")
    assert one.service_origin != other.service_origin
    assert listed(one) != listed(other)


def test_what_is_signed_is_verified_by_the_keys_as_text(keys: FileLogKeys) -> None:
    parsed = [VerifierKey.parse(text) for text in listed(keys)]
    assert [key.algorithm for key in parsed] == [ED25519, COSIGNED_MLDSA44]
    signed = note(keys)
    assert open_checkpoint(signed, parsed).by == tuple(parsed)
    for key in parsed:
        assert open_checkpoint(signed, [key]).checkpoint == head(keys)
    assert signature_time(COSIGNED_MLDSA44, signed.signatures[1].signature) == TIME


def test_a_brief_signature_is_by_ed25519_alone(keys: FileLogKeys) -> None:
    ed25519, mldsa = keys.verifier_keys(head(keys).origin)
    brief = note(keys, brief=True)
    assert open_checkpoint(brief, [ed25519, mldsa]).by == (ed25519,)
    assert brief.signatures == note(keys).signatures[:1]


def test_a_signature_is_for_one_log(keys: FileLogKeys) -> None:
    text = head(keys).text().replace("/acme\n", "/zeta\n")
    for key, signature in zip(
        keys.verifier_keys(f"{keys.service_origin}/zeta"), note(keys).signatures, strict=True
    ):
        assert not verify_signature(key, signature, text)
    ids = {key.key_id for tenant in "ab" for key in keys.verifier_keys(f"x/{tenant}")}
    assert len(ids) == 4


def test_both_sign_after_a_rotation_and_both_are_listed(directory: Path) -> None:
    keys = opened(directory)
    origin, before = keys.service_origin, listed(keys)
    opened(directory).rotate()
    assert keys.service_origin == origin
    assert listed(keys)[2:] == before, "the current one first"
    signed = note(keys)
    assert len(signed.signatures) == 4
    for text in listed(keys):
        open_checkpoint(signed, [VerifierKey.parse(text)])
    assert len(note(keys, brief=True).signatures) == 2


def test_the_new_key_alone_signs_after_the_old_is_retired(directory: Path) -> None:
    keys = opened(directory)
    old = [VerifierKey.parse(text) for text in listed(keys)]
    signed_before = note(keys)
    keys.rotate()
    opened(directory).retire()
    new = [VerifierKey.parse(text) for text in listed(keys)][:2]
    assert [VerifierKey.parse(text) for text in listed(keys)] == [*new, *old]
    signed = note(keys)
    assert open_checkpoint(signed, [*new, *old]).by == tuple(new)
    assert open_checkpoint(signed_before, [*new, *old]).by == tuple(old)
    keys.rotate()
    assert len(note(keys).signatures) == 4, "the retired one does not come back"


def test_the_only_key_is_not_retired(keys: FileLogKeys) -> None:
    keys.rotate()
    keys.retire()
    before = listed(keys)
    with pytest.raises(Conflict, match="only the current key signs"):
        keys.retire()
    assert listed(keys) == before
    assert len(note(keys).signatures) == 2


@pytest.mark.parametrize("what", ["rotate", "retire"])
def test_a_change_before_the_first_use(keys: FileLogKeys, what: str) -> None:
    if what == "retire":
        with pytest.raises(Conflict):
            keys.retire()
    else:
        keys.rotate()
    assert len(note(keys).signatures) == (2 if what == "retire" else 4)


def _first(directory: str, ready: object, answers: object) -> None:
    ready.wait()  # type: ignore[attr-defined]  # a barrier of some context
    keys = opened(Path(directory))
    answers.put((keys.service_origin, listed(keys)))  # type: ignore[attr-defined]  # its queue


def test_processes_that_come_at_once_make_one(directory: Path) -> None:
    context = multiprocessing.get_context("spawn")
    for number in range(3):
        ready, answers = context.Barrier(4), context.Queue()
        processes = [
            context.Process(target=_first, args=(f"{directory}{number}", ready, answers))
            for _ in range(4)
        ]
        for process in processes:
            process.start()
        told = [answers.get(timeout=60) for _ in processes]
        for process in processes:
            process.join()
        assert told == [told[0]] * 4


def test_rotations_at_once_lose_none(directory: Path) -> None:
    program = (
        "import sys; from pathlib import Path; "
        "from infrastructure.ledger.signing_keys import FileLogKeys; "
        "FileLogKeys(Path(sys.argv[1]), lambda: 1).rotate()"
    )
    argv = [sys.executable, "-c", program, str(directory)]
    processes = [subprocess.Popen(argv, cwd=ROOT) for _ in range(4)]
    assert [process.wait() for process in processes] == [0] * 4
    assert len(listed(opened(directory))) == 10


def test_a_damaged_file_signs_nothing_and_is_not_replaced(directory: Path) -> None:
    keys = opened(directory)
    _ = keys.service_origin
    content = bytearray((directory / "keys").read_bytes())
    content[40] ^= 1
    (directory / "keys").write_bytes(content)
    for reader in (keys, opened(directory)):
        with pytest.raises(KeyUnavailable):
            reader.sign(Checkpoint("x", 1, bytes(32)), TIME)
        with pytest.raises(KeyUnavailable):
            reader.verifier_keys("x")
        with pytest.raises(KeyUnavailable):
            reader.rotate()
    assert (directory / "keys").read_bytes() == content


def test_an_error_quotes_no_key(directory: Path) -> None:
    keys = opened(directory)
    _ = keys.service_origin
    durable.write(directory / "keys", b'{"service_origin": "x", "keys": [{"ed25519": "SECRET"}]}')
    with pytest.raises(KeyUnavailable) as error:
        keys.sign(Checkpoint("x", 1, bytes(32)), TIME)
    assert "SECRET" not in repr(error.value)
    assert error.value.__cause__ is None


def test_keys_that_go_while_they_are_used_are_not_made_anew(
    directory: Path, tmp_path: Path
) -> None:
    keys = opened(directory)
    before = listed(keys)
    (directory / "keys").rename(tmp_path / "keys")
    with pytest.raises(KeyUnavailable, match="gone"):
        keys.sign(Checkpoint("x", 1, bytes(32)), TIME)
    _ = opened(directory).service_origin  # another process makes others
    with pytest.raises(KeyUnavailable, match="others"):
        keys.sign(Checkpoint("x", 1, bytes(32)), TIME)
    (tmp_path / "keys").rename(directory / "keys")
    assert listed(keys) == before


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KeyUnavailable) as error:
        _ = opened(tmp_path / "file" / "signing").service_origin
    assert str(tmp_path) not in str(error.value)


def test_without_ml_dsa(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ed25519 alone; and keys made so go on where it is offered."""
    with monkeypatch.context() as patch:
        patch.setattr(signing_keys, "MLDSA44PrivateKey", None)
        keys = opened(directory)
        (alone,) = keys.verifier_keys(head(keys).origin)
        assert open_checkpoint(note(keys), [alone]).by == (alone,)
    again = opened(directory)
    assert open_checkpoint(note(again), [alone]).by == (alone,)
    again.rotate()
    assert len(note(again).signatures) == 3
    monkeypatch.setattr(signing_keys, "MLDSA44PrivateKey", None)
    assert len(note(opened(directory)).signatures) == 2
