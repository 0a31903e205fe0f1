"""The events of eight shops in ../shared/data, as a producer's files and by the reference."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from msgspec import Struct

from tests.personal import personal, value_at
from tests.projections.search.reference import Event, Sent, history, us

EVENTS = Path(__file__).parents[3] / "shared" / "data" / "events"
Json = dict[str, Any]


class Tenant(Struct):
    """One shop. path: the lines that it sends, re-deliveries too; events: what is to be recorded of
    them, by the reference: of each event_id the first line."""

    name: str
    path: Path
    events: list[Event]


def tenants(name: str, directory: Path) -> Iterator[Tenant]:
    """The shops of a file; their own files are written to the directory."""
    for tenant, path in _parted(name, directory).items():
        hidden: dict[str, str] = {}
        sent: dict[str, Sent] = {}
        for line in path.read_bytes().splitlines():
            event = json.loads(line)
            if event["event_id"] not in sent:
                sent[event["event_id"]] = _sent(event, hidden)
        yield Tenant(tenant, path, history(sent.values(), hidden))


def _parted(name: str, directory: Path) -> dict[str, Path]:
    paths: dict[str, Path] = {}
    with gzip.open(EVENTS / f"{name}.ndjson.gz") as lines, ExitStack() as stack:
        files: dict[str, Any] = {}
        for line in lines:
            tenant = json.loads(line)["metadata"]["tenant_id"]
            if tenant not in files:
                paths[tenant] = directory / f"{tenant}.ndjson"
                files[tenant] = stack.enter_context(paths[tenant].open("wb"))
            files[tenant].write(line)
    return paths


def _sent(event: Json, hidden: dict[str, str]) -> Sent:
    """hidden: takes the personal values."""
    payload = event["payload"]
    assert not {"patch", "void"} & payload.keys(), "a correction that changes what it corrects"
    for pointer in list(personal(event)):
        parent, _, name = pointer.rpartition("/")
        key = str(len(hidden))
        hidden[key] = str(value_at(event, pointer))
        value_at(event, parent)[name] = {"_sd": key}
    at = us(event["occurred_at"])
    metadata = event["metadata"]
    return Sent(event["type"], event["source"], event["order_id"], at, payload, metadata)
