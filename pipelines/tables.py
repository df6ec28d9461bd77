"""The table store: Parquet written whole or not at all, and DuckDB to work on it.

Belongs here: how a table reaches and leaves the disk, and how a DuckDB connection is set up. Not here: what any
table means. A write goes to a temporary name in the same folder, is flushed to the disk and then renamed, so a
reader or a killed process never meets half a table. The same table gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from types import UnionType
from typing import Any, TypeVar

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.errors import IsindexError
from pipelines.outages import outage_of
from pipelines.settings import engine_limits
from pipelines.umask import FILE

__all__ = [
    "StoredTable",
    "Written",
    "connect",
    "damage_told",
    "fetch",
    "file_sha256",
    "file_stamp",
    "install_macros",
    "read_as",
    "read_as_or_none",
    "read_table",
    "read_told",
    "read_told_or_none",
    "schema_fingerprint",
    "spill_of",
    "store_damaged",
    "stored_table",
    "write_bytes",
    "write_json",
    "write_table",
    "writes_noted",
]

T = TypeVar("T")
_installing = Lock()
_LOOKED_AT = 4096  # rows by which it is told how a column is written
_MACROS = "macros_"  # how the schemas of macros begin
_noted: ContextVar[dict[Path, Written] | None] = ContextVar("noted", default=None)

# DuckDB advises another call wherever a result becomes an Arrow table; the copy it means costs less than planning twice
warnings.filterwarnings("ignore", message="Arrow output on a DB-API result")


@dataclass(frozen=True)
class StoredTable:
    """What is known of a table just written: its row count, the sha256 of its file, its schema's fingerprint."""

    path: Path
    rows: int
    sha256: str
    schema: str


@dataclass(frozen=True)
class Written:
    """What was written: the sha256 of the bytes as they went to the disk, and the stamp of the file that held them then."""

    sha256: str
    stamp: str


def write_table(table: pa.Table, path: Path) -> StoredTable:
    """Write `table` to `path` as Parquet (zstd), atomically; parent folders are made. Equal tables give equal bytes."""
    plain = _in_one_form(table.replace_schema_metadata(None))

    def write(temporary: Path) -> None:
        _write(plain, temporary)

    return StoredTable(path, plain.num_rows, _replace(path, write, hashed=True), schema_fingerprint(plain.schema))


def table_sha256(table: pa.Table) -> str:
    """The sha256 that the file of `table` would have."""
    sink = pa.BufferOutputStream()
    _write(_in_one_form(table.replace_schema_metadata(None)), sink)
    return hashlib.sha256(sink.getvalue()).hexdigest()


def stored_table(path: Path) -> StoredTable:
    """What is known of the table that lies at `path` now; its bytes are hashed."""
    sha256 = file_sha256(path)
    with pq.ParquetFile(path) as table:
        return StoredTable(path, table.metadata.num_rows, sha256, schema_fingerprint(table.schema_arrow))


def read_table(path: Path, columns: list[str] | None = None) -> pa.Table:
    """The table at `path`, memory-mapped; `columns` picks some of them.

    Raises:
        IsindexError: STORE_DAMAGED when it is no table that was written there, or gone.
    """
    try:
        return pq.read_table(path, columns=columns, memory_map=True, partitioning=None)
    except (pa.ArrowInvalid, OSError) as fault:
        if not _is_damage(fault):
            raise
        raise store_damaged(path) from None


@contextmanager
def damage_told(tables: Iterable[pa.Table | Path]) -> Iterator[None]:
    """Within the block a fault that comes of a damaged one among `tables` (its Parquet files) is told as such.

    Raises:
        IsindexError: STORE_DAMAGED, with the first that cannot be read through.
    """
    try:
        yield
    except (duckdb.Error, FileNotFoundError) as fault:
        if outage_of(fault) is None:
            for path in filter(lambda each: isinstance(each, Path), tables):
                _read_through(path)
        raise


