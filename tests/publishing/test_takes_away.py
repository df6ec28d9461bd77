"""The gate of a version that is published again less somebody, column by column: it lets nothing come that was not shown."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipelines.publishing.gates import takes_away
from pipelines.seams.snapshot import SNAPSHOT_TABLES
from pipelines.tables import write_table

COLUMNS = [(table, column) for table, seam in SNAPSHOT_TABLES.items() for column in seam.names]
# a child that is hidden is shown so, and may be
HIDING = [("children", "shielded"), ("children", "withheld")]
NEEDED = [(table, column.name) for table, seam in SNAPSHOT_TABLES.items() for column in seam.columns if column.needed]
MAY_BE_EMPTY = [each for each in COLUMNS if each not in NEEDED]


def value(kind: pa.DataType, other: bool = False) -> Any:
    """A value of this type, or another one."""
    if pa.types.is_date(kind):
        return date(2015, 5, 1) + timedelta(days=other)
    if pa.types.is_boolean(kind):
        return not other
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return 2 + other
    return "another" if other else "one"


def rows_of(table: str) -> list[dict[str, Any]]:
    """A row that is filled, and one of another child with nothing that may be empty."""
    columns = SNAPSHOT_TABLES[table].columns
    full = {column.name: value(column.type) for column in columns}
    empty = {column.name: value(column.type) if column.needed else None for column in columns}
    return [full, {**empty, "index_id": "two"}]


@pytest.fixture
def shown(tmp_path: Path):
    """shown(name, table=rows): the tables of a version as files, these rows in place of a table's."""

    def write(name: str, **changed: list[dict[str, Any]]) -> dict[str, Path]:
        paths = {table: tmp_path / name / f"{table}.parquet" for table in SNAPSHOT_TABLES}
        for table, path in paths.items():
            rows = changed.get(table, rows_of(table))
            write_table(pa.Table.from_pylist(rows, schema=SNAPSHOT_TABLES[table].schema), path)
        return paths

    return write


def judged(shown, table: str, rows: list[dict[str, Any]], before: list[dict[str, Any]] | None = None):
    return takes_away(shown("before", **({table: before} if before else {})), shown("after", **{table: rows}))


@pytest.mark.others_in_full
@pytest.mark.parametrize(("table", "column"), [each for each in COLUMNS if each not in HIDING])
def test_another_value_is_found(shown, table, column):
    full, empty = rows_of(table)
    kind = SNAPSHOT_TABLES[table].field(column).type
    found = judged(shown, table, [{**full, column: value(kind, other=True)}, empty])
    assert not found.passed and found.figures["rows_added"] > 0


@pytest.mark.parametrize(("table", "column"), MAY_BE_EMPTY)
def test_a_value_where_there_was_none_is_found(shown, table, column):
    full, empty = rows_of(table)
    told = {**empty, column: value(SNAPSHOT_TABLES[table].field(column).type)}
    assert not judged(shown, table, [full, told]).passed


@pytest.mark.parametrize(("table", "column"), MAY_BE_EMPTY)
def test_nothing_in_place_of_a_value_passes(shown, table, column):
    full, empty = rows_of(table)
    assert judged(shown, table, [{**full, column: None}, empty]).passed


@pytest.mark.parametrize("table", SNAPSHOT_TABLES)
def test_a_row_too_many_is_found_though_it_is_one_that_was_shown(shown, table):
    rows = rows_of(table)
    found = judged(shown, table, [*rows, rows[0]])
    assert not found.passed and found.figures["rows_added"] == 1


@pytest.mark.parametrize("table", SNAPSHOT_TABLES)
def test_a_row_of_another_child_is_found_and_a_row_less_passes(shown, table):
    full, empty = rows_of(table)
    assert not judged(shown, table, [{**full, "index_id": "three"}, empty]).passed
    assert judged(shown, table, [full]).passed


@pytest.mark.parametrize(("table", "column"), HIDING)
def test_a_child_is_hidden_and_never_opened(shown, table, column):
    hidden, _ = rows_of(table)
    open_ = {**hidden, "shielded": False, "withheld": False}
    assert judged(shown, table, [{**open_, column: True}], [open_]).passed
    assert not judged(shown, table, [open_], [{**open_, column: True}]).passed
