from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ledger.faults import Malformed
from domain.ledger.notes import (
    COSIGNED_MLDSA44,
    MAX_SIGNATURES,
    NoteSignature,
    SignedNote,
    VerifierKey,
    decode_decimal,
    key_id,
)
from tests.domain.ledger.signing import LOG, LOG_PQ, WITNESS, Signer, signed

# The example of C2SP signed-note.md.
EXAMPLE_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE = (
    "This is an example message.\n\n\N{EM DASH} example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6"
    "TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
LINE = "\N{EM DASH} a.example AAAAAQI=\n"


def test_the_key_of_the_specification() -> None:
    key = VerifierKey.parse(EXAMPLE_KEY)
    assert (key.name, key.key_id.hex(), key.algorithm) == ("example.com/foo", "530d903a", 1)
    assert key_id(key.name, key.algorithm, key.public).hex() == "530d903a"
    assert str(key) == EXAMPLE_KEY


def test_the_note_of_the_specification() -> None:
    note = SignedNote.parse(EXAMPLE.encode())
    assert note.text == "This is an example message.\n"
    (signature,) = note.signatures
    assert signature.is_by(VerifierKey.parse(EXAMPLE_KEY))
    assert len(signature.signature) == 64
    assert note.format() == EXAMPLE


def test_the_text_ends_at_the_last_empty_line() -> None:
    note = SignedNote.parse(f"a\n\nb\n\n{LINE}")
    assert note.text == "a\n\nb\n"
    assert note.format() == f"a\n\nb\n\n{LINE}"


@pytest.mark.parametrize("signer", [LOG, LOG_PQ, WITNESS])
def test_keys_are_read_as_they_are_written(signer: Signer) -> None:
    assert VerifierKey.parse(str(signer.key)) == signer.key


def vkey(name: str, material: bytes, said: str | None = None) -> str:
    said = said or key_id(name, material[0], material[1:]).hex()
    return f"{name}+{said}+{base64.b64encode(material).decode()}"


BAD_KEYS = {
    "nothing": "",
    "two parts": "example.com/foo+530d903a",
    "no name": vkey("", bytes([1]) * 33),
    "a space in the name": vkey("a b", bytes([1]) * 33),
    "a no-break space in the name": vkey("a\u00a0b", bytes([1]) * 33),
    "an id in capitals": EXAMPLE_KEY.replace("530d903a", "530D903A"),
    "an id of another key": EXAMPLE_KEY.replace("530d903a", "530d903b"),
    "another name": EXAMPLE_KEY.replace("foo", "bar"),
    "a short key": vkey("a", bytes([1]) * 32),
    "a long key": vkey("a", bytes([1]) * 34),
    "a short ML-DSA key": vkey("a", bytes([COSIGNED_MLDSA44]) * 1312),
    "an unknown type": vkey("a", bytes([2]) * 33),
    "no material": "a+00000000+",
    "no padding": vkey("a", bytes([1]) * 33 + b"1").rstrip("="),
    "base64 of URLs": EXAMPLE_KEY[:-1] + "_",
    "a line feed": EXAMPLE_KEY + "\n",
}


@pytest.mark.parametrize("text", BAD_KEYS.values(), ids=BAD_KEYS.keys())
def test_a_bad_key(text: str) -> None:
    with pytest.raises(Malformed):
        VerifierKey.parse(text)


BAD_NOTES = {
    "nothing": "",
    "no signature": "a\n\n",
    "no empty line": f"a\n{LINE}",
    "no last line feed": f"a\n\n{LINE[:-1]}",
    "a text without a line feed": f"a{LINE}",
    "a hyphen for the dash": f"a\n\n- {LINE[2:]}",
    "two spaces": "a\n\n\N{EM DASH} a.example  AAAAAQI=\n",
    "a word too many": "a\n\n\N{EM DASH} a.example AAAAAQI= b\n",
    "no name": "a\n\n\N{EM DASH}  AAAAAQI=\n",
    "a plus in the name": "a\n\n\N{EM DASH} a+b AAAAAQI=\n",
    "only a key id": "a\n\n\N{EM DASH} a.example AAAAAQ==\n",
    "bits behind the end": "a\n\n\N{EM DASH} a.example AAAAAQJ=\n",
    "no padding": "a\n\n\N{EM DASH} a.example AAAAAQI\n",
    "more behind the padding": "a\n\n\N{EM DASH} a.example AAAAAQI=AAAA\n",
    "a carriage return": f"a\r\n\n{LINE}",
    "a tab": f"a\tb\n\n{LINE}",
    "too many signatures": "a\n\n" + LINE * (MAX_SIGNATURES + 1),
    "too long": "a" * 1_000_000 + f"\n\n{LINE}",
    "a lone surrogate": f"\ud800\n\n{LINE}",
}


@pytest.mark.parametrize("text", BAD_NOTES.values(), ids=BAD_NOTES.keys())
def test_a_bad_note(text: str) -> None:
    with pytest.raises(Malformed) as caught:
        SignedNote.parse(text)
    assert "\n" not in str(caught.value)


def test_a_note_that_is_not_text() -> None:
    with pytest.raises(Malformed, match="UTF-8"):
        SignedNote.parse(b"\xff\n\n" + LINE.encode())


def test_the_bad_line_is_named() -> None:
    with pytest.raises(Malformed, match="line 5 "):
        SignedNote.parse(f"a\nb\n\n{LINE}x\n")


def test_as_many_signatures_as_are_allowed() -> None:
    assert len(SignedNote.parse("a\n\n" + LINE * MAX_SIGNATURES).signatures) == MAX_SIGNATURES


@pytest.mark.parametrize("text", ["", "-1", "+1", "01", "1 ", "1_0", "٣", str(1 << 63), "9" * 5000])
def test_bad_numbers(text: str) -> None:
    with pytest.raises(Malformed, match="the size is not"):
        decode_decimal(text, "the size")


@pytest.mark.parametrize("number", [0, 7, 10, (1 << 63) - 1])
def test_numbers(number: int) -> None:
    assert decode_decimal(str(number), "the size") == number


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    try:
        note = SignedNote.parse(data)
    except Malformed:
        return
    assert note.format().encode() == data


NOTE = signed("a text\n", LOG).encode()


@given(st.integers(0, len(NOTE) - 1), st.binary(max_size=3), st.integers(0, 3))
def test_what_is_read_is_written_the_same(at: int, put: bytes, cut: int) -> None:
    """Else two different files could be the same note."""
    data = NOTE[:at] + put + NOTE[at + cut :]
    try:
        note = SignedNote.parse(data)
    except Malformed:
        return
    assert note.format().encode() == data


@given(st.text(), st.binary(max_size=80))
def test_signature_lines(name: str, signature: bytes) -> None:
    line = NoteSignature(name, b"abcd", signature).line()
    try:
        read = NoteSignature.parse(line.removesuffix("\n"))
    except Malformed:
        return
    assert read == NoteSignature(name, b"abcd", signature)
