"""What every reader gives: the delivered records in one shape, whatever the file was.

Belongs here: the result's shape, the Arrow types of a contract, and what is done to every file alike (record keys, the
change mark, values too large). Not here: any file format, any judgement of a value.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.contracts.contract import Column, Contract
from pipelines.deliveries.cleaning import cleaned, untouched
from pipelines.deliveries.codes import Finding
from pipelines.deliveries.readers.asking import who_asks

__all__ = [
    "CELL_LIMIT",
    "CHANGE",
    "UNREADABLE_SCHEMA",
    "Damage",
    "FilePart",
    "ReadResult",
    "arrow_type",
    "assemble",
    "native_schema",
    "tidied",
]

Mask = npt.NDArray[np.bool_]
CELL_LIMIT = 10_000  # characters of one value
CHANGE = "change"
UNREADABLE_SCHEMA = pa.schema(
    [
        ("position", pa.int64()),
        ("line", pa.int64()),
        ("key", pa.string()),
        ("rule", pa.string()),
        ("may_be", pa.string()),
    ]
)
Damage = tuple[int, int | None, str]  # position in the file, line or None, rule


@dataclass(frozen=True)
class FilePart:
    """One file as its reader gives it.

    Attributes:
        records: position (1-based in the file), line (null where there is none), the contract's columns as text,
            structs and lists, and in a delta `change` as delivered.
        damaged: records that could be told apart but not read.
        complete: whether every record of the file was either read or told apart; if not, the rest is lost.
        findings: about the file.
        refused: names outside the contract, nested ones by path.
        salvaged: in the shape of `records`, what could be made out of damaged records that may ask to be protected;
            several rows of one position are guesses at one record. None: nothing.
        keys: position of a damaged record → its key, as far as that can be made out: to be kept in memory only.
        blank: rows with no value at all, which are no records.
        cleaned: path of a column → texts that were cleaned there (`cleaning`).
        plain: for each of `records`, whether its own text is all that it was read by, and nothing in it is told of the file: no name
            outside the contract, nothing unclear, nothing cleaned. None: of no record is that known.
        beside: records of the file that were not read, since they are known.
    """

    records: pa.Table = field(repr=False)
    damaged: list[Damage] = field(default_factory=list)
    complete: bool = True
    findings: tuple[Finding, ...] = ()
    refused: tuple[str, ...] = ()
    salvaged: pa.Table | None = field(default=None, repr=False)
    keys: Mapping[int, str] = field(default_factory=dict, repr=False)
    blank: int = 0
    cleaned: Mapping[str, int] = field(default_factory=dict)
    plain: Mask | None = field(default=None, repr=False)
    beside: int = 0

    @property
    def rows(self) -> int:
        """Records read, told apart or known."""
        return int(self.records.num_rows) + len(self.damaged) + self.beside


@dataclass(frozen=True)
class ReadResult:
    """A delivery's records as delivered.

    Attributes:
        records: position int64 (ordinal in the delivery from 1, running over its files), line int64 or null, key (key
            columns joined by ``/``; null when one is missing), change (``upsert`` or ``withdraw``), then the contract's
            columns in order: text, dates and flags as string as delivered (empty → null), objects as struct, arrays as
            list; dates of a typed Parquet file in the contract's native form.
        unreadable: position, line, key (null when it could not be read), rule, may_be (what the key may be: in memory only): damaged records.
        rows_read: records + unreadable + taken.
        blank: rows with no value at all, of those that the manifest counts.
        cleaned: path of a column → texts that were cleaned there.
        lost: rows of the manifest that could not even be told apart in a damaged file.
        findings: file codes found while reading.
        refused_columns: names outside the contract, whose content was dropped while parsing.
        asking: the records that ask to be protected, unreadable ones and those of a refused file included; the seam
            `ASKING`. To be kept in memory only.
        plain: positions of the records that were read `FilePart.plain` and do not ask.
        taken: rows of a former delivery's accepted table, at tonight's position and line, of the records that were not read since
            their text is known (`only_new`); None: all were read.
        texts: a keyed digest of each record's text by position, null where it may not be known again; None: none were made.
        again: reads some of the `taken` after all, by position; everything else of the result stays as it is.
    """

    records: pa.Table = field(repr=False)
    unreadable: pa.Table
    rows_read: int
    lost: int
    findings: tuple[Finding, ...]
    refused_columns: tuple[str, ...]
    asking: pa.Table = field(repr=False)
    blank: int = 0
    cleaned: Mapping[str, int] = field(default_factory=dict)
    plain: pa.Array = field(default_factory=lambda: pa.array([], pa.int64()), repr=False)
    taken: pa.Table | None = field(default=None, repr=False)
    texts: pa.Array | None = field(default=None, repr=False)
    again: Callable[[Sequence[int]], ReadResult] | None = field(default=None, repr=False)


def tidied(part: FilePart, contract: Contract, beside: Mapping[str, int] | None = None) -> FilePart:
    """A file's records with clean texts, without the rows that have no value at all.

    Args:
        part: as its reader gives it.
        contract: whose columns.
        beside: as in `cleaned`, of the records that were not read.
    """
    records, counts = cleaned(part.records, contract, beside)
    plain = None if part.plain is None else part.plain & untouched(part.records, records, contract)
    salvaged = None if part.salvaged is None else cleaned(part.salvaged, contract)[0]
    empty = np.ones(records.num_rows, dtype=bool)
    for name in records.column_names[2:]:
        empty &= records[name].is_null().to_numpy()
    blank = int(empty.sum())
    if blank:
        records = records.filter(pa.array(~empty))
        plain = None if plain is None else plain[~empty]
    return replace(part, records=records, salvaged=salvaged, blank=blank, cleaned=counts, plain=plain)


def arrow_type(column: Column) -> pa.DataType:
    """The delivered shape of `column`: string, struct of its items, list of text or of structs."""
    if column.logical == "object":
        return pa.struct([(item.name, arrow_type(item)) for item in column.items])
    if column.logical == "array":
        if not column.items:
            return pa.list_(pa.string())
        return pa.list_(pa.struct([(item.name, arrow_type(item)) for item in column.items]))
    return pa.string()


def native_schema(contract: Contract, delta: bool) -> pa.Schema:
    """position, line, the contract's columns and, in a delta, change: what a reader of a file gives."""
    fields = [(column.name, arrow_type(column)) for column in contract.columns if column.name != CHANGE]
    change = [(CHANGE, pa.string())] if delta else []
    return pa.schema([("position", pa.int64()), ("line", pa.int64()), *fields, *change])


