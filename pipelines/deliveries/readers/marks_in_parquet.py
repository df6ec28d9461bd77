"""Marks that protect in Parquet: columns that are not there once, under their name and in the contract's kind.

Belongs here: which protective columns a Parquet file's own schema spoils, and which rows say something in what was meant to be
one. Not here: all other content (`parquet`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.contracts.contract import Column, Contract
from pipelines.deliveries.readers.protective import UNCLEAR, asking_columns, meant, says_no

__all__ = ["spoilt", "with_unclear"]


def spoilt(given: pa.Schema, contract: Contract) -> tuple[set[str], list[tuple[int, Column]]]:
    """The protective columns that cannot be relied on, and places of the file's columns that were meant to be one.

    A protective column within another is named by its path: ``involvements[].sensitive``.
    """
    known = frozenset(contract.column_names)
    names: set[str] = set()
    odd: list[tuple[int, Column]] = []
    for column in contract.protective:
        proper = [place for place, name in enumerate(given.names) if name == column.name]
        strange = [place for place, name in enumerate(given.names) if name not in known]
        spelled = [place for place in strange if meant(given.names[place], [column])]
        fits = len(proper) == 1 and _fits(given.field(proper[0]).type, column)
        if not fits or spelled:
            names.add(column.name)
        if not proper:  # what only begins like it counts where the column itself is not there
            spelled = [place for place in strange if meant(given.names[place], [column], beginning=True)]
        odd += [(place, column) for place in (*(() if fits else proper), *spelled)]
    for field in given:
        own = next((column for column in contract.columns if column.name == field.name), None)
        names |= set(_spoilt_below(field.type, own, field.name, asking_columns(contract)))
    return names, odd


def with_unclear(records: pa.Table, batch: pa.RecordBatch, odd: Iterable[tuple[int, Column]]) -> pa.Table:
    """`records` with a mark unclear wherever the batch says something in a column (by its place) that was meant to be it."""
    for place, column in odd:
        number = records.schema.get_field_index(column.name)
        field = records.schema.field(number)
        mark = records.column(number).combine_chunks()
        value = {item.name: UNCLEAR for item in column.items if item.concept == "shield.requested"}
        unclear = pa.array([value if column.logical == "object" else UNCLEAR] * len(mark), field.type)
        records = records.set_column(number, field, pc.if_else(_says(batch.column(place), column), unclear, mark))
    return records


def _fits(kind: pa.DataType, column: Column) -> bool:
    """Whether a type is of the contract's kind: a scalar, or an object of its scalars, each at most once."""
    if column.logical != "object":
        return not pa.types.is_nested(kind)
    if not pa.types.is_struct(kind):
        return bool(pa.types.is_null(kind))
    fields = [kind.field(number) for number in range(kind.num_fields)]
    names = [field.name for field in fields]
    return (
        len(set(names)) == len(names)
        and set(names) <= {item.name for item in column.items}
        and not any(pa.types.is_nested(field.type) for field in fields)
    )


def _spoilt_below(kind: pa.DataType, column: Column | None, path: str, asking: tuple[Column, ...]) -> Iterator[str]:
    """Protective columns within a column that are spelled otherwise or repeated, and asking ones that stand there."""
    if column is not None and column.protects:
        return
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        yield from _spoilt_below(kind.value_type, column, f"{path}[]", asking)
    elif pa.types.is_struct(kind):
        names = [kind.field(number).name for number in range(kind.num_fields)]
        items = column.items if column else ()
        known = {item.name for item in items}
        for item in (item for item in items if item.protects):
            if names.count(item.name) > 1 or any(meant(name, [item]) for name in names if name not in known):
                yield f"{path}.{item.name}"
        for number, name in enumerate(names):
            if name not in known:
                yield from (each.name for each in asking if name == each.name or meant(name, [each]))
            own = next((item for item in items if item.name == name), None)
            yield from _spoilt_below(kind.field(number).type, own, f"{path}.{name}", asking)


def _says(array: pa.Array, column: Column) -> pa.Array:
    """Which rows say anything but no."""
    try:
        return pa.array([_said(value, column) for value in array.to_pylist()], pa.bool_())
    # an object with a key twice, a time of a zone or year that there is not: no Python object
    except (ValueError, LookupError, OverflowError):
        return array.is_valid()


def _said(value: Any, column: Column) -> bool:
    if isinstance(value, dict):
        return any(_said(each, column) for each in value.values())
    if isinstance(value, list):
        return bool(value)
    if isinstance(value, str):
        return not says_no(value, column)
    return value is not None and value is not False and value == value  # what is not itself is no number
