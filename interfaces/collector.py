"""Sparing the garbage collector, in processes that handle very many small objects."""

from __future__ import annotations

import gc


def spare_the_collector() -> None:
    """What lives as long as the process need not be looked at again, and an event leaves few
    cycles behind: the default, a look at every 700 objects, costs a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