def assemble(
    parts: list[FilePart], contract: Contract, *, delta: bool, lost: int, findings: tuple[Finding, ...], blank: int = 0
) -> ReadResult:
    """The parts of a delivery, put together: positions run on, keys and change are made, bad records set apart."""
    schema = native_schema(contract, delta)
    tables, salvaged = [schema.empty_table()], [schema.empty_table()]
    damaged: list[Damage] = []
    may_be: list[str | None] = []
    counts: Counter[str] = Counter()
    plain = [np.zeros(0, np.int64)]
    before = 0
    for part in parts:
        if part.plain is not None:
            plain.append(part.records["position"].to_numpy()[part.plain] + before)
        tables.append(_moved(part.records, before, schema))
        salvaged += [_moved(part.salvaged, before, schema)] if part.salvaged is not None else []
        damaged += [(position + before, line, rule) for position, line, rule in part.damaged]
        may_be += [part.keys.get(position) for position, _, _ in part.damaged]
        before += part.rows + part.blank
        counts.update(part.cleaned)
    table = _keyed(pa.concat_tables(tables), contract, delta)
    asking = who_asks(table, _keyed(pa.concat_tables(salvaged), contract, delta), contract)
    records, unreadable = _set_apart(table, delta)
    columns = [[damage[0] for damage in damaged], [damage[1] for damage in damaged]]
    torn = pa.Table.from_arrays(
        [
            pa.array(columns[0], pa.int64()),
            pa.array(columns[1], pa.int64()),
            pa.nulls(len(damaged), pa.string()),
            pa.array([damage[2] for damage in damaged], pa.string()),
            pa.array(may_be, pa.string()),
        ],
        schema=UNREADABLE_SCHEMA,
    )
    apart = pa.concat_tables([torn, unreadable]).sort_by("position")
    refused = tuple(dict.fromkeys(name for part in parts for name in part.refused))
    rows = sum(part.rows for part in parts)
    silent = pa.array(np.setdiff1d(np.concatenate(plain), asking["position"].to_numpy()), pa.int64())
    return ReadResult(
        records, apart, rows, lost, findings, refused, asking, blank, dict(sorted(counts.items())), silent
    )


