"""Many rows at once: a whole Arrow table into a table of the database, and the rows of many keys out of it.

Belongs here: the fastest way of each database (COPY and arrays in PostgreSQL, one prepared statement in SQLite), and how
Arrow's values become theirs. Not here: which rows (each stage). Everything happens in the caller's transaction.
"""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
from sqlalchemy import Connection, Table
from sqlalchemy.exc import DBAPIError

from pipelines.errors import IsindexError

__all__ = ["remove_rows", "write_rows"]

_AT_ONCE = 100_000  # rows in one piece of a COPY


def write_rows(connection: Connection, target: Table, table: pa.Table) -> None:
    """Add the rows of `table`, whose columns are named as the target's; JSON columns hold JSON text.

    A NUL, which PostgreSQL cannot hold, is left out of a text in both.

    Raises:
        IsindexError: ROWS_LOST when the database took another number of rows.
    """
    names = ", ".join(f'"{name}"' for name in table.column_names)
    plain = pa.table({name: _plain(table[name]) for name in table.column_names})
    if connection.dialect.name == "postgresql":
        taken = _copy(connection, f"COPY {target.name} ({names}) FROM STDIN (FORMAT csv)", plain)
    else:
        columns = [_as_sqlite(plain[name]) for name in plain.column_names]
        marks = ", ".join("?" * plain.num_columns)
        rows = list(zip(*columns, strict=True))
        statement = f"INSERT INTO {target.name} ({names}) VALUES ({marks})"
        taken = connection.exec_driver_sql(statement, rows).rowcount if rows else 0
    if taken != table.num_rows:
        raise IsindexError(
            "ROWS_LOST",
            f"Of {table.num_rows} rows for {target.name} the database took {taken}; nothing was kept.",
            where=target.name,
            remedy="Run this again; if it fails in the same place, report this as a fault of the program.",
        )


def remove_rows(connection: Connection, target: Table, keys: pa.Table) -> None:
    """Remove the rows that bear one of `keys`: a row for each, its columns named as the target's."""
    if not keys.num_rows:
        return
    if connection.dialect.name == "postgresql":
        kinds = [target.c[name].type.compile(connection.dialect) for name in keys.column_names]
        given = ", ".join(f"CAST(%s AS {kind}[])" for kind in kinds)
        names = ", ".join(f'"{name}"' for name in keys.column_names)
        same = " AND ".join(f'{target.name}."{name}" = gone."{name}"' for name in keys.column_names)
        statement = f"DELETE FROM {target.name} USING unnest({given}) AS gone ({names}) WHERE {same}"
        connection.exec_driver_sql(statement, tuple(_plain(column).to_pylist() for column in keys.columns))
    else:
        same = " AND ".join(f'"{name}" = ?' for name in keys.column_names)
        columns = [_as_sqlite(_plain(column)) for column in keys.columns]
        connection.exec_driver_sql(f"DELETE FROM {target.name} WHERE {same}", list(zip(*columns, strict=True)))


def _copy(connection: Connection, statement: str, table: pa.Table) -> int:
    """COPY in the CSV form: nothing between two commas is no value, and every value stands in quotation marks."""
    form = csv.WriteOptions(include_header=False, quoting_style="all_valid")
    cursor = connection.connection.cursor()
    try:
        with cursor.copy(statement) as copy:
            for start in range(0, table.num_rows, _AT_ONCE):
                piece = io.BytesIO()
                csv.write_csv(table.slice(start, _AT_ONCE), piece, form)
                copy.write(piece.getbuffer())
        return int(cursor.rowcount)
    except Exception as fault:
        raise _as_sqlalchemy(connection, statement, fault) from None


def _as_sqlalchemy(connection: Connection, statement: str, fault: Exception) -> Exception:
    """A fault of the driver as SQLAlchemy would raise it, and the connection given up if it is gone."""
    driver = connection.dialect.loaded_dbapi
    if not isinstance(fault, driver.Error):
        return fault
    gone = connection.dialect.is_disconnect(fault, connection.connection.dbapi_connection, None)
    if gone:
        connection.invalidate()
    return DBAPIError.instance(
        statement, None, fault, driver.Error, hide_parameters=True, connection_invalidated=gone,
        dialect=connection.dialect,
    )  # fmt: skip


def _plain(column: pa.ChunkedArray[Any]) -> pa.ChunkedArray[Any]:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return pc.replace_substring(column, "\0", "") if pa.types.is_string(column.type) else column


def _as_sqlite(column: pa.ChunkedArray[Any]) -> list[Any]:
    """Python values of a column; days as ISO text, for SQLite has no day of its own."""
    return list((pc.cast(column, pa.string()) if pa.types.is_date(column.type) else column).to_pylist())
