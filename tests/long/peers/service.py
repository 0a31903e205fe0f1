"""What a running service publishes and proves of a tenant's ledger, taken as an outsider would."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from domain.ledger import tiles
from infrastructure.postgres.embedded import EmbeddedPostgres
from tests.long.harness import PATIENCE, Installation, run
from tests.long.load import an_event
from tests.long.peers.samples import Published, signed_artifact, write_file

TENANT = "acme"
EARLIER, EVENTS = 90, 300
"""Events before the first of two checkpoints, and in all."""


@dataclass(frozen=True)
class Ledger:
    """A tenant's ledger in a running service. claims: as of `Published`."""

    client: httpx.Client
    data_dir: Path
    claims: dict[str, Any]

    def export(self, place: Path) -> Published:
        """By `order-history ledger export`."""
        published = self._claimed(place)
        told = ("--tenant", TENANT, "--data-dir", str(self.data_dir))
        run("ledger", "export", *told, str(published.directory))
        return published

    def mirror(self, place: Path) -> Published:
        """By the endpoints of the tiled log."""
        published = self._claimed(place)
        checkpoint = _get(self.client, "ledger/tlog/checkpoint")
        write_file(published.checkpoint, checkpoint.content)
        paths = []
        for tile in tiles.tiles_of(int(checkpoint.text.split("\n")[1])):
            paths.append(tile.path())
            if tile.level == 0:
                paths.append(tiles.bundle_path(tile.index, tile.width))
        for path in paths:
            write_file(published.directory / path, _get(self.client, f"ledger/tlog/{path}").content)
        return published

    def _claimed(self, place: Path) -> Published:
        place.mkdir()
        published = Published(place / "site", place / "claims.json")
        published.write_claims(self.claims)
        return published


@contextmanager
def serving(data_dir: Path) -> Iterator[Ledger]:
    """A service with EVENTS events of a tenant on its ledger, all of them signed."""
    installation = Installation(data_dir)
    try:
        roles = ("--role", "producer", "--role", "auditor")
        bearer = run("token", "--tenant", TENANT, *roles, "--data-dir", str(data_dir)).stdout
        headers = {"Authorization": f"Bearer {bearer.strip()}"}
        base = f"{installation.address}/v1/order-history/"
        with httpx.Client(base_url=base, headers=headers, timeout=30) as client:
            _until(lambda: _answers(client), "an answer")
            yield Ledger(client, data_dir, _record(client, data_dir))
    finally:
        installation.program.kill()
        with EmbeddedPostgres(data_dir):  # its last user: leaving stops it
            pass


def _record(client: httpx.Client, data_dir: Path) -> dict[str, Any]:
    """Send the events; what the service then claims of some of them, and of what came before."""
    random_ = random.Random(7)
    events = [an_event(random_, 0, number, 0) for number in range(1, EVENTS + 1)]
    views = [_post(client, event) for event in events[:EARLIER]]
    earlier = _signed(client)["checkpoint"].split("\n")
    views += [_post(client, event) for event in events[EARLIER:]]
    _signed(client)
    size, root = earlier[1:3]
    proof = _get(client, f"ledger/proof?from=1&to=1&since={size}").json()
    keys = run("ledger", "key", "--tenant", TENANT, "--data-dir", str(data_dir)).stdout
    return {
        "key": keys.split("\n")[0],
        "witness": None,
        "inclusion": [_inclusion(client, views[at]) for at in (0, 1, EARLIER, EVENTS - 1)],
        "consistency": [
            {"size": int(size), "root": root, "hashes": proof["consistency"]["hashes"]}
        ],
        "artifact": signed_artifact(),
    }


def _inclusion(client: httpx.Client, view: dict[str, Any]) -> dict[str, Any]:
    """What the receipt of an event says (C2SP tlog-proof)."""
    lines = _get(client, f"events/{view['event_id']}/receipt").text.split("\n")
    at = next(at for at, line in enumerate(lines) if line.startswith("index "))
    return {
        "index": int(lines[at].removeprefix("index ")),
        "entry": view["integrity"]["sha256"],
        "hashes": lines[at + 1 : lines.index("", at)],
    }


def _signed(client: httpx.Client) -> dict[str, Any]:
    """The ledger's status, once all of it is signed."""
    _until(lambda: _get(client, "ledger/status").json()["unsigned"] == 0, "a checkpoint")
    return dict(_get(client, "ledger/status").json())


def _post(client: httpx.Client, event: dict[str, Any]) -> dict[str, Any]:
    answer = client.post("events", json=event)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def _get(client: httpx.Client, path: str) -> httpx.Response:
    answer = client.get(path)
    assert answer.status_code == 200, f"{path}: {answer.text}"
    return answer


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("ledger/status").status_code == 200
    except httpx.TransportError:
        return False


def _until(condition: Callable[[], bool], what: str) -> None:
    """Waits for what is certain to come."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < PATIENCE, f"never came: {what}"
        time.sleep(0.05)
