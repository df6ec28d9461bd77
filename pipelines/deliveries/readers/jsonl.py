"""JSON lines: one document per line, taken apart by DuckDB in bulk.

Belongs here: documents with objects and lists below them. The file is cut into lines with numpy; DuckDB judges which
lines are sound documents of the contract's shape, and extracts the contract's keys alone. Keys outside the contract are
listed per path from the set of all keys, never by walking documents.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.contracts.contract import Column, Contract
from pipelines.deliveries.codes import Finding
from pipelines.deliveries.readers.damaged_rows import key_after
from pipelines.deliveries.readers.marks_in_json import (
    Pairs,
    documents_over_lines,
    has_plain_marks,
    misspelled,
    parsed,
    rewritten,
    salvaged_documents,
    wraps_a_record,
)
from pipelines.deliveries.readers.pieces import Indices, Pieces, relocated
from pipelines.deliveries.readers.protective import refusal
from pipelines.deliveries.readers.refused_names import as_told, columns_refused, is_contracts
from pipelines.deliveries.readers.result import CHANGE, Damage, FilePart, native_schema
from pipelines.deliveries.readers.text import Text, line_starts, load, recode
from pipelines.tables import connect, fetch

__all__ = ["jsonl_pieces", "read_jsonl"]

_BATCH = 8 << 20  # bytes of text worked on at a time
_LINE_LIMIT = 1 << 20  # bytes of one document; a child's record has a few thousand
_BRACKETS = 1_000  # opening brackets in a document before it is called a bomb
_DEPTH = 64  # of brackets within brackets: the parser gives up on a whole batch at 128, and a record has five


def read_jsonl(path: Path, name: str, contract: Contract, *, delta: bool) -> FilePart:
    """The records of the JSON-lines file at `path`; blank lines are no records.

    A number or a boolean where the contract has text is taken as its text. Findings: ENCODING_UNKNOWN,
    ENCODING_OTHER, COLUMNS_REFUSED, PROTECTION_UNREADABLE. Damage: RECORD-UNREADABLE, RECORD-ENCODING, RECORD-TOO-LARGE, RECORD-SHAPE (an
    object or list in place of text, anything else in place of an object or list, a key twice).
    """
    return jsonl_pieces(path, name, contract, delta=delta).all()


def jsonl_pieces(path: Path, name: str, contract: Contract, *, delta: bool) -> Pieces:
    """The same file with its lines told apart, where each of them ends in a line feed."""
    schema = native_schema(contract, delta)
    text, findings = load(path, name, contract.file.encoding)
    starts = line_starts(text.data)
    told = not len(text.bad) and text.data.count(b"\r") == text.data.count(b"\r\n")
    lines = _filled(text.data, starts) if told else np.zeros(0, np.int64)  # of each document, from 0
    start, after = starts[lines], np.append(starts[1:], len(text.data))[lines]
    end = _without_line_end(text.data, after)

    def read(chosen: Indices | None) -> FilePart | None:
        if chosen is None:
            return _read(text, name, contract, schema, findings)
        pairs = zip(start[chosen].tolist(), after[chosen].tolist(), strict=True)
        some = replace(text, data=b"".join(text.data[one:other] for one, other in pairs))
        part = _read(some, name, contract, schema, findings, len(lines))
        if (
            part.rows != len(chosen) or part.refused
        ):  # what is told of names outside the contract depends on all records
            return None
        return relocated(part, chosen, lines + 1, len(lines))

    return Pieces(read, np.ones(len(lines), bool), text.data, start, end, lines + 1, b"jsonl " + text.encoding.encode())


def _read(
    text: Text, name: str, contract: Contract, schema: pa.Schema, findings: list[Finding], total: int = 0
) -> FilePart:
    """The records of `text`; `total` are those of the file, where these are only some."""
    starts = line_starts(text.data)
    bad = np.unique(np.searchsorted(starts, text.bad, "right")) if len(text.bad) else np.empty(0, np.int64)
    columns = [column for column in contract.columns if column.name != CHANGE]
    if CHANGE in schema.names:
        columns.append(Column(CHANGE, "text", ""))
    tables: list[pa.Table] = []
    damaged: list[Damage] = []
    refused: dict[str, None] = {}
    guesses: list[dict[str, Any]] = []
    keys: dict[int, str] = {}
    plain = [np.zeros(0, np.int64)]
    spelled: Counter[str] = Counter()
    before = 0
    with connect() as database:
        for first, documents in _batches(text.data, text.encoding, starts):
            lines = _lines(documents, first, bad)
            database.register("delivered", lines)
            _judge(database, before)
            spelled += _make_marks_plain(database, columns)
            sound, torn, unknown = _take_apart(database, columns)
            plain.append(_plainly(database, columns))
            guesses += _salvaged(database, columns)
            keys |= _keys_made_out(database, contract)
            before += len(sound) + len(torn)
            tables.append(sound.cast(schema))
            damaged += torn
            refused |= dict.fromkeys(unknown)
    table = pa.concat_tables(tables) if tables else schema.empty_table()
    if len(damaged) == before > 1 and any(column.protects for column in columns):
        over_lines = documents_over_lines(recode(text.data, text.encoding).decode(), columns)
        if any(document.get(name) for document in over_lines for name in contract.key_columns):
            guesses = [{"position": number, "line": None} | each for number, each in enumerate(over_lines, 1)]
    told = refusal([column for column, records in spelled.items() if records * 2 > max(before, total)], name)
    salvaged = pa.Table.from_pylist(guesses, schema=schema)
    seen = [each for each in table.column_names if table[each].null_count < table.num_rows]
    shown = as_told(dict(enumerate(refused, 1)), contract, known=is_contracts(seen, contract, all_named=False))
    told += columns_refused(shown, name)
    return FilePart(
        table,
        damaged,
        findings=(*findings, *told),
        refused=shown,
        salvaged=salvaged,
        keys=keys,
        plain=np.isin(table["position"].to_numpy(), np.concatenate(plain)),
    )


def _filled(data: bytes, starts: Any) -> Any:
    """Numbers from 0 of the lines that hold more than blanks."""
    first = np.frombuffer(data + b"\n", np.uint8)[starts]
    filled = ~np.isin(first, _BLANK)
    ends = np.append(starts[1:], len(data))
    for number in np.flatnonzero(~filled).tolist():
        filled[number] = bool(data[starts[number] : ends[number]].strip(b" \t\r\n"))
    return np.flatnonzero(filled)


def _without_line_end(data: bytes, after: Any) -> Any:
    """Where each text ends that a line end may follow: the next one begins at `after`."""
    view = np.frombuffer(data, np.uint8)
    end = after.copy()
    for sign in _LINE_END:
        end -= (end > 0) & (view[np.maximum(end - 1, 0)] == sign) if len(view) else 0
    return end


def _batches(data: bytes, encoding: str, starts: Any) -> Iterator[tuple[int, bytes]]:
    """The text in pieces of whole lines: number of the first line from 0, bytes as UTF-8."""
    first = 0
    while first < len(starts):
        after = int(np.searchsorted(starts, starts[first] + _BATCH))
        after = max(after, first + 1)
        end = int(starts[after]) if after < len(starts) else len(data)
        yield first, recode(data[starts[first] : end], encoding)
        first = after


def _lines(documents: bytes, first: int, bad: Any) -> pa.Table:
    """Line (physical, from 1), document, rule (null unless the line is damaged beyond asking the parser)."""
    starts = line_starts(documents)
    ends = np.append(starts[1:], len(documents))
    lengths = ends - starts
    offsets = pa.py_buffer(np.append(starts, len(documents)).astype(np.int32))
    document = pa.Array.from_buffers(pa.string(), len(starts), [None, offsets, pa.py_buffer(documents)])
    rule = np.full(len(starts), None, dtype=object)
    for match in re.finditer(rb"\x00|\\u0000", documents):  # text with a NUL, plain or escaped, is no text
        rule[np.searchsorted(starts, match.start(), "right") - 1] = "RECORD-UNREADABLE"
    numbers = np.arange(first + 1, first + 1 + len(starts))
    rule[np.isin(numbers, bad)] = "RECORD-ENCODING"
    for suspect in np.flatnonzero((lengths > 2 * _DEPTH) & (lengths <= _LINE_LIMIT)).tolist():
        opening = [documents.count(bracket, starts[suspect], ends[suspect]) for bracket in (b"[", b"{")]
        if sum(opening) > _BRACKETS or (
            sum(opening) > _DEPTH and _depth(documents[starts[suspect] : ends[suspect]]) > _DEPTH
        ):
            rule[suspect] = "RECORD-UNREADABLE"
    rule[lengths > _LINE_LIMIT] = "RECORD-TOO-LARGE"
    return pa.table({"line": numbers, "document": document, "rule": pa.array(rule, pa.string())})


def _depth(document: bytes) -> int:
    """How deep brackets stand within brackets; those inside texts are none."""
    outside = np.frombuffer(_TEXT.sub(b"", document), np.uint8)
    steps = np.isin(outside, _OPENING).astype(np.int64) - np.isin(outside, _CLOSING)
    return int(np.cumsum(steps).max(initial=0))


_BLANK = np.frombuffer(b" \t\r\n", np.uint8)
_LINE_END = b"\n\r"
_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_OPENING, _CLOSING = (np.frombuffer(brackets, np.uint8) for brackets in (b"[{", b"]}"))


def _judge(database: duckdb.DuckDBPyConnection, before: int) -> None:
    """Make the table `judged` of `delivered`: line, position, document, damage, structure, keys (how many at the top), rewritten."""
    database.execute(
        """
        create or replace temp table judged as
        with filled as (
            select line, document, rule, $before + row_number() over (order by line) as position
            from delivered
            where trim(document, E' \\t\\r\\n') <> ''
        ),
        parsed as (
            select line, position, document, case
                when rule is not null then rule
                when ltrim(document, E' \\t\\r\\n')[1] <> '{' or not json_valid(document) then 'RECORD-UNREADABLE'
                end as damage
            from filled
        )
        select *,
            case when damage is null then json_structure(document)::varchar end as structure,
            case when damage is null then len(json_keys(document)) end as keys,
            false as rewritten
        from parsed
        """,
        {"before": before},
    )


def _make_marks_plain(database: duckdb.DuckDBPyConnection, columns: list[Column]) -> Counter[str]:
    """Rewrite documents whose protective marks are not plain; records that spell a protective column otherwise, by column."""
    spelled: Counter[str] = Counter()
    if not any(column.protects for column in columns):
        return spelled
    groups = database.execute(
        "select structure, keys, count(*) from judged where damage is null group by all order by structure, keys"
    ).fetchall()
    suspect = []
    for text, keys, records in groups:
        structure = json.loads(text)
        spelled += Counter(dict.fromkeys(misspelled(structure, columns), records))
        if not has_plain_marks(structure, columns) or keys != len(structure):
            suspect.append((text, keys))
    names = pa.table(
        {"structure": [text for text, _ in suspect], "keys": pa.array([keys for _, keys in suspect], pa.int64())}
    )
    database.register("suspect", names.cast(pa.schema([("structure", pa.string()), ("keys", pa.int64())])))
    twice = " or ".join(_keys_twice(columns)) or "false"
    found = database.execute(
        f"""
        select position, document from judged
        where damage is null and ((structure, keys) in (select (structure, keys) from suspect) or {twice})
        """
    ).fetchall()
    changed: list[tuple[int, str | None]] = []
    for position, text in found:
        try:
            document = parsed(text)
            if isinstance(document, Pairs) and wraps_a_record(document, columns):
                changed.append((position, None))  # nothing of it is a record's; what it asks for is heard all the same
                continue
            # a key twice at the top is damage of its own, and stays
            if isinstance(document, Pairs) and len(dict(document)) == len(document):
                written = json.dumps(rewritten(document, columns), ensure_ascii=False)
                written.encode()  # half a character is none
                changed.append((position, written))
        except (ValueError, RecursionError):
            changed.append((position, None))
    if changed:
        rows = {
            "position": [each for each, _ in changed],
            "document": pa.array([text for _, text in changed], pa.string()),
        }
        database.register("changed", pa.table(rows))
        database.execute(
            """
            update judged set document = coalesce(changed.document, judged.document),
                damage = case when changed.document is null then 'RECORD-UNREADABLE' end,
                structure = json_structure(changed.document)::varchar, keys = len(json_keys(changed.document)),
                rewritten = true
            from changed where changed.position = judged.position
            """
        )
    return spelled


def _keys_twice(columns: list[Column]) -> Iterator[str]:
    """SQL conditions, each true of a document with a key twice in an object that protects or has items that do."""
    for column in columns:
        path = f"$.{json.dumps(column.name)}".replace("'", "''")
        if column.logical == "object" and column.protects:
            keys = f"json_keys(document, '{path}')"
            yield f"coalesce(len({keys}) <> len(list_distinct({keys})), false)"
        elif column.logical == "array" and any(item.protects for item in column.items):
            keys = f"list_transform(json_extract(document, '{path}[*]'), lambda each: json_keys(each))"
            yield f"len(list_filter({keys}, lambda each: len(each) <> len(list_distinct(each)))) > 0"


def _salvaged(database: duckdb.DuckDBPyConnection, columns: list[Column]) -> list[dict[str, Any]]:
    """What could be made out of the damaged documents."""
    if not any(column.protects for column in columns):
        return []
    damaged = database.execute(
        "select position, line, document from judged where damage is not null order by position"
    ).fetchall()
    return [
        {"position": position, "line": line} | guess
        for position, line, document in damaged
        for guess in salvaged_documents(document, columns)
    ]


def _keys_made_out(database: duckdb.DuckDBPyConnection, contract: Contract) -> dict[int, str]:
    """Position of a damaged document → its key, where that can be made out."""
    damaged = database.execute("select position, document from judged where damage is not null").fetchall()
    found = {place: key_after(told or "", contract, r'"{}"\s*:\s*"([^"\\]+)"') for place, told in damaged}
    return {place: key for place, key in found.items() if key}


def _take_apart(database: duckdb.DuckDBPyConnection, columns: list[Column]) -> tuple[pa.Table, list[Damage], list[str]]:
    """The sound records of table `judged`, the damaged ones, and paths of keys outside the contract.

    Documents are sorted by their structure first: there are few, and those that plainly are the contract's need no
    closer look. Only the others are asked, path by path, for values of the wrong kind.
    """
    unknown: dict[str, None] = {}
    unclear: list[tuple[str, int]] = []
    groups = database.execute(
        "select distinct structure, keys from judged where damage is null order by structure, keys"
    ).fetchall()
    for structure, keys in groups:
        if not _plain(json.loads(structure), keys, columns, unknown):
            unclear.append((structure, keys))
    if unclear:
        _look_closer(database, columns, unclear, unknown)
    torn = database.execute("select position, line, damage from judged where damage is not null order by position")
    damaged: list[Damage] = torn.fetchall()
    selected = ", ".join(f"record.{_quoted(column.name)} as {_quoted(column.name)}" for column in columns)
    shape = json.dumps({column.name: _structure(column) for column in columns}, ensure_ascii=False).replace("'", "''")
    sound = fetch(
        database,
        f"""
        with extracted as (
            select line, position, json_transform(document, '{shape}') as record from judged where damage is null
        )
        select position, line, {selected} from extracted order by position
        """,
    )
    return _emptied(sound), damaged, list(unknown)


def _plainly(database: duckdb.DuckDBPyConnection, columns: list[Column]) -> Any:
    """Positions of the sound documents in which there is nothing but what the contract has, each once, its marks among it."""
    groups = database.execute(
        "select distinct structure, keys from judged where damage is null and not rewritten order by structure, keys"
    ).fetchall()
    plain: list[tuple[str, int]] = []
    for text, keys in groups:
        structure, unknown = json.loads(text), dict[str, None]()
        marked = isinstance(structure, dict) and has_plain_marks(structure, columns)
        if marked and _plain(structure, keys, columns, unknown) and not unknown and not misspelled(structure, columns):
            plain.append((text, keys))
    names = pa.table(
        {"structure": pa.array([text for text, _ in plain], pa.string()), "keys": [keys for _, keys in plain]}
    )
    database.register("plain", names.cast(pa.schema([("structure", pa.string()), ("keys", pa.int64())])))
    found = fetch(
        database,
        """
        select position from judged semi join plain using (structure, keys)
        where damage is null and not rewritten order by position
        """,
    )
    return found["position"].to_numpy()


def _plain(structure: Any, keys: int, columns: list[Column], unknown: dict[str, None]) -> bool:
    """Whether documents of this structure certainly are the contract's; adds the keys it does not have to `unknown`.

    DuckDB writes JSON for an empty object and for values of several kinds, and merges keys that are given twice.
    """
    if not isinstance(structure, dict):
        return keys == 0
    found: list[str] = []
    sure = keys == len(structure) and _plain_object(structure, tuple(columns), "", found)
    if sure:  # otherwise a closer look finds them
        unknown |= dict.fromkeys(found)
    return sure


def _plain_object(structure: dict[str, Any], items: tuple[Column, ...], shown: str, found: list[str]) -> bool:
    known = {item.name: item for item in items}
    found += [f"{shown}{name}" for name in structure if name not in known]
    return all(
        _plain_value(kind, known[name], f"{shown}{name}", found) for name, kind in structure.items() if name in known
    )


def _plain_value(kind: Any, column: Column, shown: str, found: list[str]) -> bool:
    if kind == "NULL":
        return True
    if column.logical == "object":
        return isinstance(kind, dict) and _plain_object(kind, column.items, f"{shown}.", found)
    if column.logical == "array":
        if not isinstance(kind, list):
            return False
        each = kind[0]
        if each == "NULL":
            return True
        if column.items:
            return isinstance(each, dict) and _plain_object(each, column.items, f"{shown}[].", found)
        kind = each
    return isinstance(kind, str) and kind != "JSON"


def _look_closer(
    database: duckdb.DuckDBPyConnection,
    columns: list[Column],
    unclear: list[tuple[str, int]],
    unknown: dict[str, None],
) -> None:
    """Mark documents of `unclear` structures that have values of the wrong kind or a key twice."""
    names = [structure for structure, _ in unclear]
    database.register("unclear", pa.table({"structure": names, "keys": pa.array([keys for _, keys in unclear])}))
    database.execute(
        """
        create or replace temp table closer as
        select position, document from judged semi join unclear using (structure, keys)
        """
    )
    unknown |= dict.fromkeys(_unknown_keys(database, columns))
    wrong = " or ".join(
        [*_wrong_shapes(columns), "len(json_keys(document)) <> len(list_distinct(json_keys(document)))"]
    )
    database.execute(
        f"""
        update judged set damage = 'RECORD-SHAPE'
        where position in (select position from closer where {wrong})
        """
    )


def _structure(column: Column) -> Any:
    """The shape DuckDB shall extract."""
    below = {item.name: _structure(item) for item in column.items}
    if column.logical == "object":
        return below
    if column.logical == "array":
        return [below] if column.items else ["VARCHAR"]
    return "VARCHAR"


def _wrong_shapes(columns: list[Column], path: str = "$") -> Iterator[str]:
    """SQL conditions, each true of a document with a value of the wrong kind."""
    for column in columns:
        here = f"{path}.{json.dumps(column.name)}"
        many = "[*]" in here
        if column.logical == "object":
            expected = "'OBJECT'"
        elif column.logical == "array":
            expected = "'ARRAY'"
        else:
            expected = "'VARCHAR', 'BOOLEAN', 'BIGINT', 'UBIGINT', 'DOUBLE', 'HUGEINT', 'UHUGEINT', 'DECIMAL'"
        yield _mistyped(here, many, expected)
        if column.logical == "array":
            each = "'OBJECT'" if column.items else "'VARCHAR', 'BOOLEAN', 'BIGINT', 'UBIGINT', 'DOUBLE'"
            yield _mistyped(f"{here}[*]", True, each)
            yield from _wrong_shapes(list(column.items), f"{here}[*]")
        elif column.logical == "object":
            yield from _wrong_shapes(list(column.items), here)


def _mistyped(path: str, many: bool, expected: str) -> str:
    literal = path.replace("'", "''")
    if many:
        return f"len(list_filter(json_type(document, '{literal}'), lambda kind: kind not in ({expected}, 'NULL'))) > 0"
    return f"coalesce(json_type(document, '{literal}') not in ({expected}, 'NULL'), false)"


def _unknown_keys(database: duckdb.DuckDBPyConnection, columns: list[Column]) -> list[str]:
    """Paths of the keys in table `closer` that the contract does not have, at any depth it knows."""
    found: list[str] = []

    def look(items: tuple[Column, ...], path: str, shown: str) -> None:
        literal = path.replace("'", "''")
        keys = f"json_keys(document, '{literal}')"
        if "[*]" in path:
            keys = f"flatten(list_transform(json_extract(document, '{literal}'), lambda each: json_keys(each)))"
        rows = database.execute(f"select distinct unnest({keys}) as name from closer order by name").fetchall()
        known = {item.name for item in items}
        found.extend(f"{shown}{name}" for (name,) in rows if name not in known)
        for item in items:
            if item.items:
                end = "[*]" if item.logical == "array" else ""
                look(item.items, f"{path}.{json.dumps(item.name)}{end}", f"{shown}{item.name}{'[]' if end else ''}.")

    look(tuple(columns), "$", "")
    return found


def _emptied(table: pa.Table) -> pa.Table:
    """`table` with empty text as null, at any depth, and without empty elements of lists."""
    arrays = [_empty_to_null(table[name].combine_chunks()) for name in table.column_names]
    return pa.Table.from_arrays(arrays, names=table.column_names)


def _empty_to_null(array: pa.Array) -> pa.Array:
    if pa.types.is_string(array.type):
        return pc.if_else(pc.equal(pc.binary_length(array), 0), pa.scalar(None, pa.string()), array)
    if pa.types.is_struct(array.type):
        parts = [_empty_to_null(pc.struct_field(array, number)) for number in range(array.type.num_fields)]
        fields = [array.type.field(number).name for number in range(array.type.num_fields)]
        return pa.StructArray.from_arrays(parts, fields, mask=array.is_null())
    if pa.types.is_list(array.type):
        values = _empty_to_null(array.flatten())
        keep = values.is_valid()
        parents = pc.list_parent_indices(array).to_numpy()[keep.to_numpy(zero_copy_only=False)]
        counts = np.bincount(parents, minlength=len(array))
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        return pa.ListArray.from_arrays(pa.array(offsets), values.filter(keep), mask=array.is_null())
    return array


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
