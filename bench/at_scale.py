"""`python -m bench.at_scale --events N`: finding among millions, at the API, against bare SQL.

Each question is asked many times with other values, one at a time, of tenants by their weight; bare
SQL is the same question as one would write it by hand, over the same rows, on its own connection.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Connection

from bench.figures import Aim, Row, table
from bench.filling import fill
from bench.generator import TENANTS, drafts
from bench.ground import Ground, ground
from bench.load import drive, request_bytes, summary
from bench.loading import load
from bench.processes import api, server
from bench.questions import Asked, Question, questions
from interfaces.composition.connections import blocking
from interfaces.composition.maintenance import rebuild_models
from interfaces.composition.serving import issuer
from interfaces.settings import Settings
from projections.ledger.model import LedgerModel
from projections.orders.model import OrdersModel
from projections.registry import NAMES
from projections.sources.model import SourcesModel

_ROUNDS = 5
_SIZES = """
select sum(pg_total_relation_size(oid)) filter (where relname = 'events'),
       sum(pg_total_relation_size(oid)) filter (where relname = any(%s))
  from pg_class where relkind = 'r' and relnamespace = 'cell_0'::regnamespace
"""
_READ_MODELS = [
    table.name for model in (OrdersModel, LedgerModel, SourcesModel) for table in model.tables
]


def main() -> None:
    """Run what was asked for."""
    options = _options()
    with ground(options.dir) as under:
        rows = list(at_scale(under, options.events, options.each, options.only))
    print(table(rows))


def at_scale(ground: Ground, events: int, each: int, only: Sequence[str]) -> Iterator[Row]:
    """each: how often a question is asked in all."""
    with ground.installation() as settings:
        settings.data_dir.mkdir(exist_ok=True)
        yield from filled(settings, events)
        many = events > 2_000_000
        tokens = {name: _token(settings, name) for name in TENANTS}
        with (
            server(api(), settings) as running,
            psycopg.connect(settings.database_url, autocommit=True) as bare,
        ):
            bare.execute("set search_path to cell_0")
            for question in questions():
                if only and not any(part in question.name for part in only):
                    continue
                yield _measured(question, running.port, bare, tokens, each, many=many)


def filled(settings: Settings, events: int) -> Iterator[Row]:
    """Load so many events into an installation's empty database, and index them."""
    fill(settings, [])  # makes the keys that the database names
    with blocking(settings, "bench load", as_owner=True)() as connection:
        load(connection, drafts(events), _say)
        started = time.perf_counter()
        asyncio.run(rebuild_models(settings, [OrdersModel.name], lambda *_: None))
        took = time.perf_counter() - started
        rest = [name for name in NAMES if name != OrdersModel.name]
        asyncio.run(rebuild_models(settings, rest, lambda *_: None))
        connection.execute("vacuum analyze")
        stored, models = connection.execute(_SIZES, (_READ_MODELS,)).fetchone() or (1, 0)
    _say(f"indexed {events / took:,.0f}/s; read models {models / stored:.2f} of the events' bytes")
    yield Row("events indexed by a rebuild", "/s", [events / took], (), Aim(">=", 15_000, "figure"))
    sizes = [models / 2**20], [stored / 2**20]
    yield Row("read models and indexes; events", "MB", *sizes, Aim("<=", 1.5))


def _measured(
    question: Question,
    port: int,
    bare: Connection[Any],
    tokens: dict[str, str],
    each: int,
    *,
    many: bool,
) -> Row:
    chance = random.Random(question.name)
    ours: list[float] = []
    instead: list[float] = []
    for _ in range(_ROUNDS):
        asked = [question.ask(chance, _tenant(chance)) for _ in range(each // _ROUNDS)]
        sent = [_request(one, tokens) for one in asked]
        ours.append(drive(port, sent, connections=1).p95)
        instead.append(_bare(bare, asked[: question.instead]))
    most = question.most_many if many else question.most
    _say(f"{question.name}: p95 {sorted(ours)[2]:.1f} ms, bare SQL {sorted(instead)[2]:.1f} ms")
    return Row(f"{question.name}, p95", "ms", ours, instead, Aim("<=", most, "figure"))


def _bare(connection: Connection[Any], asked: Sequence[Asked]) -> float:
    took = []
    for one in asked:
        started = time.perf_counter()
        connection.execute(one.sql, one.values, prepare=False, binary=True).fetchall()
        took.append(time.perf_counter() - started)
    return summary(took, sum(took)).p95


def _request(asked: Asked, tokens: dict[str, str]) -> bytes:
    headers = {"Authorization": tokens[asked.tenant], "Content-Type": "application/json"}
    path = f"/v1/order-history{asked.path}"
    return request_bytes(asked.method, path, asked.body, headers)


def _tenant(chance: random.Random) -> str:
    return chance.choices(list(TENANTS), list(TENANTS.values()))[0]


def _token(settings: Settings, tenant: str) -> str:
    return "Bearer " + issuer(settings.data_dir).mint("bench", [tenant], ["support"], 24 * 3600)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.at_scale", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--each", type=int, default=200, metavar="N", help="times a question")
    parser.add_argument("--only", action="append", metavar="PART", help="of a question's name")
    parser.add_argument("--dir", type=Path, default=Path(tempfile.gettempdir()))
    return parser.parse_args()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