def _moved(table: pa.Table, before: int, schema: pa.Schema) -> pa.Table:
    """`table` of a file with its positions in the delivery."""
    return table.set_column(0, "position", pc.add(table["position"], before)).cast(schema)


def _keyed(table: pa.Table, contract: Contract, delta: bool) -> pa.Table:
    """position, line, key, change, then the contract's columns; change is still as delivered."""
    keys = [table[name] for name in contract.key_columns]
    key = pc.binary_join_element_wise(*keys, "/", null_handling="emit_null") if keys else _nothing(table)
    change = table[CHANGE] if delta else _constant("upsert", table.num_rows)
    names = [name for name in contract.column_names if name != CHANGE]
    arrays = [table["position"], table["line"], key, change, *(table[name] for name in names)]
    return pa.Table.from_arrays(arrays, names=["position", "line", "key", CHANGE, *names])


def _set_apart(table: pa.Table, delta: bool) -> tuple[pa.Table, pa.Table]:
    """The records that can be judged, and those with a value too large or without a proper change mark."""
    bad: dict[int, str] = {}
    if delta:
        proper = pc.fill_null(pc.is_in(table[CHANGE], pa.array(["upsert", "withdraw"])), False)
        bad |= dict.fromkeys(np.flatnonzero(~proper.to_numpy()).tolist(), "RECORD-CHANGE")
    for name in table.column_names[4:]:
        bad |= dict.fromkeys(_oversize(table[name].combine_chunks()).tolist(), "RECORD-TOO-LARGE")
    # a key is written into reports and file names of rows: an over-long one is not repeated there
    long_key = set(_oversize(table["key"].combine_chunks(), limit=200).tolist())
    if not bad and not long_key:
        return table, UNREADABLE_SCHEMA.empty_table()
    for row in long_key:
        bad.setdefault(row, "RECORD-TOO-LARGE")
    rows = np.array(sorted(bad))
    keep = np.ones(table.num_rows, dtype=bool)
    keep[rows] = False
    taken = table.select(["position", "line", "key"]).take(pa.array(rows))
    key = pc.if_else(pa.array([row in long_key for row in rows.tolist()]), None, taken["key"])
    rule = pa.array([bad[row] for row in rows.tolist()], pa.string())
    nothing = pa.nulls(taken.num_rows, pa.string())
    apart = pa.Table.from_arrays([taken["position"], taken["line"], key, rule, nothing], schema=UNREADABLE_SCHEMA)
    return table.filter(pa.array(keep)), apart


def _oversize(array: pa.Array, limit: int = CELL_LIMIT) -> npt.NDArray[np.int64]:
    """Rows of `array` in which some value, at any depth, has more than `limit` characters."""
    if pa.types.is_string(array.type):
        if (pc.max(pc.binary_length(array)).as_py() or 0) <= limit:  # bytes bound characters
            return np.empty(0, dtype=np.int64)
        return np.flatnonzero(pc.fill_null(pc.greater(pc.utf8_length(array), limit), False).to_numpy(False))
    found = [rows for rows in _oversize_below(array, limit) if len(rows)]
    return np.unique(np.concatenate(found)) if found else np.empty(0, dtype=np.int64)


def _oversize_below(array: pa.Array, limit: int) -> Iterator[npt.NDArray[np.int64]]:
    if pa.types.is_struct(array.type):
        for number in range(array.type.num_fields):
            yield _oversize(pc.struct_field(array, number), limit)
    elif pa.types.is_list(array.type):
        rows = _oversize(array.flatten(), limit)
        if len(rows):
            yield pc.list_parent_indices(array).to_numpy()[rows]


def _constant(value: str, rows: int) -> pa.Array:
    return pa.repeat(pa.scalar(value, pa.string()), rows)


def _nothing(table: pa.Table) -> pa.Array:
    return pa.nulls(table.num_rows, pa.string())
