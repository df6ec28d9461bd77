"""Parquet: the contract's columns, as text or typed, brought to the shape the native file would have had.

Belongs here: turning Arrow types into delivered text. A date is written in the contract's native form, a boolean as
true or false, a whole number without decimals (what a spreadsheet makes of an identifier is then judged as delivered).
A record with bytes that are no UTF-8 is damaged, and no other: a file may hold them, whatever its schema says.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.contracts.contract import Contract
from pipelines.deliveries.codes import Finding, Severity, finding
from pipelines.deliveries.readers.headers import names_in
from pipelines.deliveries.readers.marks_in_parquet import spoilt, with_unclear
from pipelines.deliveries.readers.pieces import Indices, Pieces
from pipelines.deliveries.readers.protective import refusal
from pipelines.deliveries.readers.refused_names import as_told, columns_refused, is_contracts
from pipelines.deliveries.readers.result import CHANGE, FilePart, native_schema
from pipelines.outages import outage_of
from pipelines.tables import connect, fetch

__all__ = ["parquet_pieces", "read_parquet"]

_BYTES_LIMIT = 4 << 30  # uncompressed
_BROKEN = "\ufdd0"  # stands for bytes that are no UTF-8; it is no character
codecs.register_error(
    "broken", lambda fault: (_BROKEN, fault.end) if isinstance(fault, UnicodeDecodeError) else ("", 0)
)


class _NotTextError(ValueError):
    """A column whose values cannot be written as the contract's text."""


def read_parquet(path: Path, name: str, contract: Contract, *, delta: bool, stated_rows: int) -> FilePart:
    """The records of the Parquet file at `path`; `line` is null.

    Findings: UNREADABLE, TOO_LARGE (before anything is read), COUNT_MISMATCH, COLUMNS_REFUSED, COLUMNS_MISSING, COLUMNS_REPEATED,
    PROTECTION_UNREADABLE; a file that is refused for what it has in it is read all the same, for the records in it that ask to be
    protected. Damage: RECORD-ENCODING.
    """
    schema = native_schema(contract, delta)
    empty = FilePart(schema.empty_table())
    try:
        with pq.ParquetFile(path) as file:
            fault = _impossible(file, name, stated_rows)
            if fault and fault.code == "TOO_LARGE":
                return replace(empty, findings=(fault,))
            unprotected, odd = spoilt(file.schema_arrow, contract)
            findings, refused = _judge_columns(file.schema_arrow, schema, name, contract, unprotected)
            names = file.schema_arrow.names
            if any(
                each.severity == "refuse" for each in findings
            ):  # for those in it who ask, as it was most likely meant
                names = names_in(names, contract, delta=delta)
                given = pa.schema([each.with_name(told) for each, told in zip(file.schema_arrow, names, strict=True)])
                _, odd = spoilt(given, contract)
            findings += [fault] if fault else []
            doubtful = {place for place, _ in odd}
            trusted = [
                place
                for place, each in enumerate(names)
                if each in schema.names and place not in doubtful and each not in names[:place]
            ]
            # a name that is there twice can be read by its place alone, among all columns
            apart = odd or len(set(names)) < len(names) or names != file.schema_arrow.names
            wanted = None if apart else [names[place] for place in trusted]
            strange: set[str] = set()
            tables = []
            for batch in file.iter_batches(batch_size=1 << 16, columns=wanted, use_threads=False):
                plain = batch.select(trusted if apart else list(range(batch.num_columns)))
                plain = plain.rename_columns([names[place] for place in trusted]) if apart else plain
                table = _native(pa.Table.from_batches([plain]), schema, contract.file.date_format, strange)
                tables.append(with_unclear(table, batch, odd))
    except (pa.ArrowException, OSError, ValueError, OverflowError) as fault:
        if isinstance(fault, OSError) and outage_of(fault):  # the disk's, and nothing that the file is
            raise
        return replace(empty, findings=(finding("UNREADABLE", name, reason="it is not sound Parquet"),))
    if strange:
        reason = f"column {', '.join(sorted(strange))} is not of a kind the contract allows"
        findings = [
            *(each for each in findings if each.severity != "refuse"),
            finding("UNREADABLE", name, reason=reason),
        ]
    table = pa.concat_tables(tables) if tables else schema.empty_table()
    table = table.set_column(0, "position", pa.array(np.arange(1, table.num_rows + 1)))
    part = _set_broken_apart(FilePart(table, findings=tuple(findings), refused=refused), contract)
    return replace(part, plain=np.ones(part.records.num_rows, bool))


