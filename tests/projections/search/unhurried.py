"""Questions with time: what is asked on a busy machine must not be refused for that."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from application.search import aggregating, deciding, deciding_orders
from projections.search import running

SECONDS = 30.0
"""What a statement, or the reading of events, may take, in place of 2."""


@contextmanager
def unhurried() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "_LIMITS", f"set local statement_timeout = {SECONDS * 1000:.0f}")
        for module in (aggregating, deciding, deciding_orders):
            patch.setattr(module, "SECONDS", SECONDS)
        yield
