"""The witness over HTTP, without a server around it: whatever is sent, a documented status."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application.ledger.cosigning import TrustedLogs, Witness, origin_hash
from domain.errors import Unavailable
from domain.ledger.notes import NoteSignature
from domain.ledger.witnessing import MAX_BODY
from infrastructure.ledger import witness_keys
from infrastructure.ledger.witness_state import SqliteState
from interfaces.http import witness as http
from interfaces.http.witness import witness_app
from tests.domain.ledger.growing import GrowingLog
from tests.domain.ledger.signing import LOG, ORIGIN, TIME

pytestmark = pytest.mark.anyio
DOCUMENTED = {200, 400, 403, 404, 409, 422}
Post = Callable[[bytes], Awaitable[httpx.Response]]


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    keys = witness_keys.make(tmp_path / "w.keys", "witness.example/w1")
    state = SqliteState(tmp_path / "w")
    witness = Witness(TrustedLogs([LOG.key]), keys, state, lambda: TIME)
    transport = httpx.ASGITransport(cast(Any, witness_app(witness)))
    async with httpx.AsyncClient(transport=transport, base_url="http://w") as client:
        yield client
    state.close()


async def test_a_log_is_followed_and_can_be_looked_up(client: httpx.AsyncClient) -> None:
    log = GrowingLog(9)
    path = f"/{origin_hash(ORIGIN)}/checkpoint"
    assert (await client.get(path)).status_code == 404
    answer = await client.post("/add-checkpoint", content=log.submission(0))
    assert answer.status_code == 200
    assert all(NoteSignature.parse(line) for line in answer.text.splitlines())
    assert (await client.get(path)).text == log.note() + answer.text
    assert (await client.head(path)).status_code == 200


async def test_another_size_is_told_as_the_specification_says(client: httpx.AsyncClient) -> None:
    log = GrowingLog(9)
    await client.post("/add-checkpoint", content=log.submission(0))
    answer = await client.post("/add-checkpoint", content=log.submission(4))
    assert (answer.status_code, answer.content) == (409, b"9\n")
    assert answer.headers["content-type"] == "text/x.tlog.size"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/add-checkpoint", 405),
        ("PUT", "/add-checkpoint", 405),
        ("POST", f"/{'0' * 64}/checkpoint", 405),
        ("GET", f"/{'A' * 64}/checkpoint", 404),
        ("GET", f"/{'0' * 63}/checkpoint", 404),
        ("GET", "/", 404),
        ("POST", "/sign-subtree", 404),
        ("POST", "/add-checkpoint/", 404),
        ("POST", "/x/add-checkpoint", 404),
    ],
)
async def test_other_paths_and_methods(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await client.request(method, path, content=b"")
    assert answer.status_code == status
    assert ("allow" in answer.headers) == (status == 405)


async def test_a_body_has_a_bound(client: httpx.AsyncClient) -> None:
    answer = await client.post("/add-checkpoint", content=b"x" * (MAX_BODY + 1))
    assert (answer.status_code, answer.headers["connection"]) == (400, "close")


async def test_a_body_that_does_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "BODY_SECONDS", 0.01)
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    scope: Any = {"type": "http", "method": "POST", "path": "/add-checkpoint"}
    await witness_app(cast(Any, None))(scope, receive, send)
    assert sent[0]["status"] == 400


async def test_many_at_once_give_one_history(client: httpx.AsyncClient) -> None:
    log = GrowingLog(30)
    forked = log.fork(5).grow(25, branch="forked")
    bodies = [one.submission(0, size) for size in range(6, 31) for one in (log, forked)]
    answers = await asyncio.gather(
        *(client.post("/add-checkpoint", content=body) for body in bodies)
    )
    assert sorted({one.status_code for one in answers}) == [200, 409]
    assert [one.status_code for one in answers].count(200) == 1


async def test_a_state_that_is_away_is_told(caplog: pytest.LogCaptureFixture) -> None:
    class Away:
        def add_checkpoint(self, body: bytes) -> Any:
            raise Unavailable("the state of the witness cannot be used: disk full")

        newest = add_checkpoint

    transport = httpx.ASGITransport(cast(Any, witness_app(cast(Any, Away()))))
    async with httpx.AsyncClient(transport=transport, base_url="http://w") as client:
        answer = await client.post("/add-checkpoint", content=b"")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "disk full" in answer.text


# -- anything at all -------------------------------------------------------------------------------

_LOG = GrowingLog(20)
_GOOD = [_LOG.submission(0, 7), _LOG.submission(7, 20), _LOG.submission(20, 20)]
_PIECES = st.sampled_from(
    [
        b"\n",
        b"\n\n",
        b"old 0",
        b"old ",
        b" ",
        b"+",
        b"=",
        b"\xff",
        b"\0",
        b"\xe2\x80\x94 ",
        b"9" * 25,
    ]
)


@st.composite
def mangled(draw: st.DrawFn) -> bytes:
    """A good request with some of it cut, doubled, changed or put in."""
    body = bytearray(draw(st.sampled_from(_GOOD)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(body)))
        end = min(len(body), start + draw(st.integers(0, 60)))
        piece = draw(st.one_of(_PIECES, st.binary(max_size=5), st.just(bytes(body[start:end]) * 2)))
        body[start:end] = piece
    return bytes(body)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(mangled(), st.binary(max_size=400), st.text(max_size=200).map(str.encode)))
async def test_any_request_gets_a_documented_status(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/add-checkpoint", content=body)
    assert answer.status_code in DOCUMENTED
    if answer.status_code == 409:
        assert answer.text in {"0\n", "7\n", "20\n"}
