"""The read models, with what they need from outside the database."""

from __future__ import annotations

from domain.search.hashing import TermHash
from infrastructure.key_store.files import FileKeyStore
from infrastructure.search.disclosed import DisclosedValues
from infrastructure.search.secret import search_key
from interfaces.composition.installations import key_directory
from interfaces.settings import Settings
from projections.read_model import ReadModel
from projections.registry import read_models
from projections.search.entries import Indexing


def indexing(settings: Settings) -> Indexing:
    """The search index of a data directory. Raises KeyUnavailable, its secret being unreadable."""
    keys = key_directory(settings.data_dir)
    return Indexing(
        TermHash(search_key(settings.data_dir)), DisclosedValues(lambda: FileKeyStore(keys))
    )


def models(settings: Settings) -> tuple[ReadModel, ...]:
    """All read models, in the order of their names. Raises as `indexing`."""
    return read_models(indexing(settings))
