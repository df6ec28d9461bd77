"""What a seam is, and the two ways over it: giving a table, and taking one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.errors import IsindexError

__all__ = ["Column", "Seam", "conform", "give", "grown"]


@dataclass(frozen=True)
class Column:
    """A column that two packages agree on.

    Attributes:
        name: as in the table.
        type: its Arrow type.
        meaning: what stands there, in a clause.
        values: the closed set of words that it may hold; empty where it may hold others.
        width: the most characters that it may have, where the program makes it (an id, a code); 0: any text.
        needed: never empty.
    """

    name: str
    type: pa.DataType
    meaning: str
    values: tuple[str, ...] = ()
    width: int = 0
    needed: bool = False


@dataclass(frozen=True)
class Seam:
    """A table that crosses from one package into another: its name, and its columns in order."""

    name: str
    columns: tuple[Column, ...]

    @cached_property
    def schema(self) -> pa.Schema:
        """Names and types."""
        return pa.schema([(column.name, column.type) for column in self.columns])

    @property
    def names(self) -> list[str]:
        """The names of the columns, in order."""
        return [column.name for column in self.columns]

    def column(self, name: str) -> Column:
        """The column of that name."""
        return next(column for column in self.columns if column.name == name)

    def field(self, name: str) -> pa.Field:
        """The column of that name as Arrow's field."""
        return self.schema.field(name)

    def empty_table(self) -> pa.Table:
        """The table without a row."""
        return self.schema.empty_table()


def give(table: pa.Table, seam: Seam) -> pa.Table:
    """`table` as it may cross the seam: exactly its columns, in their order and types.

    Raises:
        IsindexError: SEAM_BROKEN, naming the columns that are missing, of another type, empty where they may not be, or
            with a word that is not of their set.
    """
    _refuse(seam, "not there", set(seam.names) - set(table.column_names))
    given = table.select(seam.names)
    try:
        given = given.cast(seam.schema)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # its text may hold a value
        _refuse(seam, "of another type", _other_types(table.schema, seam))
        raise
    _refuse(seam, "empty in some rows", [each.name for each in seam.columns if each.needed and _has_gaps(given, each)])
    _refuse(seam, "with a word that is not of their set", [each.name for each in seam.columns if _strays(given, each)])
    return given


def grown(table: pa.Table, seam: Seam) -> pa.Table:
    """A table of an earlier night with the columns that its seam has had since, empty; those that must be filled are not made up."""
    new = [each for each in seam.columns if each.name not in table.column_names and not each.needed]
    for each in new:
        table = table.append_column(each.name, pa.nulls(table.num_rows, each.type))
    return table


def conform(source: pa.Table | Path, seam: Seam, columns: Iterable[str] | None = None) -> None:
    """Hold a table, or the schema of a Parquet file, against the seam it is said to come over; no row is read.

    Args:
        source: the table, which may have further columns.
        seam: what was agreed.
        columns: those that are needed; default all.

    Raises:
        IsindexError: SEAM_BROKEN, naming the columns that are missing or of another type.
    """
    found = pq.read_schema(source) if isinstance(source, Path) else source.schema
    wanted = set(seam.names if columns is None else columns)
    _refuse(seam, "not there", wanted - set(found.names))
    _refuse(seam, "of another type", [name for name in _other_types(found, seam) if name in wanted])


def _other_types(found: pa.Schema, seam: Seam) -> list[str]:
    there = [each for each in seam.columns if each.name in found.names]
    return [each.name for each in there if _plain(found.field(each.name).type) != _plain(each.type)]


def _plain(kind: pa.DataType) -> pa.DataType:
    """The type without the dictionary that it may be written with."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _has_gaps(table: pa.Table, column: Column) -> bool:
    return bool(table[column.name].null_count)


def _strays(table: pa.Table, column: Column) -> bool:
    if not column.values:
        return False
    used = pc.unique(table[column.name]).drop_null()
    return not pc.all(pc.is_in(used, pa.array(column.values, used.type))).as_py() if len(used) else False


def _refuse(seam: Seam, what: str, columns: Iterable[str]) -> None:
    named = sorted(columns)
    if named:
        raise IsindexError(
            "SEAM_BROKEN",
            f"Columns of {seam.name} {what}: {', '.join(named)}.",
            where=seam.name,
            remedy="Run the stage before this one again; if that does not help, report this as a fault of the program.",
        )
