"""An API process in which everybody is the same caller, unasked: what authorising is measured by.

`python -m bench.fixed_caller PORT`, with the environment of the program's processes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.ground import TENANT
from domain.access.caller import Caller
from domain.access.permissions import permissions_of
from interfaces.composition.serving import api
from interfaces.http.server import run
from interfaces.http.services import Services
from interfaces.settings import Settings

_ROLES = frozenset({"history_reader"})
_CALLER = Caller("bench", TENANT, _ROLES, permissions_of(_ROLES), 2**62)


class _Fixed:
    async def authenticate(
        self, authorization: str | None, tenant: str | None, address: str | None
    ) -> Caller:
        return _CALLER


@asynccontextmanager
async def _api(settings: Settings) -> AsyncIterator[Services]:
    async with api(settings) as services:
        services.authenticator = _Fixed()
        yield services


if __name__ == "__main__":
    env = os.environ
    given = Settings(env["ORDER_HISTORY_DATABASE_URL"], Path(env["ORDER_HISTORY_DATA_DIR"]))
    sys.exit(run(lambda: _api(given), "127.0.0.1", int(sys.argv[1])))
