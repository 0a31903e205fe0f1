from __future__ import annotations

import pytest

from projections.reading import Connection
from tests.projections.filling import Filling
from tests.projections.reconciling.walks import follow
from tests.projections.worlds import world


@pytest.fixture
async def filled(app: Connection, filling: Filling) -> None:
    """Two tenants' events."""
    await filling.add(*world(60))
    await follow(app)