def parquet_pieces(path: Path, name: str, contract: Contract, *, delta: bool, stated_rows: int) -> Pieces:
    """The same file, read as a whole: a record's text is its columns as the native file would have them."""
    part = read_parquet(path, name, contract, delta=delta, stated_rows=stated_rows)
    total = part.rows
    sure = np.zeros(total, bool)
    ordinals = part.records["position"].to_numpy() - 1
    sure[ordinals] = True
    start, end = np.zeros(total, np.int64), np.zeros(total, np.int64)
    data, offsets = _documents(part.records)
    start[ordinals], end[ordinals] = offsets[:-1], offsets[1:]

    def read(chosen: Indices | None) -> FilePart:
        if chosen is None:
            return part
        wanted = np.zeros(total, bool)
        wanted[chosen] = True
        here = wanted[ordinals]
        records = part.records.filter(pa.array(here))
        return replace(part, records=records, plain=np.ones(len(records), bool), beside=total - len(chosen))

    return Pieces(read, sure, data, start, end, None, b"parquet")


def _documents(records: pa.Table) -> tuple[memoryview, Indices]:
    """Each record's columns as one text that no other content has, one after the other, and where they begin and the last ends."""
    if not records.num_rows:
        return memoryview(b""), np.zeros(1, np.int64)
    columns = ", ".join('"' + name.replace('"', '""') + '"' for name in records.column_names[2:])
    with connect({"records": records}) as database:
        told = fetch(
            database, f"SELECT to_json(struct_pack({columns}))::VARCHAR AS text FROM records ORDER BY position"
        )
    texts = told["text"].combine_chunks().cast(pa.large_string())
    _, offsets, data = texts.buffers()
    return memoryview(data), np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]


def _set_broken_apart(part: FilePart, contract: Contract) -> FilePart:
    """The file with its records that hold `_BROKEN` as damaged ones, of which the rest can be made out."""
    broken = np.zeros(part.records.num_rows, dtype=bool)
    for column in part.records.columns[2:]:
        broken |= _holds_broken(column.combine_chunks())
    if not broken.any():
        return part
    made_out = part.records.filter(pa.array(broken))
    positions = made_out["position"].to_pylist()
    keys = zip(*(made_out[name].to_pylist() for name in contract.key_columns), strict=True)
    told = {
        position: "/".join(each.strip() for each in key)
        for position, key in zip(positions, keys, strict=True)
        if all(each and _BROKEN not in each for each in key)
    }
    return replace(
        part,
        records=part.records.filter(pa.array(~broken)),
        damaged=[(position, None, "RECORD-ENCODING") for position in positions],
        salvaged=made_out,
        keys=told,
    )


