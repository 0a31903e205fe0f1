from __future__ import annotations

import json
import struct
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from domain.canonical import decode, encode
from domain.errors import Unreadable

SAFE = st.integers(-(2**53) + 1, 2**53 - 1)
FINITE = st.floats(allow_nan=False, allow_infinity=False).filter(
    lambda x: not (x.is_integer() and 2**53 <= abs(x) < 1e21)
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none() | st.booleans() | SAFE | FINITE | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)

REFUSED = {
    "empty": b"",
    "only space": b" \n",
    "malformed": b'{"a":1',
    "trailing": b'{"a":1} 2',
    "two values": b"{}{}",
    "single quotes": b"{'a':1}",
    "leading zero": b'{"a":01}',
    "plus": b'{"a":+1}',
    "hex": b'{"a":0x1}',
    "comment": b'{"a":1/**/}',
    "trailing comma": b'{"a":1,}',
    "NaN": b'{"a":NaN}',
    "Infinity": b'{"a":-Infinity}',
    "BOM": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "latin-1": b'{"a":"\xe9"}',
    "overlong": b'{"a":"\xc0\x80"}',
    "surrogate bytes": b'{"a":"\xed\xa0\x80"}',
    "lone high surrogate": b'{"a":"\\ud800"}',
    "lone low surrogate": b'{"a":"x\\udc00y"}',
    "lone surrogate in a key": b'{"\\uD800":1}',
    "raw control character": b'{"a":"\x01"}',
    "raw newline": b'{"a":"x\ny"}',
    "raw NUL": b'{"a":"\x00"}',
    "overflow": b'{"a":1e400}',
    "negative overflow": b"[-1E+309]",
    "integer beyond": b'{"a":9007199254740992}',
    "negative integer beyond": b'{"a":[-9007199254740992]}',
    "bare integer beyond": b"9007199254740992",
    "float that is an integer beyond": b'{"a":9007199254740992.0}',
    "exponent that is an integer beyond": b'{"a":1e20}',
    "long integer": b'{"a":' + b"9" * 40 + b"}",
    "very long integer": b'{"a":' + b"9" * 5000 + b"}",
    "duplicate": b'{"a":1,"a":1}',
    "duplicate, nested": b'{"x":[{"a":1,"b":2,"a":3}]}',
    "duplicate by escape": b'{"a":1,"\\u0061":2}',
    "duplicate with spaces": b'{"a" :1,"a"\n:2}',
    "duplicate hidden by a string": b'{"a" :1,"a" :"\\":"}',
    "duplicate hidden by a string that starts with a colon": b'{"a" :1,"a":":"}',
    "65 lists": b"[" * 65 + b"]" * 65,
    "65 objects": b'{"a":' * 65 + b"1" + b"}" * 65,
    "2000 lists": b"[" * 2000 + b"]" * 2000,
    "200000 unclosed lists": b"[" * 200_000,
}


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED.keys())
def test_refuses_what_does_not_hash_the_same_everywhere(raw: bytes) -> None:
    with pytest.raises(Unreadable) as caught:
        decode(raw)
    assert str(caught.value)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b'{"a":1,"a":2}', "same key twice"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b'{"a":"\\ud800"}', "other half"),
        (b'{"a":"\xff"}', "UTF-8"),
        (b"[9007199254740993]", "2^53"),
        (b"[1e999]", "binary64"),
        (b"[" * 99 + b"]" * 99, "64 levels"),
    ],
)
def test_says_why(raw: bytes, words: str) -> None:
    with pytest.raises(Unreadable, match=words.replace("^", r"\^")):
        decode(raw)


def test_the_error_does_not_carry_the_body() -> None:
    with pytest.raises(Unreadable) as caught:
        decode(b'{"email":"ann@example.org\xff"}')
    assert caught.value.__context__ is None
    assert "ann" not in str(caught.value)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"1.0", 1),
        (b"-0.0", 0),
        (b"-0", 0),
        (b"1e5", 100000),
        (b"1.50", 1.5),
        (b"1e21", 1e21),
        (b"9007199254740991", 2**53 - 1),
        (b"9007199254740991.0", 2**53 - 1),
        (b'{"a" :1, "b":":"}', {"a": 1, "b": ":"}),
        (b'{"a":"\\":\\":"}', {"a": '":":'}),
        (b'{"":{"":1}}', {"": {"": 1}}),
        (b"[" * 64 + b"]" * 64, None),
        (b'"\\ud83d\\ude00"', "😀"),
    ],
)
def test_reads_plain_json_and_knows_one_spelling_of_a_number(raw: bytes, value: Any) -> None:
    found = decode(raw)
    if value is not None:
        assert (found, type(found)) == (value, type(value))


@given(JSON)
@example({"\U00010000": 1, "\uffff": 2})
@example([1e-6, 1.5e-6, 1e-7, 9.5e-6, 1e-5, 0.1, 1e21, 1.7976931348623157e308, -0.0, 5e-324])
@example('\x7f\u2028\u2029</\x1f\b"\\')
def test_encode_is_rfc_8785(value: Any) -> None:
    assert encode(value) == rfc8785.dumps(value)


@given(JSON)
def test_decode_then_encode_is_stable(value: Any) -> None:
    canonical = encode(value)
    assert encode(decode(canonical)) == canonical
    assert encode(decode(json.dumps(value, indent=1).encode())) == canonical


@given(JSON)
def test_what_comes_without_duplicates_is_accepted(value: Any) -> None:
    for text in (json.dumps(value), json.dumps(value, separators=(" ,", " : "))):
        assert encode(decode(text.encode())) == encode(value)


@given(st.binary(min_size=8, max_size=8))
def test_floats_are_read_to_the_nearest_binary64(bits: bytes) -> None:
    number = struct.unpack(">d", bits)[0]
    if number - number == 0 and not (number.is_integer() and 2**53 <= abs(number) < 1e21):
        assert decode(repr(number).encode()) == number


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    try:
        value = decode(raw)
    except Unreadable:
        return
    assert json.loads(raw) == value


def test_refuses_to_encode_what_json_cannot_hold() -> None:
    for value in (float("nan"), float("inf"), 2**53, [-(2**60)]):
        with pytest.raises(ValueError, match=r"."):
            encode(value)
