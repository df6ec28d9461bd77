"""CSV: whole files at once through Arrow; only rows that are odd are looked at one by one.

Belongs here: delimited text with a header. numpy finds where rows begin and end and how many fields they have; sound
rows go to Arrow's parser as they lie, damaged ones are taken out first, each with its position and physical line. An
unbalanced quotation mark costs its own row only: reading resumes at the next physical line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from pipelines.contracts.contract import Column, Contract
from pipelines.deliveries.codes import Finding, Severity, finding
from pipelines.deliveries.readers.damaged_rows import keys_made_out, marked_rows, salvaged_rows
from pipelines.deliveries.readers.headers import BETWEEN_CELLS, has_other_ends, made_out
from pipelines.deliveries.readers.pieces import Indices, Mask, Pieces, relocated, whole
from pipelines.deliveries.readers.protective import UNCLEAR, asking_columns, meant, refusal, says_no
from pipelines.deliveries.readers.refused_names import as_told, columns_refused, is_contracts
from pipelines.deliveries.readers.result import CELL_LIMIT, CHANGE, Damage, FilePart, native_schema
from pipelines.deliveries.readers.text import (
    Offsets,
    Text,
    ends_with_return,
    line_starts,
    load,
    offsets_of,
    recode,
)

__all__ = ["csv_pieces", "read_csv"]

_QUOTE = 34
_END_OF_DOS = b"\x1a"  # the end mark that DOS programs still write, on a line of its own or behind the last record
_BLANK = b" \t\r\n" + _END_OF_DOS
_NO_TEXT = 50  # one control sign in so many


@dataclass(frozen=True)
class _Rows:
    """The rows of a file: where each begins and ends (line end excluded) and its first physical line, from 1."""

    start: Offsets
    end: Offsets
    line: Offsets
    odd: Mask  # rows to be looked at one by one
    torn: Mask  # rows put together from lines that are too short: one damaged record each
    blank: list[tuple[int, int]]  # lines of nothing but blanks


def read_csv(path: Path, name: str, contract: Contract, *, delta: bool, stated_rows: int) -> FilePart:
    """The records of the CSV file at `path`; `stated_rows` (the manifest's) settles how damaged lines belong together.

    Findings: ENCODING_UNKNOWN, ENCODING_OTHER, UNREADABLE (no header), COLUMNS_REFUSED, COLUMNS_MISSING,
    COLUMNS_REPEATED, PROTECTION_UNREADABLE; a file whose header is refused is read all the same, as it was most
    likely meant (`headers`), for the records in it that ask to be protected. Damage: RECORD-FIELD-COUNT, RECORD-ENCODING,
    RECORD-UNREADABLE (NUL bytes), RECORD-TOO-LARGE (only where no fields can be made out; a single value too large is cut, and set apart when the delivery is assembled).
    """
    return csv_pieces(path, name, contract, delta=delta, stated_rows=stated_rows).all()


def csv_pieces(path: Path, name: str, contract: Contract, *, delta: bool, stated_rows: int) -> Pieces:
    """The same file with its rows told apart: whichever of them are read, they are those that the whole file has."""
    schema = native_schema(contract, delta)
    empty = FilePart(schema.empty_table())
    text, findings = load(path, name, contract.file.encoding)
    text = replace(text, data=text.data.rstrip(_END_OF_DOS))
    starts = line_starts(text.data)
    first = _first_line(text.data, starts)
    if first is None:
        return whole(empty)
    delimiter = contract.file.delimiter.encode()
    head = text.data[starts[first] : _line_end(text.data, starts, first)]
    cells = split_row(head, delimiter) or []
    header = [recode(cell, text.encoding).decode().strip() for cell in cells]
    faults, refused = _judge_header(header, name, contract, delta)
    if not any(
        each.severity == "refuse" for each in findings
    ):  # of a file in the wrong encoding that is all there is to say
        findings += faults
    behind = starts[first + 1 :]
    refuses = any(fault.severity == "refuse" for fault in faults)
    unread = [column for column in asking_columns(contract) if column.logical != "object"] if refuses else []
    one_line = (
        not refuses and not text.data[_line_end(text.data, starts, first) :].strip(_BLANK) and has_other_ends(text)
    )
    if refuses or one_line:  # whatever was meant instead: who asks in it is heard
        shape = made_out(text, contract, split_row, delta=delta)
        if shape.header:
            text = text if shape.data is text.data else Text(shape.data, text.encoding, text.bad[:0])
            header, delimiter, first = shape.header, shape.delimiter, shape.lines - 1
            behind = line_starts(text.data)
            behind = np.append(np.full(1, shape.after), behind[behind > shape.after])
        elif any(fault.code == "UNREADABLE" for fault in faults):
            salvaged = _heard_alone(shape.data, text.encoding, unread, schema)
            return whole(replace(empty, findings=tuple(findings), refused=refused, salvaged=salvaged))
    columns, odd = _columns(header, schema, contract)
    rows = _rows(text.data, behind, first + 2, delimiter, len(header), stated_rows)
    unread = [each for each in unread if each.name not in columns and all(each is not column for _, column in odd)]

    def read(chosen: Indices | None) -> FilePart:
        told, those = (text, rows) if chosen is None else _only(text, rows, chosen)
        body, good, damaged = _sound(told, those, delimiter, len(header))
        table = _parse(body, columns, odd, delimiter.decode(), len(good))
        given = {"position": pa.array(good + 1), "line": pa.array(those.line[good]), **table}
        arrays = [given.get(field.name, pa.nulls(len(good), field.type)) for field in schema]
        records = pa.Table.from_arrays(arrays, schema=schema)
        width = len(header)
        torn = [(position, line, _cells(told, those, position - 1, delimiter, width)) for position, line, _ in damaged]
        # a stray quotation mark may have drawn a mark of protection and its neighbours into one cell
        unquoted = [(position, line, _unquoted(told, those, position - 1, delimiter)) for position, line, _ in damaged]
        salvaged = salvaged_rows([*torn, *unquoted], columns, odd, contract, schema)
        if unread:
            every = ((n + 1, int(line), _cells(told, those, n, delimiter, width)) for n, line in enumerate(those.line))
            salvaged = pa.concat_tables([salvaged, marked_rows(every, columns, unread, schema)])
        keys = keys_made_out(torn, columns, contract)
        plain = ~(those.odd | those.torn)[good]
        part = FilePart(
            records, damaged, findings=tuple(findings), refused=refused, salvaged=salvaged, keys=keys, plain=plain
        )
        return part if chosen is None else relocated(part, chosen, rows.line, len(rows.line))

    if refuses:
        return whole(read(None))
    if one_line:  # heard, and not loaded: to whom the first line is all there is, it has no rows
        part = read(None)
        told = pa.concat_tables([each for each in (part.records, part.salvaged) if each is not None])
        return whole(replace(empty, findings=tuple(findings), refused=refused, salvaged=told))
    sure = ~(rows.odd | rows.torn) & (not len(text.bad))
    return Pieces(
        read, sure, text.data, rows.start, rows.end, rows.line, b"\0".join([b"csv", text.encoding.encode(), head])
    )


def _only(text: Text, rows: _Rows, chosen: Indices) -> tuple[Text, _Rows]:
    """Some of the rows as a text of their own, one after the other; what they are was found in the whole file."""
    start, end = rows.start[chosen], rows.end[chosen]
    data = b"".join(text.data[one:other] + b"\n" for one, other in zip(start.tolist(), end.tolist(), strict=True))
    lengths = end - start
    begin = np.cumsum(lengths + 1) - lengths - 1
    told = Text(data, text.encoding, text.bad[:0])
    return told, _Rows(begin, begin + lengths, rows.line[chosen], rows.odd[chosen], rows.torn[chosen], [])


def split_row(row: bytes, delimiter: bytes) -> list[bytes] | None:
    """The fields of one row; None when a quotation mark that opens a field is never closed.

    A quotation mark within an unquoted field is an ordinary character.
    """
    fields: list[bytes] = []
    place = 0
    while True:
        value = b""
        if row[place : place + 1] == b'"':
            place += 1
            while True:
                close = row.find(b'"', place)
                if close < 0:
                    return None
                value += row[place:close]
                place = close + 1
                if row[place : place + 1] != b'"':
                    break
                value += b'"'
                place += 1
        stop = row.find(delimiter, place)
        if stop < 0:
            return [*fields, value + row[place:]]
        fields.append(value + row[place:stop])
        place = stop + len(delimiter)


def _judge_header(
    header: list[str], name: str, contract: Contract, delta: bool
) -> tuple[list[Finding], tuple[str, ...]]:
    """Findings on the header, and the names outside the contract."""
    allowed = [*(column for column in contract.column_names if column != CHANGE), *([CHANGE] if delta else [])]
    present = [column for column in header if column in allowed]
    if not present:
        # the first line may be a record: nothing of it is repeated
        reason = f"its first line is not the contract's header with '{contract.file.delimiter}' between names"
        return [finding("UNREADABLE", name, reason=reason)], ()
    unprotected = {column.name for column in contract.protective if present.count(column.name) != 1}
    unprotected |= {each.name for name in header if name not in allowed and (each := meant(name, contract.protective))}
    findings = refusal(unprotected, name)
    repeated = sorted({column for column in present if present.count(column) > 1} - unprotected)
    if repeated:
        findings.append(finding("COLUMNS_REPEATED", name, names=", ".join(repeated)))
    unknown = {number: column for number, column in enumerate(header, 1) if column not in allowed}
    refused = as_told(unknown, contract, known=is_contracts(present, contract, all_named=True))
    findings += columns_refused(refused, name)
    missing = [column for column in allowed if column not in present and column not in unprotected]
    if missing:
        needed = {column.name for column in contract.columns if column.required or column.key} | {CHANGE}
        severity: Severity = "refuse" if needed.intersection(missing) else "warn"
        findings.append(finding("COLUMNS_MISSING", name, names=", ".join(missing), severity=severity))
    return findings, refused


def _columns(header: list[str], schema: pa.Schema, contract: Contract) -> tuple[list[str], list[tuple[int, Column]]]:
    """Each cell's column ("" for one that is not read), and places of cells that were meant to be a protective column.

    Of a name that is there twice neither is taken at its word.
    """
    once = [name if name in schema.names[2:] and header.count(name) == 1 else "" for name in header]
    odd = []
    for place, name in enumerate(header):
        if not once[place]:
            column = next((each for each in contract.protective if each.name == name), None)
            column = column or (None if name in schema.names else meant(name, contract.protective, beginning=True))
            # what only begins like it counts where the column itself is not there
            if column and (column.name not in once or meant(name, [column])):
                odd.append((place, column))
    return once, odd


def _cells(text: Text, rows: _Rows, number: int, delimiter: bytes, width: int) -> list[str]:
    """The cells of a damaged row, where need be by its delimiters alone, or by other ones that make as many of it as there should be."""
    row = text.data[rows.start[number] : rows.end[number]][: CELL_LIMIT * 100]
    cells = split_row(row, delimiter)
    if cells is None or len(cells) != width:
        others = (split_row(row, each) for each in BETWEEN_CELLS if each != delimiter)
        cells = next((each for each in others if each and len(each) == width), cells)
    if cells is None:
        return _unquoted(text, rows, number, delimiter)
    return [recode(cell, text.encoding).decode() for cell in cells]


def _unquoted(text: Text, rows: _Rows, number: int, delimiter: bytes) -> list[str]:
    """The cells of a damaged row by its delimiters alone, wherever its quotation marks stand."""
    row = text.data[rows.start[number] : rows.end[number]][: CELL_LIMIT * 100]
    return [recode(cell, text.encoding).decode() for cell in row.replace(b'"', b"").split(delimiter)]


def _heard_alone(data: bytes, encoding: str, columns: list[Column], schema: pa.Schema) -> pa.Table:
    """Lines of which nothing can be told but that a mark stands alone in a cell; none where it is no text at all."""
    signs = np.frombuffer(data[:4000], np.uint8)
    if not columns or np.count_nonzero((signs < 32) & ~np.isin(signs, (9, 10, 11, 12, 13))) * _NO_TEXT > len(signs):
        return schema.empty_table()
    between = re.compile(b"[" + re.escape(b"".join(BETWEEN_CELLS)) + b"]")
    lines = (between.split(line[: CELL_LIMIT * 100]) for line in data.replace(b'"', b"").splitlines())
    told = ((number, [recode(cell, encoding).decode() for cell in cells]) for number, cells in enumerate(lines, 1))
    rows = ((number, number, cells) for number, cells in told if len(cells) > 1)
    return marked_rows(rows, (), columns, schema)


def _rows(data: bytes, starts: Offsets, first_line: int, delimiter: bytes, width: int, stated: int) -> _Rows:
    """The rows that begin with the physical lines at `starts`, the first of which is line `first_line`."""
    begin = int(starts[0]) if len(starts) else len(data)
    quotes = offsets_of(data, b'"')
    quotes = quotes[quotes >= begin]
    line_ends = np.append(starts[1:], len(data))[: len(starts)]
    text_ends = _without_line_end(data, starts, line_ends)
    filled, blank = _filled(data, starts, text_ends)
    opens = _openings(data, starts, text_ends, quotes, delimiter, width) if len(quotes) else np.arange(len(starts))
    rows = opens[filled[opens]]
    for short in (0, 1):
        if len(rows) < stated:
            # two stray quotation marks have swallowed the lines between them: there is a record to each of these
            opens = _let_go(data, starts, text_ends, filled, opens, delimiter, width, short)
            rows = opens[filled[opens]]
    last = np.append(opens[1:] - 1, len(starts) - 1)[: len(opens)][filled[opens]]
    start, end = starts[rows], text_ends[last]
    fields, odd = _measure(data, start, end, quotes, delimiter, width)
    torn = np.zeros(len(rows), bool)
    if len(rows) > stated:
        keep, torn = _fragments(fields, odd, width)
        last_fragment = np.append(keep[1:] - 1, len(rows) - 1)[: len(keep)]
        start, end, rows, odd, torn = start[keep], end[last_fragment], rows[keep], odd[keep], torn[keep]
    between = np.intersect1d(blank, opens)
    spans = [(int(starts[each]), int(line_ends[each])) for each in between.tolist()]
    return _Rows(start, end, rows + first_line, odd, torn, spans)


def _fragments(fields: Offsets, odd: Mask, width: int) -> tuple[Offsets, Mask]:
    """Rows that begin a record, and which of them are torn: short rows in sequence that together have `width` fields.

    That is what a line break outside quotation marks leaves behind.
    """
    torn = np.zeros(len(fields), bool)
    inner = np.zeros(len(fields), bool)
    short = set(np.flatnonzero(odd & (fields < width)).tolist())
    for number in sorted(short):
        if inner[number]:
            continue
        total, place = int(fields[number]), number + 1
        while place in short and total < width:
            total += int(fields[place]) - 1
            place += 1
        if place > number + 1 and total == width:
            torn[number] = True
            inner[number + 1 : place] = True
    return np.flatnonzero(~inner), torn


def _openings(data: bytes, starts: Offsets, ends: Offsets, quotes: Offsets, delimiter: bytes, width: int) -> Offsets:
    """Which physical lines begin a row: those not inside a quoted field.

    A line with an odd number of quotation marks opens a field that the next such line closes. When the lines so joined
    do not make one proper row, the mark was a stray one: the line stands alone and the next one begins a row.
    """
    count = np.searchsorted(quotes, ends) - np.searchsorted(quotes, starts)
    uneven = np.flatnonzero(count % 2)
    inner = np.zeros(len(starts), bool)
    place = 0
    while place < len(uneven):
        opening = uneven[place]
        closing = uneven[place + 1] if place + 1 < len(uneven) else None
        if closing is not None and _proper(data[starts[opening] : ends[closing]], delimiter, width):
            inner[opening + 1 : closing + 1] = True
            place += 2
        else:
            place += 1
    return np.flatnonzero(~inner)


def _let_go(
    data: bytes, starts: Offsets, ends: Offsets, filled: Mask, opens: Offsets, delimiter: bytes, width: int, short: int
) -> Offsets:
    """`opens`, and every line of those rows that have as many delimiters, quoted or not, as a record on each of their lines has.

    A line break that is meant stands in one cell: its lines have the delimiters of one record. `short`: some of the lines may be damaged;
    it is enough that together they have more of a record to each than of one record.
    """
    if width < 2 or not len(opens):
        return opens
    marks = offsets_of(data, delimiter)
    there = np.add.reduceat(np.searchsorted(marks, ends) - np.searchsorted(marks, starts), opens)
    lines = np.add.reduceat(filled.astype(np.int64), opens)
    swallowed = (lines > 1) & (2 * there >= (lines + 1 if short else 2 * lines) * (width - 1))
    alone = np.repeat(swallowed, np.diff(np.append(opens, len(starts))))
    alone[opens] = True
    return np.flatnonzero(alone)


def _proper(row: bytes, delimiter: bytes, width: int) -> bool:
    """Whether physical lines joined by a quoted line break are one row of `width` fields, quoted as they should be."""
    if len(row) > CELL_LIMIT * width * 4:
        return False
    fields = split_row(row.rstrip(b"\r\n"), delimiter)
    if fields is None or len(fields) != width:
        return False
    return not _stray(row.rstrip(b"\r\n"), delimiter)


def _stray(row: bytes, delimiter: bytes) -> bool:
    """Whether a quotation mark stands where neither a field begins nor ends."""
    rest = row.replace(b'""', b"")  # doubled marks, empty fields included
    marks = [mark.start() for mark in re.finditer(b'"', rest)]
    for number, place in enumerate(marks):
        before, after = rest[place - 1 : place], rest[place + 1 : place + 2]
        beside = before if number % 2 == 0 else after
        if beside not in (b"", delimiter):
            return True
    return False


def _measure(
    data: bytes, starts: Offsets, ends: Offsets, quotes: Offsets, delimiter: bytes, width: int
) -> tuple[Offsets, Mask]:
    """Each row's number of fields, and whether Arrow must not be given it as it is.

    Odd are a wrong number of fields, stray quotation marks, over-long rows, NUL bytes.
    """
    marks = offsets_of(data, delimiter)
    first_quote = np.searchsorted(quotes, starts)
    first, last = np.searchsorted(marks, starts), np.searchsorted(marks, ends)
    fields = last - first + 1
    quoted = np.flatnonzero(np.searchsorted(quotes, ends) > first_quote)
    if len(quoted):
        # a delimiter counts when an even number of its own row's quotation marks stands before it
        many = (last - first)[quoted]
        row = np.repeat(np.arange(len(quoted)), many)
        among = np.arange(len(row)) + (first[quoted] - np.cumsum(many) + many)[row]
        before = np.searchsorted(quotes, marks[among]) - first_quote[quoted][row]
        fields[quoted] -= np.bincount(row[before % 2 == 1], minlength=len(quoted))
    odd = (fields != width) | (ends - starts > CELL_LIMIT)
    if len(quotes) and len(starts):
        odd |= (np.searchsorted(quotes, ends) - first_quote) % 2 == 1
        odd[_misplaced(data, starts, ends, quotes, first_quote, delimiter)] = True
    if len(starts):
        # Arrow would end a row at any CR; a NUL has no place in text
        for strange in (b"\0", b"" if b"\r" not in data or ends_with_return(data) else b"\r"):
            places = offsets_of(data, strange) if strange and strange in data else np.empty(0, np.int64)
            row = np.maximum(np.searchsorted(starts, places, "right") - 1, 0)
            odd[row[(places >= starts[row]) & (places < ends[row])]] = True
    return fields, odd


def _misplaced(
    data: bytes, starts: Offsets, ends: Offsets, quotes: Offsets, first_quote: Offsets, delimiter: bytes
) -> Offsets:
    """Rows with a quotation mark where neither a field begins or ends nor a doubled mark stands."""
    row = np.searchsorted(starts, quotes, "right") - 1
    inside = (row >= 0) & (quotes < ends[np.maximum(row, 0)])
    quotes, row = quotes[inside], row[inside]
    view = np.frombuffer(data, np.uint8)
    opening = (np.searchsorted(quotes, quotes) - np.searchsorted(quotes, starts[row])) % 2 == 0
    at_start, at_end = quotes == starts[row], quotes + 1 == ends[row]
    before = view[np.maximum(quotes - 1, 0)]
    after = view[np.minimum(quotes + 1, len(view) - 1)]
    fits = np.where(
        opening,
        at_start | (before == delimiter[0]) | (before == _QUOTE),
        at_end | (after == delimiter[0]) | (after == _QUOTE),
    )
    return np.unique(row[~fits])


def _sound(text: Text, rows: _Rows, delimiter: bytes, width: int) -> tuple[bytes, Offsets, list[Damage]]:
    """The sound rows as UTF-8 for Arrow, their numbers from 0, and the damaged ones. Positions count all of them."""
    count = len(rows.start)
    damage: dict[int, str] = {}
    if len(text.bad) and count:
        hit = np.unique(np.searchsorted(rows.start, text.bad, "right") - 1)
        damage |= dict.fromkeys(hit[hit >= 0].tolist(), "RECORD-ENCODING")
    rewritten: dict[int, bytes] = {}
    for number in np.flatnonzero(rows.odd).tolist():
        row = text.data[rows.start[number] : rows.end[number]]
        fields = split_row(row, delimiter)
        if b"\0" in row:
            damage[number] = "RECORD-UNREADABLE"
        elif rows.torn[number]:
            damage[number] = "RECORD-FIELD-COUNT"
        elif fields is None or len(fields) != width:
            long = fields is None and len(row) > CELL_LIMIT * width
            damage.setdefault(number, "RECORD-TOO-LARGE" if long else "RECORD-FIELD-COUNT")
        elif number not in damage:
            fields = [_shortened(field, text.encoding) for field in fields]
            rewritten[number] = delimiter.join(b'"' + field.replace(b'"', b'""') + b'"' for field in fields)
    good = np.setdiff1d(np.arange(count), np.fromiter(damage, np.int64, len(damage)))
    damaged: list[Damage] = [(number + 1, int(rows.line[number]), damage[number]) for number in sorted(damage)]
    after = {
        number: int(rows.start[number + 1]) if number + 1 < count else len(text.data)
        for number in {*damage, *rewritten}
    }
    cuts = [(int(rows.start[each]), after[each], rewritten.get(each, b"")) for each in after]
    cuts += [(start, end, b"") for start, end in rows.blank]
    begin = int(rows.start[0]) if count else len(text.data)
    pieces: list[bytes] = []
    for start, end, instead in sorted(cuts):
        if end > begin:  # a blank line may lie behind a damaged row and be cut with it
            pieces += [text.data[begin:start], instead, b"\n"] if instead else [text.data[begin:start]]
            begin = max(begin, end)
    body = b"".join([*pieces, text.data[begin:]]) if pieces else text.data[begin:]
    return recode(body, text.encoding), good, damaged


def _shortened(field: bytes, encoding: str) -> bytes:
    """A value that is too large, cut just beyond the limit: its record is set apart later, when its key is known."""
    if len(field) <= CELL_LIMIT:
        return field
    return field.decode(encoding, "replace")[: CELL_LIMIT + 1].encode(encoding, "replace")


def _parse(
    body: bytes, columns: list[str], odd: list[tuple[int, Column]], delimiter: str, expected: int
) -> dict[str, pa.ChunkedArray]:
    """The contract's columns of `body` (UTF-8, without header) as text, empty cells null; others are not read.

    Where a cell of `odd` says something, its column is unclear.
    """
    # columns that are not read get names of their own: they may be empty or repeat each other
    names = [name or f"\x01{number}" for number, name in enumerate(columns)]
    wanted = [name for name in columns if name] + [names[place] for place, _ in odd]
    if not expected:
        return {name: pa.chunked_array([], pa.string()) for name in columns if name}
    table = arrow_csv.read_csv(
        pa.BufferReader(body.rstrip(b"\r\n") + b"\n"),
        read_options=arrow_csv.ReadOptions(column_names=names, use_threads=False, block_size=16 << 20),
        parse_options=arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(wanted, pa.string()),
            include_columns=wanted,
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
            null_values=[""],
        ),
    )
    if table.num_rows != expected:
        raise AssertionError(f"{table.num_rows} rows parsed, {expected} told apart")
    found = {name: table[name] for name in columns if name}
    for place, column in odd:
        texts = table[names[place]].to_pylist()
        unclear = pa.array([None if says_no(text, column) else UNCLEAR for text in texts], pa.string())
        found[column.name] = pc.coalesce(unclear, found[column.name]) if column.name in found else unclear
    return found


def _first_line(data: bytes, starts: Offsets) -> int | None:
    """Number from 0 of the first line that holds anything; None in an empty file."""
    for number in range(len(starts)):
        if data[starts[number] : _line_end(data, starts, number)].strip(_BLANK):
            return number
    return None


def _line_end(data: bytes, starts: Offsets, number: int) -> int:
    """Offset of the end of a physical line, its line end excluded."""
    end = int(starts[number + 1]) if number + 1 < len(starts) else len(data)
    while end > starts[number] and data[end - 1] in b"\r\n":
        end -= 1
    return end


def _without_line_end(data: bytes, starts: Offsets, ends: Offsets) -> Offsets:
    """Each row's end without its line end."""
    view = np.frombuffer(data, np.uint8)
    ends = ends.copy()
    for mark in (b"\n", b"\r"):
        last = view[np.maximum(ends - 1, 0)] if len(view) else np.empty(0, np.uint8)
        ends -= (last == mark[0]) & (ends > starts)
    return ends


def _filled(data: bytes, starts: Offsets, ends: Offsets) -> tuple[Mask, Offsets]:
    """Lines that hold more than blanks, and the numbers of those that hold blanks only."""
    filled = ends > starts
    short = np.flatnonzero(filled & (ends - starts < 80))
    blank = [number for number in short.tolist() if not data[starts[number] : ends[number]].strip(_BLANK)]
    filled[blank] = False
    return filled, np.array(blank, np.int64)
