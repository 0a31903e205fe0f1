"""What a query is read as, for tests, and what is said of one that is not read."""

from __future__ import annotations

from typing import Any as Json

import pytest

from domain.errors import Invalid
from domain.search.query import Node
from domain.search.reading import read_query

TEXT = {"text": "late parcel"}
WEIRD = {"field": "payload.weird", "eq": 1}


def read(value: Json, *, personal: bool = True) -> Node:
    return read_query(value, "/query", personal=personal)


def wrong(value: Json) -> dict[str, str]:
    """What is said of a query that is not read, by pointer."""
    with pytest.raises(Invalid) as refused:
        read(value)
    return {error.pointer: error.detail for error in refused.value.errors}
