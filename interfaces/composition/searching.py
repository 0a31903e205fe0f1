"""Searching, counting and ranking, put together."""

from __future__ import annotations

from msgspec import Struct

from application.holds.choke import ChokePoint
from application.search.aggregating import Aggregate
from application.search.saving import SavedSearches
from application.search.searching import Search
from domain.search.hashing import TermHash
from infrastructure.search.saved import PostgresSavedSearches
from infrastructure.search.secret import search_key
from interfaces.composition.connections import clock
from interfaces.composition.writing import WriteSide
from projections.orders.queries import OrderQueries
from projections.search.aggregations import AggregationQueries
from projections.search.queries import SearchQueries


class Searching(Struct, frozen=True):
    """The use cases that ask."""

    search: Search
    aggregate: Aggregate
    saved: SavedSearches


def choke_point(side: WriteSide, search: Search) -> ChokePoint:
    """What every deletion asks first, in whichever process."""
    return ChokePoint(side.acts, search, OrderQueries(side.pool), side.reader, clock)


def searching(side: WriteSide) -> Searching:
    """Over the pool of an API process. Raises KeyUnavailable, the secret of the index being
    unreadable."""
    index = SearchQueries(side.pool, TermHash(search_key(side.settings.data_dir)))
    return Searching(
        Search(index),
        Aggregate(index, AggregationQueries(index)),
        SavedSearches(PostgresSavedSearches(side.pool), clock),
    )
