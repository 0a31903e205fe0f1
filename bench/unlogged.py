"""An API process that logs a read unless the request says not to: what logging is measured by. It
shows the same values.

`python -m bench.unlogged PORT`, with the environment of the program's processes. One process for
both, because where things happen to lie in memory makes some percent of a process.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from application.access_log.recording import Read
from application.orders import views
from domain.privacy.revealing import Shown, fill
from domain.privacy.revealing import revealing as noting
from domain.privacy.sealing import Opened
from interfaces.composition.serving import api
from interfaces.http import revealing
from interfaces.http.caller import ApiRequest
from interfaces.http.server import run
from interfaces.settings import Settings, access_from

UNLOGGED = "X-Bench-Unlogged"
"""A header of requests whose answers are not to be logged."""

_NAME = UNLOGGED.lower().encode()
_read_of = revealing.read_of
_logging = True


def _read_or_not(request: ApiRequest, operation: str, endpoint: str) -> Read:
    global _logging  # noqa: PLW0603  # of the one request that is under way
    _logging = request.header(_NAME) is None
    # Reading the reason costs, too.
    return (
        _read_of(request, operation, endpoint)
        if _logging
        else Read(operation, endpoint, None, None)
    )


def _noted_or_not(disclosed: Opened, shown: Shown, *more: Any) -> Callable[[bytes], bytes]:
    if _logging:
        return noting(disclosed, shown, *more)
    return lambda encoded: fill(encoded, disclosed)  # nothing is noted, so nothing is logged


if __name__ == "__main__":
    setattr(views, "revealing", _noted_or_not)  # noqa: B010  # mypy refuses a plain assignment
    setattr(revealing, "read_of", _read_or_not)  # noqa: B010  # the same
    env = os.environ
    given = Settings(
        env["ORDER_HISTORY_DATABASE_URL"],
        Path(env["ORDER_HISTORY_DATA_DIR"]),
        access=access_from(env),
    )
    sys.exit(run(lambda: api(given), "127.0.0.1", int(sys.argv[1])))
