"""Columns of a batch as PostgreSQL's binary arrays.

psycopg dumps a list element by element through a chain of adapters, two thirds of a batch's time;
a column has one type, so its array is a header and a join. Format: array_recv in PostgreSQL's
src/backend/utils/adt/arrayfuncs.c: dimensions, null flag, element type, size, lower bound, then
each element behind its length, -1 for null.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, repeat
from struct import Struct
from typing import Any, ClassVar
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.adapt import Dumper
from psycopg.pq import Format

_HEADER = Struct("!iiIii")
_LENGTH = Struct("!i").pack
_NULL = _LENGTH(-1)
_INT8 = Struct("!iq").pack
_INT4 = Struct("!ii").pack
_UUID_LENGTH = _LENGTH(16)


class Column:
    """The values of one column; which array they become is said by the class."""

    __slots__ = ("values",)

    def __init__(self, values: Sequence[Any]) -> None:
        self.values = values


class TextColumn(Column):
    """str or None"""


class BytesColumn(Column):
    """bytes or None"""


class BigintColumn(Column):
    """int"""


class IntColumn(Column):
    """int"""


class UuidColumn(Column):
    """UUID"""


class _ColumnDumper(Dumper):
    format = Format.BINARY
    element_oid: ClassVar[int]
    nullable: ClassVar[bool] = False

    def dump(self, obj: Column) -> bytes:
        values = obj.values
        if not values:
            return _HEADER.pack(0, 0, self.element_oid, 0, 1)[:12]
        nulls = self.nullable and None in values
        header = _HEADER.pack(1, nulls, self.element_oid, len(values), 1)
        return header + b"".join(self.elements(values))

    @staticmethod
    def elements(values: Sequence[Any]) -> Iterable[bytes]:
        """Each element behind its length; by the class of each column."""
        raise NotImplementedError


class _BytesDumper(_ColumnDumper):
    oid = 1001
    element_oid = 17
    nullable = True

    @staticmethod
    def elements(values: Sequence[Any]) -> Iterable[bytes]:
        if None in values:
            return [_NULL if v is None else _LENGTH(len(v)) + v for v in values]
        return chain.from_iterable(zip(map(_LENGTH, map(len, values)), values, strict=True))


class _TextDumper(_ColumnDumper):
    oid = 1009
    element_oid = 25
    nullable = True

    @staticmethod
    def elements(values: Sequence[Any]) -> Iterable[bytes]:
        return _BytesDumper.elements([None if v is None else v.encode() for v in values])


class _BigintDumper(_ColumnDumper):
    oid = 1016
    element_oid = 20

    @staticmethod
    def elements(values: Sequence[Any]) -> Iterable[bytes]:
        return map(_INT8, repeat(8), values)


class _IntDumper(_ColumnDumper):
    oid = 1007
    element_oid = 23

    @staticmethod
    def elements(values: Sequence[Any]) -> Iterable[bytes]:
        return map(_INT4, repeat(4), values)


class _UuidDumper(_ColumnDumper):
    oid = 2951
    element_oid = 2950

    @staticmethod
    def elements(values: Sequence[UUID]) -> Iterable[bytes]:
        return [_UUID_LENGTH + v.bytes for v in values]


_DUMPERS: tuple[tuple[type[Column], type[_ColumnDumper]], ...] = (
    (TextColumn, _TextDumper),
    (BytesColumn, _BytesDumper),
    (BigintColumn, _BigintDumper),
    (IntColumn, _IntDumper),
    (UuidColumn, _UuidDumper),
)


def register_columns(connection: AsyncConnection[Any]) -> None:
    """Let a connection take columns as parameters."""
    for column, dumper in _DUMPERS:
        connection.adapters.register_dumper(column, dumper)
