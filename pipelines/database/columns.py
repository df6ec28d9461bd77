"""Column types of the database, taken from what is really written: closed sets, ids of a known length, and text.

Belongs here: how a column of a seam becomes one of the database. SQLite keeps whatever it is given; PostgreSQL refuses
what does not fit, and with it the whole night. So there is no guessed length: a word of a closed set has the length of
the longest, an id that the program makes has its own, and everything that a person or a supplier wrote has none.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from sqlalchemy import BigInteger, Boolean, Column, Date, Float, Integer, String, Text
from sqlalchemy.types import TypeEngine

from pipelines.seams import Column as SeamColumn
from pipelines.seams import Seam

__all__ = ["columns_of", "one_of", "sql_type"]


def one_of(values: tuple[str, ...]) -> String:
    """The type of a column that holds one of `values`."""
    return String(max(map(len, values)))


def sql_type(column: SeamColumn) -> TypeEngine[Any]:
    """The database's type for a column of a seam."""
    if pa.types.is_string(column.type):
        if column.values:
            return one_of(column.values)
        return String(column.width) if column.width else Text()
    return _TYPES[column.type]()


def columns_of(seam: Seam, *, without: tuple[str, ...] = ()) -> list[Column[Any]]:
    """The columns of a seam for a table of the database."""
    return [
        Column(each.name, sql_type(each), nullable=not each.needed) for each in seam.columns if each.name not in without
    ]


_TYPES: dict[pa.DataType, type[TypeEngine[Any]]] = {
    pa.date32(): Date,
    pa.bool_(): Boolean,
    pa.int32(): Integer,
    pa.int64(): BigInteger,
    pa.float64(): Float,
}
