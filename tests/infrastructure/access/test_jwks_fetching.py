"""Published keys: from where they are fetched, when, and how long they serve."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from joserfc.jwk import ECKey

from domain.errors import Unauthenticated, Unavailable
from infrastructure.access import jwks
from infrastructure.access.jwks import JwksVerifier
from tests.infrastructure.access.conftest import Forge
from tests.infrastructure.access.key_server import EC, ISSUING, RSA, KeyServer

pytestmark = pytest.mark.anyio


async def test_keys_are_fetched_once(
    verifier: JwksVerifier, server: KeyServer, forge: Forge, claims: dict[str, Any]
) -> None:
    tokens = [forge({"alg": "ES256", "kid": "ec"}, claims | {"sub": s}, EC, "ES256") for s in "abc"]
    async with anyio.create_task_group() as group:
        for token in tokens:
            group.start_soon(verifier.verify, token)
    assert server.asked == 1


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
    verifier = JwksVerifier(ISSUING, gone.url, clock)
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
        JwksVerifier(ISSUING, url, clock)
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
    await JwksVerifier(ISSUING, url, clock).aclose()
