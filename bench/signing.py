"""What tiles and signing cost the appends: the same load beside a worker with and without them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.append import CONNECTIONS
from bench.figures import Aim, Row
from bench.ground import Ground, token
from bench.load import Measured, drive, request_bytes
from bench.processes import WORKER, api, program, server
from bench.sample import bodies
from bench.scale import Say, Scale

_UNSIGNED = ("bench.unsigned",)


def signing(ground: Ground, scale: Scale, say: Say) -> Iterator[Row]:
    """Appends a second, API and worker as they are run; which of the two begins, alternates."""
    found: dict[Sequence[str], list[Measured]] = {WORKER: [], _UNSIGNED: []}
    workers = list(found)
    for number in range(scale.rounds):
        for worker in workers if number % 2 else workers[::-1]:
            one = _appended(ground, worker, scale.appends)
            found[worker].append(one)
            say(f"append beside {worker[0]}: {one.rate:,.0f}/s, p99 {one.p99:.1f} ms")
    signed, unsigned = ([one.rate for one in found[worker]] for worker in workers)
    yield Row("append beside tiles and signer, without", "/s", signed, unsigned, Aim(">=", 0.95))


def _appended(ground: Ground, worker: Sequence[str], count: int) -> Measured:
    with (
        ground.installation() as settings,
        server(api(), settings) as running,
        program(worker, settings),
    ):
        headers = {"Authorization": token(settings, "producer"), "Content-Type": "application/json"}
        sent = [
            request_bytes("POST", "/v1/order-history/events", body, headers)
            for body in bodies(count)
        ]
        drive(running.port, sent[: count // 10], connections=CONNECTIONS)  # warms up
        return drive(running.port, sent[count // 10 :], connections=CONNECTIONS)
