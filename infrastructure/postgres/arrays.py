"""Columns of a batch as PostgreSQL's binary arrays, or row by row as COPY takes them.

psycopg dumps a list element by element through a chain of adapters, two thirds of a batch's time;
a column has one type, so its array is a header and a join. Format: array_recv in PostgreSQL's
src/backend/utils/adt/arrayfuncs.c: dimensions, null flag, element type, size, lower bound, then
each element behind its length, -1 for null. COPY's binary format (its page in the manual) writes
the fields of a row in just this way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, repeat
from struct import Struct
from typing import Any, ClassVar

from psycopg import AsyncConnection
from psycopg.adapt import Dumper
from psycopg.pq import Format

_HEADER = Struct("!iiIii")
_LENGTH = Struct("!i").pack
_NULL = _LENGTH(-1)
_INT8 = Struct("!iq").pack
_INT4 = Struct("!ii").pack
_SHORT = Struct("!h").pack
_SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)  # no flags, no extension
_UUID_LENGTH = _LENGTH(16)
_HASH_LENGTH = _LENGTH(8)
_TRUE, _FALSE = _LENGTH(1) + b"\1", _LENGTH(1) + b"\0"


class Column:
    """The values of one column; which array they become is said by the class."""

    __slots__ = ("values",)
    oid: ClassVar[int]
    element_oid: ClassVar[int]
    nullable: ClassVar[bool] = False

    def __init__(self, values: Sequence[Any]) -> None:
        self.values = values

    def dump(self) -> bytes:
        """The array in PostgreSQL's binary format."""
        values = self.values
        if not values:
            return _HEADER.pack(0, 0, self.element_oid, 0, 1)[:12]
        nulls = self.nullable and None in values
        header = _HEADER.pack(1, nulls, self.element_oid, len(values), 1)
        return header + b"".join(self.elements(values))

    @staticmethod
    def elements(values: Sequence[Any]) -> Iterable[bytes]:
        """Each element behind its length, as one or two pieces; by the class of each column."""
        raise NotImplementedError

    @classmethod
    def fields(cls, values: Sequence[Any]) -> Iterable[bytes]:
        """The same, one piece for each value."""
        return cls.elements(values)


class BytesColumn(Column):
    """bytes or None"""

    oid = 1001
    element_oid = 17
    nullable = True

    @staticmethod
    def elements(values: Sequence[Any]) -> Iterable[bytes]:
        if None in values:
            return [_NULL if v is None else _LENGTH(len(v)) + v for v in values]
        return chain.from_iterable(zip(map(_LENGTH, map(len, values)), values, strict=True))

    @classmethod
    def fields(cls, values: Sequence[Any]) -> Iterable[bytes]:
        return [_NULL if v is None else _LENGTH(len(v)) + v for v in values]


class TextColumn(Column):
    """str or None"""

    oid = 1009
    element_oid = 25
    nullable = True

    @staticmethod
    def elements(values: Sequence[Any]) -> Iterable[bytes]:
        first = values[0]
        if first is not None and values.count(first) == len(values):  # a tenant, a topic
            encoded = first.encode()
            return repeat(_LENGTH(len(encoded)) + encoded, len(values))
        return BytesColumn.elements([None if v is None else v.encode() for v in values])

    @classmethod
    def fields(cls, values: Sequence[Any]) -> Iterable[bytes]:
        known = {None: _NULL}  # mostly the same few
        for value in set(values) - {None}:
            encoded = value.encode()
            known[value] = _LENGTH(len(encoded)) + encoded
        return [known[v] for v in values]


class BigintColumn(Column):
    """int"""

    oid = 1016
    element_oid = 20

    @staticmethod
    def elements(values: Sequence[Any]) -> Iterable[bytes]:
        return map(_INT8, repeat(8), values)


class NullableBigintColumn(Column):
    """int or None"""

    oid = 1016
    element_oid = 20
    nullable = True

    @staticmethod
    def elements(values: Sequence[Any]) -> Iterable[bytes]:
        return [_NULL if v is None else _INT8(8, v) for v in values]


class HashesColumn(Column):
    """Lists of bytes, 8 each, as bigint[]; for `copy_rows` alone: no array holds arrays."""

    @classmethod
    def fields(cls, values: Sequence[Any]) -> Iterable[bytes]:
        return BytesColumn.fields([_hashes(v) for v in values])


class BooleanColumn(Column):
    """bool"""

    oid = 1000
    element_oid = 16

    @staticmethod
    def elements(values: Sequence[Any]) -> Iterable[bytes]:
        return [_TRUE if v else _FALSE for v in values]


class IntColumn(Column):
    """int"""

    oid = 1007
    element_oid = 23

    @staticmethod
    def elements(values: Sequence[Any]) -> Iterable[bytes]:
        return map(_INT4, repeat(4), values)


class UuidColumn(Column):
    """bytes: the 16 of a UUID"""

    oid = 2951
    element_oid = 2950

    @staticmethod
    def elements(values: Sequence[bytes]) -> Iterable[bytes]:
        return [_UUID_LENGTH + v for v in values]


def _hashes(values: Sequence[bytes]) -> bytes:
    if not values:
        return BigintColumn(()).dump()
    header = _HEADER.pack(1, 0, BigintColumn.element_oid, len(values), 1)
    return header + _HASH_LENGTH + _HASH_LENGTH.join(values)


def copy_rows(*columns: Column) -> bytes:
    """The rows of which these are the columns, one value each, for COPY ... (format binary)."""
    fields = [column.fields(column.values) for column in columns]
    begin = _SHORT(len(columns))
    rows = chain.from_iterable(zip(repeat(begin), *fields, strict=False))
    return b"".join((_SIGNATURE, *rows, _SHORT(-1)))


class _ColumnDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Column) -> bytes:
        return obj.dump()


def register_columns(connection: AsyncConnection[Any]) -> None:
    """Let psycopg take columns as parameters on this connection."""
    for column in (
        TextColumn,
        BytesColumn,
        BigintColumn,
        NullableBigintColumn,
        BooleanColumn,
        IntColumn,
        UuidColumn,
    ):
        dumper = type(f"{column.__name__}Dumper", (_ColumnDumper,), {"oid": column.oid})
        connection.adapters.register_dumper(column, dumper)