def _holds_broken(array: pa.Array) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which values hold `_BROKEN`, anywhere in them."""
    if pa.types.is_string(array.type):
        return np.asarray(pc.fill_null(pc.match_substring(array, _BROKEN), False))
    found = np.zeros(len(array), dtype=bool)
    if pa.types.is_struct(array.type):
        for number in range(array.type.num_fields):
            found |= _holds_broken(pc.struct_field(array, number))
    elif pa.types.is_list(array.type):
        within = _holds_broken(array.flatten())
        found[np.asarray(pc.list_parent_indices(array))[within]] = True
    return found


def _impossible(file: pq.ParquetFile, name: str, stated_rows: int) -> Finding | None:
    """Why the file is refused, by what its footer says."""
    footer = file.metadata
    size = sum(footer.row_group(number).total_byte_size for number in range(footer.num_row_groups))
    if size > _BYTES_LIMIT or footer.num_rows > 50_000_000:
        return finding("TOO_LARGE", name, reason="it unpacks to more than one file may hold")
    if footer.num_rows != stated_rows:
        return finding("COUNT_MISMATCH", name, found=footer.num_rows, stated=stated_rows)
    return None


def _judge_columns(
    given: pa.Schema, schema: pa.Schema, name: str, contract: Contract, unprotected: set[str]
) -> tuple[list[Finding], tuple[str, ...]]:
    """Findings on the columns, and the names outside the contract, nested ones by path."""
    findings = refusal(unprotected, name)
    allowed = schema.names[2:]
    repeated = sorted({each for each in given.names if given.names.count(each) > 1 and each in allowed} - unprotected)
    if repeated:
        findings.append(finding("COLUMNS_REPEATED", name, names=", ".join(repeated)))
    paths = dict(enumerate((path for field in given for path in _unknown(field, schema, allowed)), 1))
    refused = as_told(paths, contract, known=is_contracts(given.names, contract, all_named=True))
    findings += columns_refused(refused, name)
    missing = [each for each in allowed if each not in given.names and each not in unprotected]
    if missing:
        needed = {each.name for each in contract.columns if each.required or each.key} | {CHANGE}
        severity: Severity = "refuse" if needed.intersection(missing) else "warn"
        findings.append(finding("COLUMNS_MISSING", name, names=", ".join(missing), severity=severity))
    return findings, refused


def _unknown(field: pa.Field, schema: pa.Schema, allowed: list[str]) -> Iterator[str]:
    if field.name not in allowed:
        yield field.name
    else:
        yield from _unknown_below(field.type, schema.field(field.name).type, field.name)


def _unknown_below(given: pa.DataType, wanted: pa.DataType, path: str) -> Iterator[str]:
    if _is_list(given) and pa.types.is_list(wanted):
        yield from _unknown_below(given.value_type, wanted.value_type, f"{path}[]")
    elif pa.types.is_struct(given) and pa.types.is_struct(wanted):
        known = {wanted.field(number).name: wanted.field(number).type for number in range(wanted.num_fields)}
        for number in range(given.num_fields):
            field = given.field(number)
            if field.name not in known:
                yield f"{path}.{field.name}"
            else:
                yield from _unknown_below(field.type, known[field.name], f"{path}.{field.name}")


def _native(table: pa.Table, schema: pa.Schema, date_format: str, strange: set[str]) -> pa.Table:
    """`table` in the delivered shape; columns it does not have are null, and those that are no text, which are put into `strange`."""
    arrays = []
    for field in schema:
        if field.name in ("position", "line") or field.name not in table.column_names:
            arrays.append(pa.nulls(table.num_rows, field.type))
        else:
            try:
                arrays.append(_convert(table[field.name].combine_chunks(), field.type, date_format))
            except (_NotTextError, pa.ArrowException):
                strange.add(field.name)
                arrays.append(pa.nulls(table.num_rows, field.type))
    return pa.Table.from_arrays(arrays, schema=schema)


def _convert(array: pa.Array, wanted: pa.DataType, date_format: str) -> pa.Array:
    """`array` as `wanted`: text, a struct of it, or a list of it."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), wanted)
    if pa.types.is_string(wanted):
        return _text(array, date_format)
    if pa.types.is_struct(wanted) and pa.types.is_struct(array.type):
        given = [array.type.field(number).name for number in range(array.type.num_fields)]
        parts = []
        for number in range(wanted.num_fields):
            field = wanted.field(number)
            if field.name in given:
                parts.append(_convert(pc.struct_field(array, given.index(field.name)), field.type, date_format))
            else:
                parts.append(pa.nulls(len(array), field.type))
        names = [wanted.field(number).name for number in range(wanted.num_fields)]
        return pa.StructArray.from_arrays(parts, names, mask=array.is_null())
    if pa.types.is_list(wanted) and _is_list(array.type):
        values = _convert(array.flatten(), wanted.value_type, date_format)
        counts = pc.fill_null(pc.list_value_length(array), 0).to_numpy()
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        return pa.ListArray.from_arrays(pa.array(offsets), values, mask=array.is_null())
    raise _NotTextError


def _text(array: pa.Array, date_format: str) -> pa.Array:
    """Scalars as the native file would have them; empty text is null."""
    kind = array.type
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        text = pc.strftime(_in_london(array) if pa.types.is_timestamp(kind) else array.cast(pa.date32()), date_format)
    elif pa.types.is_boolean(kind):
        text = pc.if_else(array, "true", "false")
    elif pa.types.is_floating(kind):
        if pa.types.is_float16(kind):
            array, kind = array.cast(pa.float32()), pa.float32()
        array = pc.if_else(pc.is_nan(array), pa.scalar(None, kind), array)
        whole = pc.and_(pc.equal(pc.floor(array), array), pc.less(pc.abs(array), 1e15))
        integers = pc.if_else(whole, array, pa.scalar(None, kind)).cast(pa.int64()).cast(pa.string())
        text = pc.coalesce(integers, array.cast(pa.string()))
    elif pa.types.is_nested(kind):
        raise _NotTextError
    else:
        text = _decoded(array)
    return pc.if_else(pc.equal(pc.binary_length(text), 0), pa.scalar(None, pa.string()), text)


def _decoded(array: pa.Array) -> pa.Array:
    """Values as text, with `_BROKEN` for whatever of them is no UTF-8."""
    try:
        text = array.cast(pa.string())
        text.validate(full=True)
    except pa.ArrowInvalid:
        raw = array.cast(pa.binary()).to_pylist()
        return pa.array([None if each is None else each.decode("utf-8", "broken") for each in raw], pa.string())
    return text


def _in_london(moments: pa.Array) -> pa.Array:
    """Moments of some zone as the clocks in London show them; such as have no zone as they are."""
    if moments.type.tz is None:
        return moments
    return pc.local_timestamp(moments.cast(pa.timestamp(moments.type.unit, "Europe/London")))


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))
