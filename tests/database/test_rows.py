"""Many rows at once arrive as they were, in both databases, or not at all."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select
from sqlalchemy.exc import DBAPIError

from pipelines.database import open_database
from pipelines.database.rows import remove_rows, write_rows
from pipelines.database.schema import INDEX_TABLES, ledger_event
from pipelines.errors import IsindexError
from pipelines.outages import as_coded
from pipelines.seams.seam import Column
from pipelines.seams.snapshot import SNAPSHOT_TABLES

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
ODD = ["", ",", '"', "\n", "\\.", "\\N", "NULL", "😀 𠮷", "O'Brien\r\n", " ", "x" * 5000, "{}", "%s", ":a"]


def values_of(column: Column):
    if pa.types.is_string(column.type):
        made = st.sampled_from(column.values) if column.values else ANY_TEXT | st.sampled_from(ODD)
        made = made.map(lambda text: text[: column.width]) if column.width else made
    elif pa.types.is_date(column.type):
        made = st.dates()
    elif pa.types.is_boolean(column.type):
        made = st.booleans()
    elif pa.types.is_integer(column.type):
        made = st.integers(-(2**63), 2**63 - 1)
    else:
        made = st.floats(allow_nan=False)
    return made if column.needed else st.none() | made


def rows_of(seam):
    columns = {each.name: values_of(each) for each in seam.columns if each.name != "index_id"}
    return st.lists(st.fixed_dictionaries(columns), max_size=8)


@pytest.mark.parametrize("name", list(SNAPSHOT_TABLES))
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_any_rows_of_the_index_come_back_as_they_were(engine, name, data):
    seam, target = SNAPSHOT_TABLES[name], INDEX_TABLES[name]
    rows = [
        {"authority": "330", "index_id": f"X{at // 2}", "row": at % 2, **row}
        for at, row in enumerate(data.draw(rows_of(seam)))
    ]
    shape = pa.schema([("authority", pa.string()), ("index_id", pa.string()), ("row", pa.int32())])
    for each in seam.columns:
        shape = shape if each.name in shape.names else shape.append(pa.field(each.name, each.type))
    with engine.begin() as connection:
        connection.execute(delete(target))
        write_rows(connection, target, pa.Table.from_pylist(rows, schema=shape))
        query = select(target).order_by(target.c.index_id, target.c.row)
        assert [dict(row) for row in connection.execute(query).mappings()] == rows


def test_a_nul_is_left_out(engine):
    target = INDEX_TABLES["carers"]
    table = pa.table({"authority": ["331"], "index_id": ["A"], "row": [0], "name": ["Jo\0 Reed\0"]})
    with engine.begin() as connection:
        write_rows(connection, target, table)
        assert connection.scalar(select(target.c.name).where(target.c.authority == "331")) == "Jo Reed"


def test_json_text_is_read_back_as_json(engine):
    table = pa.table(
        {
            "event_id": ["a", "b"], "authority": ["330"] * 2, "version": ["v"] * 2, "kind": ["minted"] * 2,
            "business_date": [date(2026, 3, 1)] * 2, "index_id": ["A", "B"], "evidence": ["{}", '{"records":["é"]}'],
        }
    )  # fmt: skip
    with engine.begin() as connection:
        write_rows(connection, ledger_event, table)
        query = select(ledger_event.c.evidence).order_by(ledger_event.c.event_id)
        assert connection.scalars(query).all() == [{}, {"records": ["é"]}]


def test_the_rows_of_many_keys_go_and_no_others(engine):
    target = INDEX_TABLES["flags"]
    table = pa.table(
        {"authority": ["332", "332", "333"], "index_id": ["A", "B", "A"], "row": [0, 0, 0],
         "flag": ["caf_exists"] * 3, "agency": ["police"] * 3}
    )  # fmt: skip
    with engine.begin() as connection:
        write_rows(connection, target, table)
        remove_rows(connection, target, pa.table({"authority": ["332", "332"], "index_id": ["A", "Z"]}))
        remove_rows(connection, target, pa.table({"authority": ["332"], "index_id": ["B"]}).slice(0, 0))
        left = connection.execute(select(target.c.authority, target.c.index_id).where(target.c.authority > "331")).all()
        assert sorted(map(tuple, left)) == [("332", "B"), ("333", "A")]


def test_rows_that_are_refused_leave_nothing_and_the_fault_has_a_code_and_no_value(engine):
    target = INDEX_TABLES["names"]
    table = pa.table(
        {"authority": ["334"] * 2, "index_id": ["A"] * 2, "row": [0, 0], "kind": ["alias"] * 2, "family_name": ["Reed"] * 2}
    )  # fmt: skip
    with pytest.raises(DBAPIError) as caught, engine.begin() as connection:
        write_rows(connection, target, table)
    told = as_coded(caught.value)
    assert told.code == "DATABASE_REFUSED" and "Reed" not in str(told)
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(target).where(target.c.authority == "334")) == 0


@pytest.mark.postgres
def test_a_copy_that_comes_to_an_early_end_is_noticed(postgres_url, monkeypatch):
    engine = open_database(postgres_url)
    monkeypatch.setattr("pipelines.database.rows._AT_ONCE", 2)
    target = INDEX_TABLES["carers"]
    table = pa.table({"authority": ["335"] * 5, "index_id": list("ABCDE"), "row": [0] * 5, "name": ["\\."] * 5})
    with engine.begin() as connection:
        write_rows(connection, target, table)
        assert connection.scalar(select(func.count()).select_from(target).where(target.c.authority == "335")) == 5
    with monkeypatch.context() as patch, engine.connect() as connection:
        patch.setattr("pipelines.database.rows._copy", lambda *_: 4)
        with pytest.raises(IsindexError, match="ROWS_LOST"):
            write_rows(connection, target, table)
    engine.dispose()
