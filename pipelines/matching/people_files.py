"""Tables of people as anybody has them: Parquet, CSV, JSON lines, several files and folders with columns of their own.

Belongs here: reading what was named into one table of the comparable form, and saying how it was understood. Which column
is which is in `people_columns`. Every value is read as text; nothing is guessed from the values but the order of dates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from pipelines.errors import IsindexError
from pipelines.matching.people_columns import Columns, comparable_form
from pipelines.tables import connect, fetch

__all__ = ["People", "read_people", "read_rows"]

_PARQUET, _CSV, _JSON = (".parquet", ".pq"), (".csv", ".tsv", ".txt"), (".jsonl", ".ndjson", ".json")
_KNOWN = (*_PARQUET, *_CSV, *_JSON)
_ENCODINGS = ("utf-8", "utf-16", "latin-1")  # the last one reads anything


@dataclass(frozen=True)
class People:
    """The people of all files.

    Attributes:
        table: the columns of the comparable form that are told, as text, but for `birth_date` where it is a date.
        told: sentences for who gave the files: what was taken for what, and what was left out.
    """

    table: pa.Table
    told: tuple[str, ...] = ()


def read_people(paths: Sequence[Path], columns: Mapping[str, Sequence[str]] | None = None) -> People:
    """The people in files and folders, one table after the other.

    Where nobody tells a source, each path is one by its name. Where nobody tells a key, the number of the row is one; keys
    that are distinct within each source only are told apart by it.

    Args:
        paths: files, or folders of files, each read by how its name ends.
        columns: for columns of the comparable form those of the files that hold them; others are taken by their usual names.

    Raises:
        IsindexError: PEOPLE_UNREADABLE, LINK_COLUMNS_MISSING, LINK_COLUMN_UNKNOWN, LINK_COLUMN_UNUSABLE, RECORD_KEY_MISSING,
            RECORD_KEY_REPEATED.
    """
    asked = Columns(columns or {})
    tables, told = [], []
    for path in paths:
        for file in _files(path):
            table, said = comparable_form(_read(file), asked, file.name)
            if "source" not in table.column_names:
                table = table.append_column("source", pa.array([_name(path)] * table.num_rows, pa.string()))
            tables.append(table)
            told += said
    asked.all_met()
    people = pa.concat_tables(tables, promote_options="permissive") if tables else pa.table({})
    return People(_with_keys(people), tuple(dict.fromkeys(told)))


def read_rows(path: Path, columns: Sequence[str] = ()) -> pa.Table:
    """A table that the command itself wrote, or that was written for it: all its columns, of which `columns` must be there.

    Raises:
        IsindexError: PEOPLE_UNREADABLE, LINK_COLUMNS_MISSING.
    """
    table = _read(path)
    missing = [name for name in columns if name not in table.column_names]
    if missing:
        raise IsindexError(
            "LINK_COLUMNS_MISSING",
            f"there is no column {' and no column '.join(missing)}",
            where=path.name,
            remedy="Give what an earlier `isindex link` wrote.",
        )
    return table


def _name(path: Path) -> str:
    return path.name.split(".")[0] or path.name


def _kind(path: Path) -> str:
    name = path.name.lower().removesuffix(".gz")
    return next((end for end in _KNOWN if name.endswith(end)), "")


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.rglob("*") if file.is_file() and _kind(file))
    if not found:
        raise IsindexError(
            "PEOPLE_UNREADABLE",
            "the folder holds no file of people",
            where=path.name,
            remedy=f"Files are read whose names end in {', '.join(_KNOWN)}.",
        )
    return found


def _read(file: Path) -> pa.Table:
    """The file as it is: text throughout, but for what Parquet says."""
    kind = _kind(file)
    try:
        if kind in _CSV:
            return _read_csv(file)
        if kind in _JSON:
            return _read_json(file)
        return ds.dataset(file, format="parquet").to_table()
    except (pa.ArrowInvalid, OSError, duckdb.Error):
        raise IsindexError(
            "PEOPLE_UNREADABLE",
            f"the file is not readable as {'CSV' if kind in _CSV else 'JSON' if kind in _JSON else 'Parquet'}",
            where=file.name,
            remedy="Write the people as Parquet, as CSV with a header line, or as JSON lines; a file's name must end accordingly.",
        ) from None


def _read_csv(file: Path) -> pa.Table:
    """A CSV with a header; its separator is found out, its encoding tried."""
    for encoding in _ENCODINGS:
        options = (
            f"header = true, all_varchar = true, null_padding = true, sample_size = 20480, encoding = '{encoding}'"
        )
        try:
            with connect() as connection:
                table = fetch(connection, f"SELECT * FROM read_csv($file, {options})", {"file": str(file)})
        except duckdb.Error:
            if encoding == _ENCODINGS[-1]:
                raise
            continue
        return table
    raise AssertionError("the last encoding either reads or raises")


def _read_json(file: Path) -> pa.Table:
    """Objects, one a line or in one list; a list of texts stays one."""
    with connect() as connection:
        objects = f"read_json_objects($file, format = 'auto', maximum_object_size = {1 << 26})"
        connection.execute(f"CREATE TEMP TABLE told AS SELECT json FROM {objects}", {"file": str(file)})
        keys = connection.execute("SELECT DISTINCT unnest(json_keys(json)) AS key FROM told ORDER BY key").fetchall()
        columns = []
        for (key,) in keys:
            path = "'$.\"" + key.replace('"', '\\"').replace("'", "''") + "\"'"
            name = '"' + key.replace('"', '""') + '"'
            nested = connection.execute(
                f"SELECT count(*) FROM told WHERE json_type(json, {path}) IN ('ARRAY', 'OBJECT')"
            ).fetchone()
            kept = (
                f"json_extract(json, {path}) ->> '$[*]'"
                if nested and nested[0]
                else f"json_extract_string(json, {path})"
            )
            columns.append(f"{kept} AS {name}")
        if not columns:
            return pa.table({})
        return fetch(connection, f"SELECT {', '.join(columns)} FROM told")


def _with_keys(people: pa.Table) -> pa.Table:
    """The people, each with a key of its own."""
    if "record_key" not in people.column_names:
        rows = pa.array(range(1, people.num_rows + 1)).cast(pa.string())
        return people.append_column(
            "record_key", pc.binary_join_element_wise(people["source"].cast(pa.string()), rows, ":")
        )
    keys, sources = people["record_key"].cast(pa.string()), people["source"].cast(pa.string())
    both = pc.binary_join_element_wise(sources, keys, ":")
    if pc.count_distinct(keys).as_py() < len(keys) == pc.count_distinct(both).as_py():
        return people.set_column(people.column_names.index("record_key"), "record_key", both)
    return people