def write_json(value: Any, path: Path) -> None:
    """Write `value` as JSON, keys sorted, atomically."""
    write_bytes((json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode(), path)


def read_as(path: Path, make: Callable[[Any], T], remedy: str = "") -> T:
    """What `make` makes of the JSON value at `path`.

    Raises:
        IsindexError: STORE_DAMAGED, with `remedy` if there is a better one than a backup, when it is nothing that `make` can
            take, or gone.
    """
    try:
        return make(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, FileNotFoundError):
        raise store_damaged(path, remedy) from None


def read_as_or_none(path: Path, make: Callable[[Any], T]) -> T | None:
    """As `read_as`; None where the value is gone or is not what was written there: of what is only a memory."""
    try:
        return read_as(path, make)
    except IsindexError:
        return None


def read_told(path: Path, fields: Mapping[str, type | UnionType], remedy: str = "") -> dict[str, Any]:
    """The JSON object at `path`, which has these fields, each a value of its type; it may have others.

    Raises:
        IsindexError: STORE_DAMAGED, with `remedy` if there is a better one than a backup, when it is anything else, or gone.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, FileNotFoundError):
        told = None
    if isinstance(told, dict) and all(isinstance(told.get(name), kind) for name, kind in fields.items()):
        return told
    raise store_damaged(path, remedy)


def read_told_or_none(path: Path, fields: Mapping[str, type | UnionType]) -> dict[str, Any] | None:
    """As `read_told`; None where the object is gone or is not what was written there."""
    try:
        return read_told(path, fields)
    except IsindexError:
        return None


def store_damaged(path: Path, remedy: str = "") -> IsindexError:
    """A file of the home is not what was written there; `remedy` if there is a better one than a backup."""
    return IsindexError(
        "STORE_DAMAGED",
        "A file of the home is cut short or is not what was written there.",
        where=str(path),
        remedy=remedy
        or "Look at the disk. Restore home and database from one backup; of a night that can still be run, "
        "`isindex load --again --landing LANDING --home HOME --night NIGHT` makes its files anew.",
    )


def write_bytes(content: bytes, path: Path) -> None:
    """Write `content` to `path`, atomically; parent folders are made."""
    _replace(path, lambda temporary: temporary.write_bytes(content))


def file_sha256(path: Path) -> str:
    """The sha256 of a file, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def file_stamp(path: Path) -> str:
    """Which file lies at `path`, how long it is, when it was changed last: another one where anybody has written since."""
    told = path.stat()
    return f"{told.st_ino} {told.st_size} {told.st_mtime_ns} {told.st_ctime_ns}"


@contextmanager
def writes_noted() -> Iterator[dict[Path, Written]]:
    """Note everything that is written here until the end of the block, by its path."""
    noted: dict[Path, Written] = {}
    token = _noted.set(noted)
    try:
        yield noted
    finally:
        _noted.reset(token)


def schema_fingerprint(schema: pa.Schema) -> str:
    """A short digest of column names and types, in order: two tables with the same one can be stacked."""
    text = ";".join(f"{field.name}:{field.type}" for field in schema)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@contextmanager
def connect(
    views: Mapping[str, pa.Table | Path] | None = None, *, memory: str | None = None, spill: Path | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory DuckDB with each of `views` readable by its name; closed on leaving.

    Args:
        views: tables, or paths of Parquet files, by the name SQL shall use.
        memory: DuckDB's memory limit; default this process's part of the setting `memory`.
        spill: folder for what does not fit; default this process's (`spill_of`).
    """
    most, threads = engine_limits()
    engine_settings = {
        "memory_limit": memory or most,
        "temp_directory": str(spill or spill_of(os.getpid())),
        "threads": str(threads),
        "autoinstall_known_extensions": "false",
        "TimeZone": "UTC",
    }
    # an engine takes some 40 ms to start and a night asks for two hundred: there is one for the process. What is temporary is a
    # connection's own, and nothing else can be made in it
    connection = _engine(tuple(engine_settings.items())).cursor()
    sound = True
    try:
        connection.execute("SET search_path = 'temp.main'")
        for view, source in (views or {}).items():
            if isinstance(source, Path):
                # a folder named v=… is a version, not a column
                file = str(source).replace("'", "''")
                connection.execute(
                    f"CREATE TEMP VIEW \"{view}\" AS SELECT * FROM read_parquet('{file}', hive_partitioning = false)"
                )
            else:
                connection.register(view, source)
        yield connection
    except (duckdb.FatalException, duckdb.InternalException):
        sound = False  # what has met a fault of its own refuses everything from then on
        raise
    finally:
        connection.close()
        if not sound:
            _engine.cache_clear()


def spill_of(process: int) -> Path:
    """The folder in which the query engine of a process, by its number, puts what does not fit in memory."""
    return Path(tempfile.gettempdir()) / f"isindex-{process}"


def fetch(connection: duckdb.DuckDBPyConnection, sql: str, told: Any = None) -> pa.Table:
    """What a statement finds, as a table.

    `connection.sql(…).to_arrow_table()` says the same and plans the statement twice: once for its columns and once to run it.

    Args:
        connection: one of `connect`.
        sql: one statement that finds rows.
        told: its parameters, by name or in order.
    """
    found: pa.Table = connection.execute(sql, told).to_arrow_table()
    return found


def install_macros(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Make the macros that `sql` creates known to `connection`.

    They are read once: the engine keeps them in a schema named after the very text, and a connection has that schema on its
    search path. So they may name each other and what the engine knows by itself, and nothing that one connection has.

    Args:
        connection: one of `connect`.
        sql: ``CREATE MACRO`` statements, without ``TEMP``.
    """
    (path,) = connection.execute("SELECT current_setting('search_path')").fetchone() or ("",)
    before = [part for part in path.split(",") if part.startswith(f"memory.{_MACROS}")]  # these macros may name those
    schema = f"memory.{_MACROS}{hashlib.sha256(','.join([*before, sql]).encode()).hexdigest()[:16]}"
    search = f"SET search_path = '{path},{schema}'"
    try:
        connection.execute(search)
    except duckdb.CatalogException:  # nobody has asked for them yet
        with _installing, connection.cursor() as own:
            own.execute(f"BEGIN; CREATE SCHEMA IF NOT EXISTS {schema}")
            own.execute(f"SET search_path = '{','.join([schema, *before])}'")
            own.execute(sql.replace("CREATE MACRO", "CREATE OR REPLACE MACRO"))
            own.execute("COMMIT")
        connection.execute(search)


@cache
def _engine(settings: tuple[tuple[str, str], ...]) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(":memory:", config=dict(settings))


def _read_through(path: Path) -> None:
    """Read a table to its end, a part at a time, and keep nothing.

    Raises:
        IsindexError: STORE_DAMAGED.
    """
    try:
        with pq.ParquetFile(path) as table:
            for _ in table.iter_batches():
                pass
    except (pa.ArrowInvalid, OSError) as fault:
        if _is_damage(fault):
            raise store_damaged(path) from None


def _is_damage(fault: Exception) -> bool:
    """Whether a table could not be read for what lies there, or is gone; the machine's faults have a number."""
    system = isinstance(fault, OSError) and fault.errno is not None and not isinstance(fault, FileNotFoundError)
    return not system and outage_of(fault) is None


def _write(plain: pa.Table, to: Path | pa.NativeFile) -> None:
    pq.write_table(plain, to, compression="zstd", compression_level=1, **_encoded(plain))


def _in_one_form(table: pa.Table) -> pa.Table:
    """The table as all that equal it are written: in one piece, each dictionary in the order in which the rows come upon its values, and of
    no others. Pieces and dictionaries are as threads made them.
    """
    table = table.combine_chunks()
    for place, (name, column) in enumerate(zip(table.column_names, table.columns, strict=True)):
        if pa.types.is_dictionary(column.type):
            seen = column.cast(column.type.value_type).dictionary_encode().cast(column.type)
            table = table.set_column(place, name, seen)
    return table


def _encoded(table: pa.Table) -> dict[str, Any]:
    """How the columns are written: by a dictionary where few values come again and again, for keys and digests are slow to write and
    to read by one; texts of many kinds by what each has in common with the one before, in a column that is sorted.
    """
    by_dictionary, others = [], {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_nested(column.type) or pa.types.is_boolean(column.type) or pa.types.is_null(column.type):
            continue
        first = column.slice(0, _LOOKED_AT).combine_chunks().drop_null()
        if pa.types.is_dictionary(column.type) or pc.count_distinct(first).as_py() * 2 <= len(first):
            by_dictionary.append(name)
        elif pa.types.is_string(column.type):
            in_order = pc.all(pc.less_equal(first[:-1], first[1:])).as_py()
            others[name] = "DELTA_BYTE_ARRAY" if in_order else "DELTA_LENGTH_BYTE_ARRAY"
    return {"use_dictionary": by_dictionary, **({"column_encoding": others} if others else {})}


def _replace(path: Path, write: Any, *, hashed: bool = False) -> str:
    """Let `write` fill a temporary neighbour of `path`, flush it and its folder, and rename it into place.

    The sha256 of what was written, if it was to be `hashed` or is noted; else "".
    """
    noted = _noted.get()
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        temporary.chmod(FILE)
        sha256 = file_sha256(temporary) if hashed or noted is not None else ""
        temporary.replace(path)
        if noted is not None:
            noted[path] = Written(sha256, file_stamp(path))
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return sha256
