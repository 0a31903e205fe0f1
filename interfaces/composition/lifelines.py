"""Signs of life of jobs that run outside the workers."""

from __future__ import annotations

from infrastructure.jobs.lifelines import SETTINGS, PostgresLifelines
from interfaces.composition.connections import clock, connecting
from interfaces.composition.writing import WriteSide


def lifelines(side: WriteSide) -> PostgresLifelines:
    """Over connections of their own, and the pool of a write side."""
    return PostgresLifelines(connecting(side.settings, "lifeline", SETTINGS), side.pool, clock)
