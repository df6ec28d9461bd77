"""Damaged rows of delimited text: what they ask for, and whom they name, as far as it can be made out.

Belongs here: guesses at rows that are rejected as damaged. Not here: telling rows apart (`csv`). A row with the wrong number
of cells is read twice, from its beginning and from its end: left of the damage the one is right, right of it the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import pyarrow as pa

from pipelines.contracts.contract import Column, Contract
from pipelines.deliveries.readers.protective import UNCLEAR, WALLS, asking_columns, known_marks, says_no

__all__ = ["key_after", "keys_made_out", "marked_rows", "salvaged_rows"]

_LONGEST = 1 << 20  # characters of a row that are looked at
Row = dict[str, object]


def salvaged_rows(
    rows: Iterable[tuple[int, int | None, list[str]]],
    header: Sequence[str],
    odd: Sequence[tuple[int, Column]],
    contract: Contract,
    schema: pa.Schema,
) -> pa.Table:
    """Guesses at damaged rows, in the shape of a file's records.

    A row of the proper width asks by its own cells. Of any other width it asks when one of its cells is a mark that the
    contract knows, in whatever capitals (where its own mark stands cannot be told), or when at the mark's place, counted from
    either end, there is a code of one or two letters that the contract does not know, or anything where a number would be.

    Args:
        rows: position, line and cells of each damaged row.
        header: each cell's column; "" for one that is not read.
        odd: places of cells whose name was meant to be a protective column's, and that column.
        contract: whose columns.
        schema: of a file's records.
    """
    asking = [column for column in asking_columns(contract) if column.logical != "object"]
    found: list[Row] = []
    for position, line, cells in rows if asking else ():
        at = {"position": position, "line": line}
        cells = [cell.replace("\0", "")[:_LONGEST] for cell in cells]
        if len(cells) == len(header):
            found.append(at | _named(header, cells) | _odd(odd, cells))
            continue
        words = {cell.strip().casefold() for cell in cells}
        guesses = (_named(header, cells), _from_the_end(header, cells))
        marks: Row = {
            column.name: UNCLEAR
            for column in asking
            if words & known_marks(column) or any(_may_be_said(guess.get(column.name), column) for guess in guesses)
        }
        if marks:
            found += [at | guess | marks for guess in guesses]
    return pa.Table.from_pylist(found, schema=schema)


def marked_rows(
    rows: Iterable[tuple[int, int | None, list[str]]],
    header: Sequence[str],
    columns: Sequence[Column],
    schema: pa.Schema,
) -> pa.Table:
    """Guesses at the rows of a file that lacks asking columns: those ask that have one of their marks in a cell that is not read.

    Args:
        rows: position, line and cells of each.
        header: each cell's column; "" for one that is not read.
        columns: the asking ones that are lacking.
        schema: of a file's records.
    """
    known = {column.name: known_marks(column) for column in columns if column.logical != "object"}
    found: list[Row] = []
    for position, line, cells in rows:
        names = [*header, *[""] * (len(cells) - len(header))]
        words = {cell.strip().casefold() for name, cell in zip(names, cells, strict=False) if not name}
        if marks := {name: UNCLEAR for name, own in known.items() if words & own}:
            found.append({"position": position, "line": line} | _named(header, cells) | marks)
    return pa.Table.from_pylist(found, schema=schema)


def keys_made_out(
    rows: Iterable[tuple[int, int | None, list[str]]], header: Sequence[str], contract: Contract
) -> dict[int, str]:
    """Position of a damaged row → its key, where there is something at the place of each of its columns.

    A column in the first half of the header is counted from the row's beginning, another from its end: damage seldom lies before
    the one and behind the other. Whether it is a key is seen by whether anybody has it.
    """
    if not all(name in header for name in contract.key_columns):
        return {}
    found = {}
    for position, _, cells in rows:
        first, last = _named(header, cells), _from_the_end(header, cells)
        guesses = [
            (first if list(header).index(name) * 2 < len(header) else last).get(name) for name in contract.key_columns
        ]
        if all(isinstance(each, str) and each.strip() for each in guesses):
            found[position] = "/".join(str(each).strip() for each in guesses)
    return found


def key_after(text: str, contract: Contract, pattern: str) -> str | None:
    """The key of a damaged record of JSON or XML, where each of its columns stands in it once.

    Args:
        text: the record.
        contract: whose key.
        pattern: of a column's value, the first group, with its name at ``{}``.
    """
    found = [re.findall(pattern.format(re.escape(name)), text[:_LONGEST]) for name in contract.key_columns]
    return "/".join(each[0].strip() for each in found) if found and all(len(each) == 1 for each in found) else None


def _named(header: Sequence[str], cells: Sequence[str]) -> Row:
    return {name: cell or None for name, cell in zip(header, cells, strict=False) if name}


def _from_the_end(header: Sequence[str], cells: Sequence[str]) -> Row:
    return _named(list(reversed(header)), list(reversed(cells)))


def _may_be_said(cell: object, column: Column) -> bool:
    if column.concept == WALLS:
        return isinstance(cell, str) and not says_no(cell, column)
    return isinstance(cell, str) and cell.strip().isalpha() and len(cell.strip()) <= 2


def _odd(odd: Sequence[tuple[int, Column]], cells: Sequence[str]) -> Row:
    return {column.name: UNCLEAR for place, column in odd if not says_no(cells[place], column)}
