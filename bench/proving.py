"""Proofs at the API, against the event alone from the same server: what proving it adds.

One question at a time on one connection, each of another event, anywhere in the ledger.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from bench.figures import Aim, Row
from bench.filling import fill_signed
from bench.ground import Ground, token
from bench.load import Measured, drive, request_bytes
from bench.processes import api, server
from bench.scale import Say, Scale

_BASE = "/v1/order-history"
_RANGE = 1_000
_WARM = 20

Path = Callable[[int], str]
"""Of the question about the event with a sequence."""

ALONE = "the event alone"
QUESTIONS: dict[str, tuple[Path, float]] = {
    "verify of one event": (lambda at: f"/events/{_id(at)}/verify", 5),
    "proof of one event": (lambda at: f"/ledger/proof?from={at}&to={at}", 5),
    "receipt of one event": (lambda at: f"/events/{_id(at)}/receipt", 5),
    f"proof of {_RANGE:,} events": (lambda at: f"/ledger/proof?from={at}&to={at + _RANGE - 1}", 30),
}
"""With the milliseconds that p95 may take."""


def proving(ground: Ground, scale: Scale, say: Say) -> Iterator[Row]:
    """p95 of each, the rounds taking turns with those of the event alone."""
    count = scale.verified_events
    chosen = random.Random(count)
    with ground.installation() as settings:
        fill_signed(settings, count)
        headers = {"Authorization": token(settings, "admin")}
        with server(api(), settings) as running:

            def asked(path: Path) -> Measured:
                many = _WARM + scale.reads // scale.rounds
                paths = [path(chosen.randrange(1, count - _RANGE)) for _ in range(many)]
                sent = [request_bytes("GET", _BASE + one, headers=headers) for one in paths]
                drive(running.port, sent[:_WARM], connections=1)
                return drive(running.port, sent[_WARM:], connections=1)

            for name, (path, most) in QUESTIONS.items():
                rounds = [(asked(path), asked(_alone)) for _ in range(scale.rounds)]
                for p50, p95 in (("p50", False), ("p95", True)):
                    ours, alone = (
                        [one.p95 if p95 else one.p50 for one in measured]
                        for measured in zip(*rounds, strict=True)
                    )
                    aim = Aim("<=", most, of="figure") if p95 else None
                    yield Row(f"{name}, {p50}; {ALONE}", "ms", ours, alone, aim)
                say(f"{name}: p95 {ours[-1]:.2f} ms, {ALONE} {alone[-1]:.2f} ms")


def _alone(sequence: int) -> str:
    return f"/events/{_id(sequence)}/bytes"


def _id(sequence: int) -> str:
    return f"oh_evt_{sequence:012}"
