"""The read models, with what they need from outside the database."""

from __future__ import annotations

from domain.errors import KeyUnavailable
from domain.search.hashing import TermHash
from infrastructure.key_store.files import FileKeyStore
from infrastructure.search.disclosed import DisclosedValues
from infrastructure.search.secret import search_key
from interfaces.composition.installations import key_directory
from interfaces.settings import Settings
from projections.read_model import ReadModel
from projections.registry import read_models
from projections.search.entries import Indexing


def indexing(settings: Settings, secret: bytes | None = None) -> Indexing:
    """The search index of a data directory; its secret is made if there is none, unless one is
    given. Raises KeyUnavailable, the secret being unreadable."""
    directory = key_directory(settings.data_dir)

    def open_keys() -> FileKeyStore:
        # What is to be read was written with its keys: none are made for it now.
        if not directory.is_dir():
            raise KeyUnavailable("the key store is not there")
        return FileKeyStore(directory)

    return Indexing(TermHash(secret or search_key(settings.data_dir)), DisclosedValues(open_keys))


def models(settings: Settings) -> tuple[ReadModel, ...]:
    """All read models, in the order of their names. Raises as `indexing`."""
    return read_models(indexing(settings))
