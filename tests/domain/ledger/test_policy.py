from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ledger.faults import Malformed
from domain.ledger.notes import COSIGNED_ED25519, COSIGNED_MLDSA44, ED25519
from domain.ledger.policy import Policy
from tests.domain.ledger.signing import LOG, LOG_PQ, Signer

LOGS = f"log {LOG.key} https://history.example/\nlog {LOG_PQ.key}\n"
KEYS = [Signer(f"w{n}.example", COSIGNED_ED25519, n).key for n in range(10, 16)]
X = "".join(f"witness X{n} {KEYS[n]}\n" for n in range(3))
Y = "".join(f"witness Y{n} {KEYS[3 + n]} https://y{n}.example/\n" for n in range(3))
# The policy of C2SP tlog-policy.md, "Example policy".
EXAMPLE = (
    f"{LOGS}\n# ten\n{X}group X-witnesses 2 X0 X1 X2\n\n{Y}group Y-witnesses any Y0 Y1 Y2\n"
    "group X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n"
)


def test_what_a_policy_says() -> None:
    policy = Policy.parse(EXAMPLE.encode())
    assert [(one.key, one.url) for one in policy.logs] == [
        (LOG.key, "https://history.example/"),
        (LOG_PQ.key, ""),
    ]
    assert [one.name for one in policy.witnesses] == ["X0", "X1", "X2", "Y0", "Y1", "Y2"]
    assert [one.key for one in policy.witnesses] == KEYS
    assert policy.witnesses[3].url == "https://y0.example/"
    assert [one.threshold for one in policy.groups] == [2, 1, 2]


@pytest.mark.parametrize(
    ("cosigned", "witnessed"),
    [
        ("", False),
        ("X0 X1", False),
        ("X0 Y1", False),
        ("Y0 Y1 Y2", False),
        ("X0 X2 Y2", True),
        ("X0 X1 X2 Y0 Y1 Y2", True),
        ("X-and-Y", False),
        ("X-witnesses Y-witnesses", False),
        ("X0 X-witnesses Y0", False),
        ("none", False),
        ("X0 X9 Y0", False),
    ],
)
def test_who_must_have_cosigned(cosigned: str, witnessed: bool) -> None:
    policy = Policy.parse(EXAMPLE.encode())
    assert policy.satisfied(set(cosigned.split())) is witnessed


def test_a_single_witness_as_quorum() -> None:
    policy = Policy.parse(f"{X}quorum X1\n".encode())
    assert policy.satisfied({"X1"})
    assert not policy.satisfied({"X0", "X2"})


def test_no_witness_needed() -> None:
    assert Policy.parse(b"quorum none\n").satisfied(set())


def test_spaces_and_comments_and_octets_that_are_not_utf_8() -> None:
    policy = Policy.parse(
        b"\t # \xff\n \t\nwitness\t\xe9\xff  " + str(KEYS[0]).encode() + b" \nquorum \xe9\xff\n"
    )
    (witness,) = policy.witnesses
    assert policy.satisfied({witness.name})


def test_a_kelvin_sign_is_not_a_k() -> None:
    text = f"witness K {KEYS[0]}\nwitness \u212a {KEYS[1]}\nquorum K\n"
    assert not Policy.parse(text.encode()).satisfied({"\u212a"})


W = X.splitlines(keepends=True)[0]
LONE_TYPE_1 = Signer("w.example", ED25519, 30).key
BAD = {
    "nothing": ("", "no quorum"),
    "no quorum": (X, "no quorum"),
    "two quorums": ("quorum none\nquorum none\n", "line 2 "),
    "no line feed at the end": ("quorum none", "line 1 .* line feed"),
    "a carriage return": ("quorum none\r\n", "line 1 .* control"),
    "an unknown word": ("quorum none\nlogs\n", "line 2 "),
    "a quorum of nobody": ("quorum X1\n", "line 1 .* not defined"),
    "a quorum before its group": (f"{W}quorum G\ngroup G any X0\n", "line 2 "),
    "a group before its witness": (f"group G any X0\n{W}quorum G\n", "line 1 "),
    "a group of itself": (f"{W}group G all X0 G\nquorum G\n", "line 2 "),
    "a group of none": ("group G any none\nquorum G\n", "line 1 "),
    "an empty group": ("group G any\nquorum G\n", "line 1 "),
    "too high a threshold": (f"{W}group G 2 X0\nquorum G\n", "line 2 "),
    "a threshold of 0": (f"{W}group G 0 X0\nquorum G\n", "line 2 "),
    "a threshold of 01": (f"{W}group G 01 X0\nquorum G\n", "line 2 "),
    "one member twice": (f"{W}group G any X0 X0\nquorum G\n", "line 2 "),
    "one member in two groups": (f"{W}group G any X0\ngroup H any X0\nquorum G\n", "line 3 "),
    "one name twice": (f"{W}witness X0 {KEYS[1]}\nquorum X0\n", "line 2 "),
    "a group with a witness's name": (f"{W}group X0 any X0\nquorum X0\n", "line 2 "),
    "a witness called none": (f"witness none {KEYS[0]}\nquorum none\n", "line 1 "),
    "one key twice": (f"{W}witness X1 {KEYS[0]}\nquorum X0\n", "line 2 "),
    "one key by two names": (
        f"{W}witness X1 {Signer('other.example', COSIGNED_ED25519, 10).key}\nquorum X0\n",
        "line 2 ",
    ),
    "one log twice": (f"{LOGS}log {LOG.key}\nquorum none\n", "line 3 "),
    "a witness with a log's key": (f"witness X {LONE_TYPE_1}\nquorum X\n", "type 1"),
    "a log with a witness's key": (f"log {KEYS[0]}\nquorum none\n", "type 4"),
    "a bad key": ("witness X abc\nquorum X\n", "line 1 "),
    "a word too many": (f"witness X {KEYS[0]} url x\nquorum X\n", "line 1 "),
    "too long": ("#" * 1_000_001, "bytes"),
}


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD.keys())
def test_a_bad_policy(text: str, message: str) -> None:
    with pytest.raises(Malformed, match=message) as caught:
        Policy.parse(text.encode())
    assert "\n" not in str(caught.value)


def test_a_key_whose_name_is_not_utf_8() -> None:
    with pytest.raises(Malformed, match="line 1 "):
        Policy.parse(b"witness X \xff" + str(KEYS[0]).encode() + b"\nquorum X\n")


def test_ml_dsa_witnesses() -> None:
    key = Signer("w.example", COSIGNED_MLDSA44, 9).key
    assert Policy.parse(f"witness W {key}\nquorum W\n".encode()).witnesses[0].key == key


@given(st.lists(st.sampled_from(EXAMPLE.split() + ["\n"] * 20), max_size=30))
def test_any_words(words: list[str]) -> None:
    try:
        policy = Policy.parse(" ".join(words).encode())
    except Malformed:
        return
    assert policy.quorum == "none" or not policy.satisfied(set())


@given(st.binary(max_size=100))
def test_any_bytes(data: bytes) -> None:
    with pytest.raises(Malformed):
        Policy.parse(data + b"\n?\n")
