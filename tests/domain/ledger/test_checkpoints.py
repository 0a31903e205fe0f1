from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ledger.checkpoints import (
    Checkpoint,
    cosignature_message,
    signature_time,
    signed_message,
    subtree_message,
)
from domain.ledger.faults import Malformed
from domain.ledger.notes import NoteSignature, SignedNote
from tests.domain.ledger.signing import LOG, LOG_PQ, WITNESS, WITNESS_PQ, Signer

ROOT = bytes(range(32))
TEXT = f"history.example/acme\n600\n{base64.b64encode(ROOT).decode()}\n"
# The example of C2SP tlog-cosignature.md, with both of its signatures.
EXAMPLE = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "\N{EM DASH} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7"
    "u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "\N{EM DASH} witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9d"
    "lrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
)


def test_what_a_checkpoint_says() -> None:
    checkpoint = Checkpoint.parse(TEXT)
    assert checkpoint == Checkpoint("history.example/acme", 600, ROOT)
    assert checkpoint.text() == TEXT


def test_the_checkpoint_of_the_specification() -> None:
    note = SignedNote.parse(EXAMPLE)
    checkpoint = Checkpoint.parse(note.text)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.text() == note.text
    assert signature_time(4, note.signatures[1].signature) == 1679315147
    assert note.format() == EXAMPLE


def test_extension_lines_are_another_logs_business() -> None:
    text = f"{TEXT}x y\nz\n"
    assert Checkpoint.parse(text, extensions=True).extensions == ("x y", "z")
    assert Checkpoint.parse(text, extensions=True).text() == text
    with pytest.raises(Malformed, match="line 4 "):
        Checkpoint.parse(text)


BAD = {
    "nothing": "",
    "two lines": TEXT.rpartition("\n")[0].rpartition("\n")[0] + "\n",
    "no origin": TEXT.partition("\n")[2].join(["\n", ""]),
    "no last line feed": TEXT[:-1],
    "an empty line": f"{TEXT}\n",
    "a padded size": TEXT.replace("600", "0600"),
    "a negative size": TEXT.replace("600", "-600"),
    "a huge size": TEXT.replace("600", str(1 << 63)),
    "a size in words": TEXT.replace("600", "many"),
    "a short root": TEXT.replace("AAEC", ""),
    "a root in hex": f"history.example/acme\n600\n{ROOT.hex()}\n",
}


@pytest.mark.parametrize("extensions", [False, True])
@pytest.mark.parametrize("text", BAD.values(), ids=BAD.keys())
def test_a_bad_checkpoint(text: str, extensions: bool) -> None:
    with pytest.raises(Malformed):
        Checkpoint.parse(text, extensions=extensions)


def test_what_an_ed25519_cosigner_signs() -> None:
    """The example of tlog-cosignature.md."""
    text = SignedNote.parse(EXAMPLE).text
    assert cosignature_message(1679315147, text) == (
        b"cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n"
        b"CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    )


def test_what_an_ml_dsa_cosigner_signs() -> None:
    """Laid out by hand from the structure in tlog-cosignature.md."""
    assert subtree_message("w.example", 1679315147, "log.example", 0, 600, ROOT).hex() == (
        "73756274726565 2f7631 0a00"  # subtree/v1 LF NUL
        "09 772e6578616d706c65"
        "00000000 641850cb"
        "0b 6c6f672e6578616d706c65"
        "0000000000000000"
        "0000000000000258"
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
    ).replace(" ", "")


def test_what_an_ml_dsa_cosigner_never_signs() -> None:
    with pytest.raises(Malformed, match="time"):
        subtree_message("w.example", 1, "log.example", 256, 512, ROOT)
    with pytest.raises(Malformed, match="origin"):
        subtree_message("w.example", 1, "o" * 256, 0, 512, ROOT)
    with pytest.raises(Malformed, match="name"):
        subtree_message("ü" * 128, 1, "log.example", 0, 512, ROOT)
    assert subtree_message("w" * 255, 0, "o" * 255, 256, 512, ROOT)


@pytest.mark.parametrize(
    ("signer", "message"),
    [
        (LOG, TEXT.encode()),
        (WITNESS, cosignature_message(77, TEXT)),
        (WITNESS_PQ, subtree_message(WITNESS_PQ.name, 77, LOG.name, 0, 600, ROOT)),
        (LOG_PQ, subtree_message(LOG.name, 77, LOG.name, 0, 600, ROOT)),
    ],
)
def test_what_a_signature_is_over(signer: Signer, message: bytes) -> None:
    signature = signer.sign(TEXT, time=77)
    assert signed_message(signer.key, signature, TEXT) == (
        message,
        signature.signature[0 if signer is LOG else 8 :],
    )


@pytest.mark.parametrize("signer", [LOG, LOG_PQ, WITNESS, WITNESS_PQ])
@pytest.mark.parametrize("more", [-1, 1])
def test_a_signature_of_another_length(signer: Signer, more: int) -> None:
    whole = signer.sign(TEXT).signature
    cut = NoteSignature(signer.name, signer.key.key_id, (whole + b"\0")[: len(whole) + more])
    with pytest.raises(Malformed, match=signer.name):
        signed_message(signer.key, cut, TEXT)


@pytest.mark.parametrize("signer", [LOG_PQ, WITNESS, WITNESS_PQ])
def test_a_time_after_all_times(signer: Signer) -> None:
    signature = signer.sign(TEXT)
    late = NoteSignature(
        signer.name, signer.key.key_id, b"\x80" + bytes(7) + signature.signature[8:]
    )
    with pytest.raises(Malformed, match="time"):
        signed_message(signer.key, late, TEXT)


@pytest.mark.parametrize("signer", [LOG_PQ, WITNESS, WITNESS_PQ])
def test_a_cosignature_is_of_a_checkpoint(signer: Signer) -> None:
    with pytest.raises(Malformed, match="checkpoint"):
        signed_message(signer.key, signer.sign(TEXT), "any text\n")


@given(st.text(max_size=60), st.booleans())
def test_what_is_read_is_written_the_same(text: str, extensions: bool) -> None:
    for said in (text, TEXT + text, f"o\n1\n{text}\n"):
        try:
            checkpoint = Checkpoint.parse(said, extensions=extensions)
        except Malformed:
            continue
        assert checkpoint.text() == said
