"""Tables of people are read as they come: any file, any usual column, dates in any order; what cannot be used is refused by name."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import IsindexError
from pipelines.matching.people_columns import Columns, comparable_form
from pipelines.matching.people_files import read_people

CSV = """Customer ID;First Name;Middle Name;Surname;Date of Birth;Gender;Post Code;Shoe size
1;Ann;Maria;Smith;14/03/2015;Female;B12 3CD;31
2;Bo;;Jones;3/4/2014;male;B1 1AA;
"""


def read(*files: Path, **columns):
    return read_people(files, {name: given.split("+") for name, given in columns.items()})


def write(folder: Path, name: str, content) -> Path:
    file = folder / name
    file.write_bytes(content) if isinstance(content, bytes) else file.write_text(content, encoding="utf-8")
    return file


def form(table, **columns):
    """The comparable form of one table, and what is said of it."""
    made = pa.table(table)
    found, told = comparable_form(made, Columns({name: [given] for name, given in columns.items()}), "people.csv")
    return found, " ".join(told)


def test_a_csv_with_columns_of_its_own_is_understood_and_that_is_said(tmp_path):
    people = read(write(tmp_path, "customers.csv", CSV))
    assert people.table.to_pylist() == [
        {"record_key": "1", "given_names": "Ann Maria", "family_name": "Smith", "birth_date": "2015-03-14", "sex": "F",
         "postcode": "B12 3CD", "source": "customers"},
        {"record_key": "2", "given_names": "Bo", "family_name": "Jones", "birth_date": "2014-04-03", "sex": "M",
         "postcode": "B1 1AA", "source": "customers"},
    ]  # fmt: skip
    told = " ".join(people.told)
    assert "First Name, Middle Name taken for given_names" in told
    assert "not used: Shoe size" in told
    assert "read as day/month/year" in told
    assert "Ann" not in told and "2015" not in told


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_separator_and_encoding_are_found_out(tmp_path, separator, encoding):
    text = CSV.replace("Ann", "Zoë").replace(";", separator)
    people = read(write(tmp_path, "customers.csv", text.encode(encoding)))
    assert people.table["given_names"].to_pylist() == ["Zoë Maria", "Bo"]
    assert people.table["record_key"].to_pylist() == ["1", "2"]


def test_json_lines_and_a_list_of_objects_say_the_same(tmp_path):
    rows = [{"id": "007", "forename": ["Jo", "Ann"], "surname": 'O"Hara', "dob": "2015-03-14"}, {"id": "8", "surname": "Lee", "nhs": 4010232137}]  # fmt: skip
    lines = read(write(tmp_path, "a.jsonl", "\n".join(map(json.dumps, rows)))).table
    listed = read(write(tmp_path, "b.json", json.dumps(rows))).table
    assert lines.drop_columns(["source"]) == listed.drop_columns(["source"])
    assert lines["given_names"].to_pylist() == ["Jo Ann", None]
    assert lines["record_key"].to_pylist() == ["007", "8"]
    assert lines["nhs_number"].to_pylist() == [None, "4010232137"]


def test_parquet_keeps_its_dates_and_joins_its_lists(tmp_path):
    table = pa.table({"id": [1], "given names": [["Jo", "Ann"]], "dob": [dt.date(2015, 3, 14)]})
    pq.write_table(table, tmp_path / "a.parquet")
    (row,) = read(tmp_path / "a.parquet").table.to_pylist()
    assert row == {"record_key": "1", "given_names": "Jo Ann", "birth_date": dt.date(2015, 3, 14), "source": "a"}


def test_files_with_columns_of_their_own_are_one_table_and_each_a_source(tmp_path):
    one = write(tmp_path, "one.csv", CSV)
    folder = tmp_path / "two"
    folder.mkdir()
    write(folder, "a.jsonl", '{"id": 1, "name": "Smith, Ann"}')
    write(folder, "b.csv", "id,name\n2,Bo Ann Jones\n")
    table = read(one, folder).table
    assert table["record_key"].to_pylist() == ["one:1", "one:2", "two:1", "two:2"]
    assert table["source"].to_pylist() == ["one", "one", "two", "two"]
    assert table["given_names"].to_pylist()[2:] == ["Ann", "Bo Ann"]
    assert table["family_name"].to_pylist()[2:] == ["Smith", "Jones"]


def test_rows_without_a_key_have_their_number(tmp_path):
    table = read(write(tmp_path, "a.csv", "surname\nLee\nRay\n")).table
    assert table["record_key"].to_pylist() == ["a:1", "a:2"]


def test_what_was_asked_for_goes_before_usual_names(tmp_path):
    file = write(tmp_path, "a.csv", "id,surname,known as,first,born on\n1,Lee,Ray,Bo,2015-03-14\n")
    table = read(file, family_name="known as", birth_date="born on").table
    assert (table["family_name"][0].as_py(), table["birth_date"][0].as_py()) == ("Ray", "2015-03-14")


# ---- dates ---------------------------------------------------------------------------------------------------------
WAYS = ("%Y-%m-%d", "%Y%m%d", "%Y/%m/%d", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%d %B %Y", "%d-%b-%Y", "%B %d, %Y", "%Y-%m-%dT00:00:00Z")  # fmt: skip
days = st.dates(dt.date(1990, 1, 1), dt.date(2026, 11, 1))


@settings(max_examples=60, deadline=None)
@given(st.lists(days, min_size=1, max_size=30), st.sampled_from(WAYS))
def test_a_day_is_the_same_in_whatever_way_it_is_written(born, way):
    table, _ = form({"dob": [each.strftime(way) for each in born]})
    assert table["birth_date"].to_pylist() == [each.isoformat() for each in born]


@settings(max_examples=40, deadline=None)
@given(st.lists(days, min_size=5, max_size=30))
def test_month_first_is_read_where_the_column_says_so(born):
    told = [each for each in born if each.day > 12]
    table, said = form({"dob": [each.strftime("%m/%d/%Y") for each in born]})
    if told:
        assert table["birth_date"].to_pylist() == [each.isoformat() for each in born]
        assert "month/day/year" in said


def test_dates_that_fit_one_order_only_are_read_so_and_the_others_as_most_are():
    table, said = form({"dob": ["14/03/2015", "15/03/2015", "03/16/2015", "02/03/2015"]})
    assert table["birth_date"].to_pylist() == ["2015-03-14", "2015-03-15", "2015-03-16", "2015-03-02"]
    assert "1 can only be read the other way round" in said


def test_years_of_two_figures_are_of_this_century_or_the_last():
    table, _ = form({"dob": ["14/03/15", "14/03/99"]})
    assert table["birth_date"].to_pylist() == ["2015-03-14", "1999-03-14"]


def test_some_that_are_no_dates_are_left_out_and_counted():
    table, said = form({"dob": ["2015-03-14", "soon", "2015-03-15", None, ""]})
    assert table["birth_date"].to_pylist() == ["2015-03-14", None, "2015-03-15", None, None]
    assert "1 of 4 values of dob cannot be read" in said and "soon" not in said


# ---- what cannot be used -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("table", "columns", "code", "said"),
    [
        ({"id": ["1"], "shoe": ["31"]}, {}, "LINK_COLUMNS_MISSING", "shoe"),
        ({"id": ["1"], "dob": ["soon"]}, {}, "LINK_COLUMN_UNUSABLE", "1 of 1 values of the column dob"),
        ({"id": ["1"], "surname": ["Lee"], "gender": ["tall"]}, {}, "LINK_COLUMN_UNUSABLE", "gender"),
        ({"id": ["1"], "surname": [{"a": "b"}]}, {}, "LINK_COLUMN_UNUSABLE", "surname"),
        ({"id": ["1"], "surname": [["a"]], "tel": [[1]]}, {}, "LINK_COLUMN_UNUSABLE", "tel"),
        ({"id": ["1"], "surname": ["Lee"]}, {"shoe_size": "surname"}, "LINK_COLUMN_UNKNOWN", "shoe_size"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name_and_without_its_values(table, columns, code, said):
    with pytest.raises(IsindexError) as fault:
        form(table, **columns)
    assert fault.value.code == code
    assert said in str(fault.value)
    assert "tall" not in str(fault.value) and "soon" not in str(fault.value)


def test_a_column_that_no_file_has_is_refused(tmp_path):
    with pytest.raises(IsindexError) as fault:
        read(write(tmp_path, "a.csv", CSV), given_names="Firstname")
    assert (fault.value.code, "Firstname" in str(fault.value)) == ("LINK_COLUMN_UNKNOWN", True)


@pytest.mark.parametrize(("name", "content"), [("a.parquet", b"PAR1no"), ("a.jsonl", b'{"id": '), ("b", b"\x00\x01")])
def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path, name, content):
    with pytest.raises(IsindexError) as fault:
        read(write(tmp_path, name, content))
    assert fault.value.code == "PEOPLE_UNREADABLE"


def test_a_folder_without_files_of_people_is_refused(tmp_path):
    write(tmp_path, "readme.md", "nothing")
    with pytest.raises(IsindexError) as fault:
        read(tmp_path)
    assert fault.value.code == "PEOPLE_UNREADABLE"
