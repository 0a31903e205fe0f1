"""Tokens that must not hold, a line each: the smallest change of a token that does hold.

There are three issuers: the local one, "https://login.example.com/" (`key_server.py`), and a second
one with a key of its own under the same id. The attacker knows every public key, has keys of their
own, and in the last part is the second issuer.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from application.access.authenticate import MAX_TOKEN
from tests.infrastructure.access.conftest import NOW, encode, forged
from tests.infrastructure.access.forging import (
    CLAIMS,
    HEADER,
    MINE,
    MY_RSA,
    ORDER,
    SECOND,
    SECOND_EC,
    as_der,
    claiming,
    headed,
    hmac_with,
    inserted,
    larger,
    numbers,
    public,
    signature,
    spare_bit,
    spelt,
    token,
    without,
)
from tests.infrastructure.access.key_server import EC, ED, ISSUER, RSA

ALGORITHMS: dict[str, Callable[[], str]] = {
    "none, and no signature": lambda: headed(None, "none", alg="none"),
    "none, and the signature left": lambda: headed(alg="none"),
    "none in other letters": lambda: headed(None, "none", alg="nOnE"),
    "no algorithm": lambda: token({"kid": "ec"}),
    "an empty algorithm": lambda: headed(alg=""),
    "null for an algorithm": lambda: headed(alg=None),
    "a list of algorithms": lambda: headed(alg=["ES256", "none"]),
    "an algorithm in small letters": lambda: headed(alg="es256"),
    "an algorithm in wide letters": lambda: headed(alg="\uff25\uff33256"),
    "an algorithm with a NUL": lambda: headed(alg="ES256\0"),
    "HMAC with the public key as PEM": lambda: hmac_with(RSA.as_pem(private=False)),
    "HMAC with the public key as DER": lambda: hmac_with(RSA.as_der(private=False)),
    "HMAC with the public key as JWK": lambda: hmac_with(json.dumps(public(RSA)).encode()),
    "HMAC with the modulus": lambda: hmac_with(str(public(RSA)["n"]).encode()),
    "HMAC with the curve's key": lambda: hmac_with(EC.as_pem(private=False), kid="ec"),
    "HMAC with nothing": lambda: hmac_with(b"", kid="/dev/null"),
    "HMAC under the name of RSA": lambda: hmac_with(RSA.as_pem(private=False), alg="RS256"),
    "an RSA algorithm that is not pinned": lambda: headed(RSA, "RS512", alg="RS512", kid="rsa"),
    "PSS where PKCS 1 is pinned": lambda: headed(RSA, "PS256", alg="PS256", kid="rsa"),
    "PSS under the name of PKCS 1": lambda: headed(RSA, "PS256", alg="RS256", kid="rsa"),
    "another hash under the same name": lambda: headed(RSA, "RS512", alg="RS256", kid="rsa"),
    "a curve's algorithm for an RSA key": lambda: headed(kid="rsa"),
    "RSA's algorithm for a curve's key": lambda: headed(RSA, "RS256", alg="RS256"),
    "Ed25519's algorithm for another curve": lambda: headed(ED, "EdDSA", alg="EdDSA"),
    "a larger curve's algorithm": lambda: headed(alg="ES384"),
}

KEYS: dict[str, Callable[[], str]] = {
    "the attacker's key": lambda: headed(MINE),
    "the attacker's RSA key": lambda: headed(MY_RSA, "RS256", alg="RS256", kid="rsa"),
    "the attacker's key by its own id": lambda: headed(MINE, kid="mine"),
    "a key in the header": lambda: headed(MINE, jwk=public(MINE)),
    "a key in the header, by its id": lambda: headed(MINE, kid="mine", jwk=public(MINE)),
    "a key in the header, and no id": lambda: token(
        {"alg": "ES256", "jwk": public(MINE)}, key=MINE
    ),
    "a key to be fetched": lambda: headed(MINE, jku="https://evil.example.com/jwks"),
    "a key to be fetched, by its id": lambda: headed(
        MINE, kid="mine", jku="https://evil.example.com/jwks"
    ),
    "a certificate in the header": lambda: headed(MINE, x5c=["MIIB"]),
    "a certificate to be fetched": lambda: headed(MINE, x5u="https://evil.example.com/cert"),
    "an id that is a path": lambda: headed(kid="../../keys/ec"),
    "an id that is a URL": lambda: headed(MINE, kid="https://evil.example.com/jwks#mine"),
    "an id that is SQL": lambda: headed(MINE, kid="x' union select 'k' --"),
    "an id that is a command": lambda: headed(MINE, kid="ec|id"),
    "an id of 10,000 characters": lambda: headed(kid="ec" * 5_000),
    "an id that is a number": lambda: headed(kid=7),
    "an id that is a list": lambda: headed(kid=["ec"]),
    "an id that is an object": lambda: headed(kid={"ec": 1}),
    "an empty id": lambda: headed(kid=""),
    "an id with a NUL": lambda: headed(kid="ec\0"),
    "an id with a space": lambda: headed(kid=" ec"),
    "an id in capitals": lambda: headed(kid="EC"),
    "an id of the like look": lambda: headed(kid="\u0435c"),
}

HEADERS: dict[str, Callable[[], str]] = {
    "an extension that must be understood": lambda: headed(crit=["exp"], exp=NOW),
    "an empty list of extensions": lambda: headed(crit=[]),
    "null for a list of extensions": lambda: headed(crit=None),
    "a payload that is not encoded": lambda: headed(crit=["b64"], b64=False),
    "the same, and not said to matter": lambda: headed(b64=False),
    "a token of another kind": lambda: headed(typ="secevent+jwt"),
    "a proof of possession": lambda: headed(typ="dpop+jwt"),
    "a kind that is a number": lambda: headed(typ=7),
    "an algorithm twice": lambda: token(inserted(HEADER, '"alg":"none"')),
    "an algorithm twice, once escaped": lambda: token(inserted(HEADER, '"\\u0061lg":"none"')),
    "an id twice": lambda: token(inserted(HEADER, '"kid":"mine"')),
    "a key twice in a member of no meaning": lambda: token(inserted(HEADER, '"x":{"a":1,"a":2}')),
    "no object": lambda: token(b'["ES256"]'),
    "no JSON": lambda: token(b"{'alg':'ES256','kid':'ec'}"),
    "more after the JSON": lambda: token(json.dumps(HEADER).encode() + b"{}"),
    "NaN": lambda: token(inserted(HEADER, '"x":NaN')),
    "a byte order mark": lambda: token(b"\xef\xbb\xbf" + json.dumps(HEADER).encode()),
    "UTF-16": lambda: token(json.dumps(HEADER).encode("utf-16-le")),
    "bytes that are no text": lambda: token(b'{"x":"\xff",' + json.dumps(HEADER).encode()[1:]),
    "half a character": lambda: token(inserted(HEADER, '"x":"\\ud800"')),
    "9,000 lists in each other": lambda: token(b'{"alg":' + b"[" * 9_000),
}


SHAPES: dict[str, Callable[[], str]] = {
    "nothing": lambda: "..",
    "two texts": lambda: token().rpartition(".")[0],
    "four texts": lambda: token() + "." + encode(b"x"),
    "a dot more": lambda: token() + ".",
    "five texts, encrypted": lambda: ".".join(
        encode(part) for part in ({"alg": "dir", "enc": "A128GCM"}, b"", b"x" * 12, b"x", b"x" * 16)
    ),
    "a token in a token": lambda: token({**HEADER, "cty": "JWT"}, token().encode()),
    "JSON in place of the texts": lambda: json.dumps(
        dict(zip(("protected", "payload", "signature"), token().split("."), strict=True))
    ),
    "two tokens": lambda: f"{token()},{token()}",
    "a claim set left out": lambda: spelt(1, lambda _: ""),
    "a header left out": lambda: spelt(0, lambda _: ""),
    "padding, header": lambda: spelt(0, lambda text: text + "=" * (-len(text) % 4)),
    "padding, claims": lambda: spelt(1, lambda text: text + "=" * (-len(text) % 4)),
    "padding, signature": lambda: spelt(2, lambda text: text + "=="),
    "a spare bit, header": lambda: spelt(0, spare_bit),
    "a spare bit, claims": lambda: spelt(1, spare_bit),
    "a spare bit, signature": lambda: spelt(2, spare_bit),
    "a character more": lambda: spelt(2, lambda text: text + "A"),
    "a line break, header": lambda: spelt(0, lambda text: text[:8] + "\n" + text[8:]),
    "a space, claims": lambda: spelt(1, lambda text: text[:8] + " " + text[8:]),
    "a tab after the signature": lambda: spelt(2, lambda text: text + "\t"),
    "a NUL, signature": lambda: spelt(2, lambda text: text[:8] + "\0" + text[8:]),
    "signs of the other alphabet": lambda: claiming(x="?" * 9).translate(
        {ord("-"): "+", ord("_"): "/"}
    ),
    "wide letters": lambda: token().translate({ord("e"): "\uff45"}),
    "over the size limit": lambda: claiming(x="x" * MAX_TOKEN),
}

SIGNATURES: dict[str, Callable[[], str]] = {
    "stripped": lambda: signature(lambda _: b""),
    "half of it": lambda: signature(lambda raw: raw[:32]),
    "a byte less": lambda: signature(lambda raw: raw[:-1]),
    "a byte more": lambda: signature(lambda raw: raw + b"\0"),
    "a byte more at the front": lambda: signature(lambda raw: b"\0" + raw),
    "wide numbers": lambda: signature(lambda raw: b"\0" + raw[:32] + b"\0" + raw[32:]),
    "DER": lambda: signature(as_der),
    "one bit changed": lambda: signature(lambda raw: bytes([raw[0] ^ 1]) + raw[1:]),
    "both numbers nought": lambda: numbers(0, 0),
    "the first number nought": lambda: signature(lambda raw: bytes(32) + raw[32:]),
    "the second number nought": lambda: signature(lambda raw: raw[:32] + bytes(32)),
    "the curve's order twice": lambda: numbers(ORDER, ORDER),
    "the largest numbers": lambda: numbers(2**256 - 1, 2**256 - 1),
    "one and one": lambda: numbers(1, 1),
    "swapped numbers": lambda: signature(lambda raw: raw[32:] + raw[:32]),
    "of other claims": lambda: (
        f"{claiming(roles=['admin']).rpartition('.')[0]}.{token().rpartition('.')[2]}"
    ),
    "of the claims alone": lambda: spelt(
        2, lambda _: forged(HEADER, CLAIMS, EC, "ES256", encode(CLAIMS)).rpartition(".")[2]
    ),
    "RSA, nought in front": lambda: signature(
        lambda raw: b"\0" + raw, headed(RSA, "RS256", alg="RS256", kid="rsa")
    ),
    "RSA, all nought": lambda: signature(
        lambda raw: bytes(len(raw)), headed(RSA, "RS256", alg="RS256", kid="rsa")
    ),
    "RSA, one": lambda: signature(
        lambda raw: bytes(len(raw) - 1) + b"\1", headed(RSA, "RS256", alg="RS256", kid="rsa")
    ),
    "Ed25519, the number in another spelling": lambda: signature(
        larger, headed(ED, "Ed25519", alg="Ed25519", kid="ed")
    ),
    "Ed25519, all nought": lambda: signature(
        lambda _: bytes(64), headed(ED, "Ed25519", alg="Ed25519", kid="ed")
    ),
}

CLAIM_SETS: dict[str, Callable[[], str]] = {
    "another issuer": lambda: claiming(iss="https://evil.example.com/"),
    "almost the issuer": lambda: claiming(iss=ISSUER.rstrip("/")),
    "the issuer in capitals": lambda: claiming(iss=ISSUER.upper()),
    "a list of issuers": lambda: claiming(iss=[ISSUER]),
    "no issuer": lambda: without("iss"),
    "an issuer twice": lambda: token(payload=inserted(CLAIMS, '"iss":"order-history"')),
    "another audience": lambda: claiming(aud="billing"),
    "other audiences": lambda: claiming(aud=["billing", "histor", "history "]),
    "no audience": lambda: without("aud"),
    "an empty list of audiences": lambda: claiming(aud=[]),
    "null for an audience": lambda: claiming(aud=None),
    "an object of audiences": lambda: claiming(aud={"history": True}),
    "a number among the audiences": lambda: claiming(aud=["history", 7]),
    "an audience twice": lambda: token(payload=inserted(CLAIMS, '"aud":"billing"')),
    "expired": lambda: claiming(exp=NOW - 1),
    "expiring now": lambda: claiming(exp=NOW),
    "never expiring": lambda: without("exp"),
    "null for an expiry": lambda: claiming(exp=None),
    "an expiry twice": lambda: token(payload=inserted(CLAIMS, f'"exp":{NOW - 1}')),
    "an expiry that is a text": lambda: claiming(exp=str(NOW + 60)),
    "an expiry that is true": lambda: claiming(exp=True),
    "an expiry that is a list": lambda: claiming(exp=[NOW + 60]),
    "an expiry below nought": lambda: claiming(exp=-NOW),
    "an expiry beyond the calendar": lambda: claiming(exp=10**15),
    "an expiry of 400 digits": lambda: claiming(exp=10**400),
    "an expiry beyond a float": lambda: token(
        payload=json.dumps({**CLAIMS, "exp": 7}).replace(": 7}", ": 1e400}").encode()
    ),
    "NaN for an expiry": lambda: claiming(exp=float("nan")),
    "an endless expiry": lambda: claiming(exp=float("inf")),
    "not yet valid": lambda: claiming(nbf=NOW + 61),
    "valid at no time that can be read": lambda: claiming(nbf="soon"),
    "issued in the future": lambda: claiming(iat=NOW + 61),
    "no subject": lambda: without("sub"),
    "an empty subject": lambda: claiming(sub=""),
    "a subject twice": lambda: token(payload=inserted(CLAIMS, '"sub":"root"')),
    "a subject that is a number": lambda: claiming(sub=7),
    "a subject with a line break": lambda: claiming(sub="anna\nroot"),
    "a subject that reads backwards": lambda: claiming(sub="an\u202ena"),
    "half a character in the subject": lambda: claiming(sub="\ud800"),
    "a tenant in place of a list": lambda: claiming(tenants="acme"),
    "an object of tenants": lambda: claiming(tenants={"acme": 1}),
    "null for the tenants": lambda: claiming(tenants=None),
    "a list among the tenants": lambda: claiming(tenants=[["acme"]]),
    "the tenants twice": lambda: token(payload=inserted(CLAIMS, '"tenants":["globex"]')),
    "a role in place of a list": lambda: claiming(roles="admin"),
    "a number among the roles": lambda: claiming(roles=[1]),
    "the roles twice, once escaped": lambda: token(
        payload=inserted(CLAIMS, '"\\u0072oles":["admin"]')
    ),
    "a key twice in a claim of no meaning": lambda: token(
        payload=inserted(CLAIMS, '"x":[{"a":1,"a":2}]')
    ),
    "bytes that are no text in a claim of no meaning": lambda: token(
        payload=b'{"x":"\xff",' + json.dumps(CLAIMS).encode()[1:]
    ),
    "a list of claims": lambda: token(payload=[CLAIMS]),
    "more after the claims": lambda: token(payload=json.dumps(CLAIMS).encode() + b"{}"),
}

ISSUERS: dict[str, Callable[[], str]] = {
    "the first's name, the second's key": lambda: headed(SECOND_EC),
    "the second's name, the first's key": lambda: claiming(iss=SECOND, aud="second"),
    "the second's token for the first's audience": lambda: token(
        payload={**CLAIMS, "iss": SECOND}, key=SECOND_EC
    ),
    "the local issuer's name, the first's key": lambda: token(
        {"alg": "Ed25519", "kid": "ed"},
        {**CLAIMS, "iss": "order-history", "aud": "order-history"},
        ED,
        "Ed25519",
    ),
    "an algorithm that only the first pins": lambda: token(
        {"alg": "RS256", "kid": "rsa"}, {**CLAIMS, "iss": SECOND, "aud": "second"}, RSA, "RS256"
    ),
}

GROUPS = {
    "algorithm": ALGORITHMS,
    "key": KEYS,
    "header": HEADERS,
    "shape": SHAPES,
    "signature": SIGNATURES,
    "claims": CLAIM_SETS,
    "issuer": ISSUERS,
}
ATTACKS: dict[str, Callable[[], str]] = {
    f"{group}: {name}": make for group, attacks in GROUPS.items() for name, make in attacks.items()
}
