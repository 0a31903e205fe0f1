"""`python -m bench`: everything side by side in one run, a Markdown table at the end.

Options: --only NAME (again for more), --quick, --dir DIR (where the database is put: measure the
disk that you mean), --memory-events N, --verified-events N. What an aim is missed by does not
change the exit code: figures are for reading.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from bench.apart import apart
from bench.append import append
from bench.authorising import authorising
from bench.bulk import bulk
from bench.erasing import erasing
from bench.figures import Row, table
from bench.following import following
from bench.giving import giving
from bench.ground import Ground, ground
from bench.hostile import hostile
from bench.logging_access import logging_access
from bench.memory import memory
from bench.proving import proving
from bench.reading import reading
from bench.retaining import retaining
from bench.revealing import revealing
from bench.scale import QUICK, Say, Scale
from bench.signing import signing
from bench.verifying import verifying
from bench.visible import visible
from interfaces.measuring import flush_times

Benchmark = Callable[[Ground, Scale, Say], Iterator[Row]]

BENCHMARKS: dict[str, Benchmark] = {
    "append": append,
    "signing": signing,
    "bulk": bulk,
    "visible": visible,
    "reading": reading,
    "authorising": authorising,
    "revealing": revealing,
    "access": logging_access,
    "giving": giving,
    "hostile": hostile,
    "apart": apart,
    "erasing": erasing,
    "retaining": retaining,
    "following": following,
    "verify": verifying,
    "proofs": proving,
    "memory": memory,
}


def main() -> None:
    """Run what was asked for."""
    options = _options()
    scale = QUICK if options.quick else Scale()
    if options.memory_events:
        scale = msgspec.structs.replace(scale, memory_events=options.memory_events)
    if options.verified_events:
        scale = msgspec.structs.replace(scale, verified_events=options.verified_events)
    rows: list[Row] = []
    with ground(options.dir) as under:
        for name in options.only or BENCHMARKS:
            rows += BENCHMARKS[name](under, scale, _say)
        flushed = sorted(flush_times(options.dir))
    print(table(rows))
    print(
        f"\n{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}, "
        f"a flush to disk takes {flushed[len(flushed) // 2] * 1000:.2f} ms; medians of "
        f"{scale.rounds} rounds"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.split("\n")[0])
    parser.add_argument("--only", action="append", choices=BENCHMARKS, metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="a minute, to see that it works")
    parser.add_argument("--dir", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--memory-events", type=int, metavar="N")
    parser.add_argument("--verified-events", type=int, metavar="N")
    return parser.parse_args()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
