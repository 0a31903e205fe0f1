"""JwksVerifier against a key server on the loopback."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import anyio
import pytest
from joserfc.jwk import ECKey, Key, KeySet, OctKey, OKPKey, RSAKey
from joserfc.util import urlsafe_b64encode

from domain.errors import Unauthenticated, Unavailable
from infrastructure.access import jwks
from infrastructure.access.jwks import JwksVerifier
from infrastructure.access.local_issuer import LocalIssuer
from infrastructure.access.tokens import VerifierByIssuer

pytestmark = pytest.mark.anyio

ISSUER = "https://login.example.com/"
ALGORITHMS = ["RS256", "ES256", "EdDSA", "Ed25519"]
Forge = Callable[..., str]

RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
EC = ECKey.generate_key("P-256", {"kid": "ec", "alg": "ES256"})
ED = OKPKey.generate_key("Ed25519", {"kid": "ed"})


class KeyServer:
    """What an identity provider publishes; its answers are set by the test."""

    def __init__(self) -> None:
        self.status = 200
        self.body = b'{"keys": []}'
        self.headers: dict[str, str] = {}
        self.asked = 0
        self.drip_seconds = 0.0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked += 1
                self.send_response(outer.status)
                for name, value in outer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                outer.write(self)

            def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/jwks"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def write(self, handler: BaseHTTPRequestHandler) -> None:
        try:
            for index in range(0, len(self.body), 16 if self.drip_seconds else 1 << 20):
                handler.wfile.write(
                    self.body[index : index + (16 if self.drip_seconds else 1 << 20)]
                )
                time.sleep(self.drip_seconds)
        except OSError:
            handler.close_connection = True  # the client has hung up, as it should

    def publish(self, *keys: Key) -> None:
        self.body = json.dumps(KeySet(list(keys)).as_dict(private=False)).encode()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def server() -> Iterator[KeyServer]:
    server = KeyServer()
    server.publish(RSA, EC, ED)
    yield server
    server.close()


@pytest.fixture
async def verifier(server: KeyServer, clock: Callable[[], int]) -> AsyncIterator[JwksVerifier]:
    verifier = JwksVerifier(ISSUER, "history", server.url, ALGORITHMS, clock)
    yield verifier
    await verifier.aclose()


@pytest.fixture
def claims(good: dict[str, Any]) -> dict[str, Any]:
    return good | {"iss": ISSUER, "aud": "history"}


@pytest.mark.parametrize(
    ("alg", "key"), [("RS256", RSA), ("ES256", EC), ("EdDSA", ED), ("Ed25519", ED)]
)
async def test_tokens_of_the_issuer_hold(
    verifier: JwksVerifier, forge: Forge, claims: dict[str, Any], alg: str, key: Key
) -> None:
    verified = await verifier.verify(forge({"alg": alg, "kid": key.kid}, claims, key, alg))
    assert (verified.subject, verified.tenants) == ("anna", ("acme",))


async def test_keys_are_fetched_once(
    verifier: JwksVerifier, server: KeyServer, forge: Forge, claims: dict[str, Any]
) -> None:
    tokens = [forge({"alg": "ES256", "kid": "ec"}, claims | {"sub": s}, EC, "ES256") for s in "abc"]
    async with anyio.create_task_group() as group:
        for token in tokens:
            group.start_soon(verifier.verify, token)
    assert server.asked == 1


# -- attacks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("alg", ["none", "HS256", "HS512", "RS512", "PS256", "ES256K", "Ed448"])
async def test_algorithms_that_are_not_configured(
    verifier: JwksVerifier, server: KeyServer, forge: Forge, claims: dict[str, Any], alg: str
) -> None:
    token = forge({"alg": alg, "kid": "rsa"}, claims, RSA, "RS256")
    with pytest.raises(Unauthenticated, match="algorithm"):
        await verifier.verify(token)
    assert server.asked == 0


@pytest.mark.parametrize("algorithms", [[], ["none"], ["HS256"], ["RS256", "HS256"], ["rs256"]])
def test_algorithms_that_cannot_be_configured(
    clock: Callable[[], int], algorithms: list[str]
) -> None:
    with pytest.raises(ValueError, match="algorithms"):
        JwksVerifier(ISSUER, "history", "https://login.example.com/jwks", algorithms, clock)


async def test_a_published_secret_is_no_key(
    verifier: JwksVerifier, server: KeyServer, forge: Forge, claims: dict[str, Any]
) -> None:
    secret = OctKey.import_key(b"x" * 32, {"kid": "oct"})
    published = {"kty": "oct", "kid": "oct", "k": urlsafe_b64encode(b"x" * 32).decode()}
    server.body = json.dumps({"keys": [published]}).encode()
    for alg in ("HS256", "RS256", "EdDSA"):
        with pytest.raises(Unauthenticated):
            await verifier.verify(forge({"alg": alg, "kid": "oct"}, claims, secret, "HS256"))


@pytest.mark.parametrize(
    ("header", "key", "signed_as"),
    [
        ({"alg": "RS256", "kid": "ec"}, RSA, "RS256"),  # the key's type must match
        ({"alg": "ES256", "kid": "rsa"}, EC, "ES256"),
        ({"alg": "RS256", "kid": "rsa"}, RSAKey.generate_key(2048), "RS256"),  # another's key
        ({"alg": "ES256", "kid": "ec"}, EC, "none"),
        ({"alg": "ES256", "kid": "foreign"}, EC, "ES256"),
        ({"alg": "ES256", "kid": "../ec"}, EC, "ES256"),
    ],
)
async def test_keys_that_do_not_match(
    verifier: JwksVerifier,
    forge: Forge,
    claims: dict[str, Any],
    header: dict[str, Any],
    key: Key,
    signed_as: str,
) -> None:
    with pytest.raises(Unauthenticated):
        await verifier.verify(forge(header, claims, key, signed_as))


@pytest.mark.parametrize(
    "published",
    [
        RSAKey.generate_key(2048, {"kid": "k", "use": "enc"}).as_dict(private=False),
        RSAKey.generate_key(2048, {"kid": "k", "alg": "RS512"}).as_dict(private=False),
        RSAKey.generate_key(2048, {"kid": "k"}).as_dict(private=True),
        {"kty": "RSA", "kid": "k", "n": "!", "e": "AQAB"},
        {"kty": "RSA", "kid": "k", "n": 7, "e": []},
        {"kty": "EC", "kid": "k", "crv": "P-256", "x": "AAAA", "y": "AAAA"},
        {"kty": "EC", "kid": "k", "crv": "P-1", "x": "AAAA", "y": "AAAA"},
        {"kty": "OKP", "kid": "k", "crv": "Ed25519", "x": "AAAA"},
        {"kty": "RSA", "kid": "k", "n": "AQAB", "e": "AQAB", "use": "x", "key_ops": ["verify"]},
        {"kty": "AKP", "kid": "k"},
        {"kid": "k"},
        {"kty": ["RSA"], "kid": "k"},
    ],
)
async def test_a_key_that_cannot_be_used_is_left_out_and_the_others_serve(
    verifier: JwksVerifier,
    server: KeyServer,
    forge: Forge,
    claims: dict[str, Any],
    published: dict[str, Any],
) -> None:
    server.body = json.dumps({"keys": [published, ED.as_dict(private=False)]}).encode()
    token = forge({"alg": "EdDSA", "kid": "ed"}, claims, ED, "EdDSA")
    assert (await verifier.verify(token)).subject == "anna"
    with pytest.raises(Unauthenticated, match="publish"):
        await verifier.verify(forge({"alg": "RS256", "kid": "k"}, claims, RSA, "RS256"))


async def test_a_short_rsa_key_is_left_out(
    verifier: JwksVerifier, server: KeyServer, forge: Forge, claims: dict[str, Any]
) -> None:
    with pytest.warns(UserWarning, match="2048"):
        short = RSAKey.generate_key(1024, {"kid": "short"})
    server.publish(short)
    with pytest.raises(Unauthenticated, match="publish"):
        await verifier.verify(forge({"alg": "RS256", "kid": "short"}, claims, short, "RS256"))


async def test_an_exchange_key_signs_nothing(
    verifier: JwksVerifier, server: KeyServer, forge: Forge, claims: dict[str, Any]
) -> None:
    server.publish(OKPKey.generate_key("X25519", {"kid": "ed"}))
    with pytest.raises(Unauthenticated):
        await verifier.verify(forge({"alg": "EdDSA", "kid": "ed"}, claims, ED, "EdDSA"))


async def test_without_a_kid_the_only_key_that_fits_is_taken(
    verifier: JwksVerifier, server: KeyServer, forge: Forge, claims: dict[str, Any]
) -> None:
    token = forge({"alg": "ES256"}, claims, EC, "ES256")
    assert (await verifier.verify(token)).subject == "anna"


async def test_without_a_kid_and_with_two_that_fit_none_is_taken(
    verifier: JwksVerifier, server: KeyServer, forge: Forge, claims: dict[str, Any]
) -> None:
    server.publish(EC, ECKey.generate_key("P-256", {"kid": "ec2"}))
    with pytest.raises(Unauthenticated):
        await verifier.verify(forge({"alg": "ES256"}, claims, EC, "ES256"))


@pytest.mark.parametrize(
    "change", [{"iss": "order-history"}, {"aud": "order-history"}, {"exp": 1}, {"nbf": 2e9}]
)
async def test_claims_are_checked_too(
    verifier: JwksVerifier, forge: Forge, claims: dict[str, Any], change: dict[str, Any]
) -> None:
    with pytest.raises(Unauthenticated):
        await verifier.verify(forge({"alg": "ES256", "kid": "ec"}, claims | change, EC, "ES256"))


# -- rotation and outage ---------------------------------------------------------------------------


async def test_a_new_key_is_fetched_when_a_token_names_it(
    verifier: JwksVerifier, server: KeyServer, forge: Forge, claims: dict[str, Any], clock: Any
) -> None:
    await verifier.verify(forge({"alg": "ES256", "kid": "ec"}, claims, EC, "ES256"))
    new = ECKey.generate_key("P-256", {"kid": "new"})
    server.publish(EC, new)
    clock.seconds += 30
    token = forge({"alg": "ES256", "kid": "new"}, claims, new, "ES256")
    assert (await verifier.verify(token)).subject == "anna"
    assert server.asked == 2


async def test_unknown_key_ids_cause_one_fetch_in_thirty_seconds(
    verifier: JwksVerifier, server: KeyServer, forge: Forge, claims: dict[str, Any], clock: Any
) -> None:
    for second, fetched in ((0, 1), (1, 1), (28, 1), (1, 2), (29, 2)):
        clock.seconds += second
        for kid in ("x", "y", "z"):
            with pytest.raises(Unauthenticated, match="publish"):
                await verifier.verify(forge({"alg": "ES256", "kid": kid}, claims, EC, "ES256"))
        assert server.asked == fetched


async def test_a_withdrawn_key_is_refused_after_ten_minutes(
    verifier: JwksVerifier, server: KeyServer, forge: Forge, claims: dict[str, Any], clock: Any
) -> None:
    token = forge({"alg": "ES256", "kid": "ec"}, claims, EC, "ES256")
    await verifier.verify(token)
    server.publish(RSA)
    clock.seconds += 599
    await verifier.verify(token)
    clock.seconds += 1
    with pytest.raises(Unauthenticated, match="publish"):
        await verifier.verify(token)


async def test_an_outage_is_bridged_for_an_hour_and_is_never_a_401(
    verifier: JwksVerifier, server: KeyServer, forge: Forge, claims: dict[str, Any], clock: Any
) -> None:
    claims["exp"] += 7200
    token = forge({"alg": "ES256", "kid": "ec"}, claims, EC, "ES256")
    await verifier.verify(token)
    server.status = 500
    clock.seconds += 3599
    assert (await verifier.verify(token)).subject == "anna"
    with pytest.raises(Unavailable):  # it may be a key that was published since
        await verifier.verify(forge({"alg": "ES256", "kid": "new"}, claims, EC, "ES256"))
    clock.seconds += 1
    with pytest.raises(Unavailable):
        await verifier.verify(token)


async def test_a_failed_fetch_is_tried_again_after_five_seconds(
    verifier: JwksVerifier, server: KeyServer, forge: Forge, claims: dict[str, Any], clock: Any
) -> None:
    token = forge({"alg": "ES256", "kid": "ec"}, claims, EC, "ES256")
    server.status = 503
    for second in (0, 4):
        clock.seconds += second
        with pytest.raises(Unavailable):
            await verifier.verify(token)
    assert server.asked == 1
    server.status = 200
    clock.seconds += 1
    assert (await verifier.verify(token)).subject == "anna"


async def test_a_forged_token_is_a_401_though_the_keys_are_old(
    verifier: JwksVerifier, server: KeyServer, forge: Forge, claims: dict[str, Any], clock: Any
) -> None:
    await verifier.verify(forge({"alg": "ES256", "kid": "ec"}, claims, EC, "ES256"))
    server.status = 500
    clock.seconds += 700
    forged = forge({"alg": "ES256", "kid": "ec"}, claims, ECKey.generate_key("P-256"), "ES256")
    with pytest.raises(Unauthenticated, match="signature"):
        await verifier.verify(forged)


async def test_a_clock_set_back_does_not_keep_keys_alive(
    verifier: JwksVerifier, server: KeyServer, forge: Forge, claims: dict[str, Any], clock: Any
) -> None:
    token = forge({"alg": "ES256", "kid": "ec"}, claims | {"iat": 0}, EC, "ES256")
    await verifier.verify(token)
    clock.seconds -= 100_000
    await verifier.verify(token)
    assert server.asked == 2


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"keys": {}}',
        b'{"keys": ["x"]}',
        b"\xff",
        b'{"keys": [' + b"[" * 100_000,
        b'{"keys": [{"x": ' + b"[" * 100_000,
        b'{"keys": [' + b" " * 300_000 + b"]}",
    ],
)
async def test_an_answer_that_is_no_key_set_is_an_outage(
    verifier: JwksVerifier, server: KeyServer, forge: Forge, claims: dict[str, Any], body: bytes
) -> None:
    server.body = body
    with pytest.raises(Unavailable):
        await verifier.verify(forge({"alg": "ES256", "kid": "ec"}, claims, EC, "ES256"))


async def test_an_empty_key_set_is_an_answer(
    verifier: JwksVerifier, server: KeyServer, forge: Forge, claims: dict[str, Any]
) -> None:
    server.body = b'{"keys": []}'
    with pytest.raises(Unauthenticated):
        await verifier.verify(forge({"alg": "ES256", "kid": "ec"}, claims, EC, "ES256"))


async def test_nothing_is_unpacked(
    verifier: JwksVerifier, server: KeyServer, forge: Forge, claims: dict[str, Any]
) -> None:
    server.body, server.headers = gzip.compress(server.body), {"Content-Encoding": "gzip"}
    with pytest.raises(Unavailable):
        await verifier.verify(forge({"alg": "ES256", "kid": "ec"}, claims, EC, "ES256"))


async def test_a_redirect_is_not_followed(
    verifier: JwksVerifier, server: KeyServer, forge: Forge, claims: dict[str, Any]
) -> None:
    server.status, server.headers = 302, {"Location": server.url}
    with pytest.raises(Unavailable):
        await verifier.verify(forge({"alg": "ES256", "kid": "ec"}, claims, EC, "ES256"))
    assert server.asked == 1


async def test_a_server_that_drips_is_left(
    verifier: JwksVerifier,
    server: KeyServer,
    forge: Forge,
    claims: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jwks, "_TIMEOUT_SECONDS", 0.2)
    server.drip_seconds = 0.02  # each wait is short, the whole is not
    with pytest.raises(Unavailable):
        await verifier.verify(forge({"alg": "ES256", "kid": "ec"}, claims, EC, "ES256"))


async def test_nobody_listens(
    forge: Forge, claims: dict[str, Any], clock: Callable[[], int]
) -> None:
    gone = KeyServer()
    gone.close()
    verifier = JwksVerifier(ISSUER, "history", gone.url, ALGORITHMS, clock)
    with pytest.raises(Unavailable):
        await verifier.verify(forge({"alg": "ES256", "kid": "ec"}, claims, EC, "ES256"))
    await verifier.aclose()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "login.example.com/jwks",
        "http://login.example.com/jwks",
        "http://localhost.example.com/jwks",
        "http://127.0.0.1@login.example.com/jwks",
        "http://10.0.0.1/jwks",
        "http://[::ffff:10.0.0.1]/jwks",
        "https://user:s3cret@login.example.com/jwks",
        "ftp://127.0.0.1/jwks",
        "file:///keys.json",
        "https://",
        "https://a:b:c/",
        "http://127.0.0.1\x00.example.com/",
    ],
)
def test_urls_that_keys_are_not_fetched_from(url: str, clock: Callable[[], int]) -> None:
    with pytest.raises(ValueError, match="JWKS URL") as refused:
        JwksVerifier(ISSUER, "history", url, ALGORITHMS, clock)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://login.example.com/jwks",
        "http://127.0.0.1:8080/jwks",
        "http://[::1]:8080/jwks",
        "http://localhost/jwks",
    ],
)
async def test_urls_that_keys_are_fetched_from(url: str, clock: Callable[[], int]) -> None:
    await JwksVerifier(ISSUER, "history", url, ALGORITHMS, clock).aclose()


# -- both at once ----------------------------------------------------------------------------------


async def test_each_token_goes_to_its_issuers_verifier(
    verifier: JwksVerifier,
    server: KeyServer,
    forge: Forge,
    claims: dict[str, Any],
    tmp_path: Any,
    clock: Any,
) -> None:
    local = LocalIssuer(tmp_path, clock)
    both = VerifierByIssuer({"order-history": local, ISSUER: verifier})
    assert (await both.verify(local.mint("ben", ["acme"], [], 60))).subject == "ben"
    assert server.asked == 0
    header = {"alg": "Ed25519", "kid": "ed"}
    assert (await both.verify(forge(header, claims, ED, "Ed25519"))).subject == "anna"
    # A key of one issuer is worth nothing under the name of the other.
    swapped = forge(
        header, claims | {"iss": "order-history", "aud": "order-history"}, ED, "Ed25519"
    )
    with pytest.raises(Unauthenticated):
        await both.verify(swapped)
    as_local = {"alg": "Ed25519", "kid": local.key.kid}
    with pytest.raises(Unauthenticated):
        await both.verify(forge(as_local, claims, local.key, "Ed25519"))
    with pytest.raises(Unauthenticated, match="not known"):
        await both.verify(forge(header, claims | {"iss": "nobody"}, ED, "Ed25519"))
