"""An API process that logs no read: what logging is measured by. It shows the same values.

`python -m bench.unlogged PORT`, with the environment of the program's processes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from application.access_log.recording import AccessLog, Read
from application.orders import views
from domain.access.caller import Caller
from domain.privacy.revealing import Shown, fill
from interfaces.composition.serving import api
from interfaces.http import revealing
from interfaces.http.caller import ApiRequest
from interfaces.http.server import run
from interfaces.http.services import Services
from interfaces.settings import Settings


class _Unlogged(AccessLog):
    def __init__(self) -> None:
        """Nothing is kept."""

    async def note(self, caller: Caller, read: Read, shown: Shown, size_bytes: int) -> None:
        pass


def _unnoted(encoded: bytes, disclosed: Mapping[str, object], *_: object) -> bytes:
    return fill(encoded, disclosed)


def _unread(_request: ApiRequest, operation: str, endpoint: str) -> Read:
    return Read(operation, endpoint, None, None)


@asynccontextmanager
async def _api(settings: Settings) -> AsyncIterator[Services]:
    async with api(settings) as services:
        services.access_log = _Unlogged()
        yield services


if __name__ == "__main__":
    # What noting the names, and reading the reason, costs counts as well.
    setattr(views, "reveal", _unnoted)  # noqa: B010  # mypy refuses a plain assignment
    setattr(revealing, "read_of", _unread)  # noqa: B010  # the same
    env = os.environ
    given = Settings(env["ORDER_HISTORY_DATABASE_URL"], Path(env["ORDER_HISTORY_DATA_DIR"]))
    sys.exit(run(lambda: _api(given), "127.0.0.1", int(sys.argv[1])))
