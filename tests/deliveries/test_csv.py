"""CSV files as they come: sound, odd and damaged."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.deliveries.readers.csv import read_csv

HEADER = b"id,name,note,born\n"


@pytest.fixture
def read(tmp_path, health):
    def reader(content, *, rows=10**6, contract=health, delta=False):
        path = tmp_path / "file"
        path.write_bytes(content)
        return read_csv(path, "file.csv", contract, delta=delta, stated_rows=rows)

    return reader


def rows_of(part):
    return part.records.to_pylist()


def codes_of(part):
    return {each.code: each.severity for each in part.findings}


def test_positions_and_lines_are_true_when_a_quoted_line_break_occurs(read):
    part = read(HEADER + b'1,Ann,"a\nb",2010\n\n2,"B ""x""",,\n3,C,,\n', rows=3)
    assert [(row["position"], row["line"]) for row in rows_of(part)] == [(1, 2), (2, 5), (3, 6)]
    assert [row["note"] for row in rows_of(part)] == ["a\nb", None, None]
    assert rows_of(part)[1]["name"] == 'B "x"'


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_every_line_end_and_a_byte_order_mark_are_read(read, end, mark):
    part = read(mark + (HEADER + b"1,A,,\n2,B,,\n").replace(b"\n", end), rows=2)
    assert [(row["id"], row["line"]) for row in rows_of(part)] == [("1", 2), ("2", 3)]
    assert not part.findings


def test_a_file_without_a_last_line_end_is_read_whole(read):
    assert [row["born"] for row in rows_of(read(HEADER + b"1,A,,x\n2,B,,y", rows=2))] == ["x", "y"]


def test_reordered_columns_are_read_by_name(read):
    assert rows_of(read(b"born,note,name,id\n2010,n,A,1\n"))[0] | {"line": 0} == {
        "position": 1, "line": 0, "id": "1", "name": "A", "note": "n", "born": "2010",
    }  # fmt: skip


def test_a_column_outside_the_contract_is_named_and_its_content_dropped(read):
    part = read(b"id,name,ethnicity,note,born\n1,A,secret,,\n", rows=1)
    assert part.refused == ("ethnicity",)
    assert codes_of(part) == {"COLUMNS_REFUSED": "warn"}
    assert "secret" not in str(rows_of(part))


def test_a_missing_optional_column_warns_and_a_missing_required_one_refuses(read):
    part = read(b"id,name,note\n1,A,\n")
    assert codes_of(part) == {"COLUMNS_MISSING": "warn"}
    assert rows_of(part)[0]["born"] is None
    assert codes_of(read(b"id,note,born\n1,A,\n")) == {"COLUMNS_MISSING": "refuse"}


def test_a_repeated_column_is_refused(read):
    assert codes_of(read(b"id,name,name,note,born\n1,A,B,,\n")) == {"COLUMNS_REPEATED": "refuse"}


def test_a_file_without_header_is_refused_without_repeating_a_value(read):
    part = read(b"77,Smith,,2010-01-01\n")
    assert codes_of(part) == {"UNREADABLE": "refuse"}
    assert "Smith" not in part.findings[0].message


@pytest.mark.parametrize(
    ("damaged", "rule"),
    [
        (b"2,B\n", "RECORD-FIELD-COUNT"),
        (b"2,B,,,,\n", "RECORD-FIELD-COUNT"),
        (b'2,"B,,\n', "RECORD-FIELD-COUNT"),
        (b'2,B,,"\n', "RECORD-FIELD-COUNT"),
        (b"2,B\0,,\n", "RECORD-UNREADABLE"),
        ("2,é,,".encode() + b"\xff\xfe,\n", "RECORD-FIELD-COUNT"),
        ("2,éé,".encode() + b"\xff,\n", "RECORD-ENCODING"),
    ],
)
def test_a_damaged_row_costs_only_itself(read, damaged, rule):
    part = read(HEADER + "1,É,,\n".encode() + damaged + b'3,C,"x\ny",\n4,D,,\n', rows=4)
    if part.findings:  # one letter too few to be sure of UTF-8
        raise AssertionError(part.findings)
    assert [(row["position"], row["line"], row["id"]) for row in rows_of(part)] == [
        (1, 2, "1"),
        (3, 4, "3"),
        (4, 6, "4"),
    ]
    assert part.damaged[0][:2] == (2, 3)
    assert part.damaged[0][2] in (rule, "RECORD-ENCODING")


def test_a_value_of_exactly_the_limit_is_read(read):
    assert len(rows_of(read(HEADER + b"1,A," + b"x" * 10_000 + b",\n"))[0]["note"]) == 10_000


def test_two_unbalanced_quotes_do_not_swallow_the_rows_between(read):
    part = read(HEADER + b'1,"A,,\n2,B,,\n3,C",,\n4,D,,\n', rows=4)
    assert [row["id"] for row in rows_of(part) if row["id"] in "24"] == ["2", "4"]
    assert part.rows == 4


def test_the_end_mark_of_dos_is_none_of_the_last_record(read):
    assert [row["born"] for row in rows_of(read(HEADER + b"1,A,,2010\n2,B,,2011\x1a", rows=2))] == ["2010", "2011"]


def test_of_lines_that_are_swallowed_some_may_be_damaged(read):
    part = read(HEADER + b'1,A,,"x\n2,B,,\n3,C,,\n"\n4,D,,\n', rows=4)
    assert [row["id"] for row in rows_of(part)] == ["2", "3", "4"]


def test_a_line_break_in_a_cell_stays_one_where_a_record_is_missing(read):
    """As many lines as the manifest has rows: that is chance, where one row has two of them."""
    part = read(HEADER + b'1,A,,\n2,B,"x\ny",\n3,C,,\n', rows=4)
    assert [(row["id"], row["note"]) for row in rows_of(part)] == [("1", None), ("2", "x\ny"), ("3", None)]
    assert part.damaged == []


def test_a_line_break_outside_quotation_marks_is_one_damaged_record(read):
    part = read(HEADER + b"1,A,,\n2,B,no\nte,\n3,C,,\n", rows=3)
    assert [(row["position"], row["line"]) for row in rows_of(part)] == [(1, 2), (3, 5)]
    assert part.damaged == [(2, 3, "RECORD-FIELD-COUNT")]


def test_a_stray_quotation_mark_within_a_value_is_a_character(read):
    assert [row["name"] for row in rows_of(read(HEADER + b'1,O"B,,\n2,"C",,\n', rows=2))] == ['O"B', "C"]


def test_windows_1252_where_utf_8_is_promised_is_read_with_a_warning(read):
    part = read(HEADER + "1,Zoë,–,\n".encode("cp1252"), rows=1)
    assert (rows_of(part)[0]["name"], rows_of(part)[0]["note"]) == ("Zoë", "–")
    assert codes_of(part) == {"ENCODING_OTHER": "warn"}


def test_utf_8_where_windows_1252_is_promised_is_read_with_a_warning(read, police):
    part = read("id;name;born\n1;Zoë;\n".encode(), rows=1, contract=police)
    assert rows_of(part)[0]["name"] == "Zoë"
    assert codes_of(part) == {"ENCODING_OTHER": "warn"}
    assert not read("id;name;born\n1;Zoë;\n".encode("cp1252"), rows=1, contract=police).findings


def test_a_byte_without_meaning_in_windows_1252_costs_its_record_only(read, police):
    content = b"id;name;born\n" + b"".join(b"%d;Zo\xeb \xe9\xe8;\n" % n for n in range(50)) + b"x;\x81;\n"
    part = read(content, rows=51, contract=police)
    assert part.damaged == [(51, 52, "RECORD-ENCODING")]
    assert part.records.num_rows == 50


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_wide_encodings_are_refused_by_name(read, encoding):
    assert codes_of(read((HEADER * 3).decode().encode(encoding))) == {"ENCODING_UNKNOWN": "refuse"}


@pytest.mark.parametrize("zeros", [1, 2001, 6000])
def test_a_run_of_zeros_costs_its_record_only_however_long(read, zeros):
    part = read(HEADER + b"1,A,,\n2,B" + b"\0" * zeros + b",,\n3,C,,\n", rows=3)
    assert [row["id"] for row in rows_of(part)] == ["1", "3"]
    assert part.damaged == [(2, 3, "RECORD-UNREADABLE")]
    assert not part.findings


def test_noise_is_refused_by_name(read):
    assert set(codes_of(read(bytes(range(128, 256)) * 50))) == {"ENCODING_UNKNOWN"}


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_an_empty_file_has_no_records(read, content):
    assert read(content).rows == 0


def test_blank_lines_and_a_dos_end_mark_are_no_records(read):
    part = read(HEADER + b"1,A,,\n   \n\t\n2,B,,\n\x1a", rows=2)
    assert [(row["position"], row["line"]) for row in rows_of(part)] == [(1, 2), (2, 5)]


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8) | st.sampled_from(
    ['"', '""', "a\nb", "\r\n", ",", " ", "é", '","', "x\ry", "\x1a", "–"]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(cells, cells, cells, cells), max_size=8), st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_whatever_is_written_as_csv_is_read_back(tmp_path_factory, health, table, quote_all, end):
    out = io.StringIO()
    quote_all = quote_all or any("\r" in cell for row in table for cell in row)  # the csv module leaves CR unquoted
    writer = csv.writer(out, quoting=csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL, lineterminator=end)
    writer.writerow(["id", "name", "note", "born"])
    lines = []
    for row in table:
        lines.append(out.getvalue().count("\n") + 1)
        writer.writerow(row)
    path = tmp_path_factory.mktemp("csv") / "file"
    path.write_bytes(out.getvalue().encode())
    part = read_csv(path, "file.csv", health, delta=False, stated_rows=len(table))
    assert not part.damaged
    assert [tuple(row[name] or "" for name in ("id", "name", "note", "born")) for row in rows_of(part)] == table
    assert [row["line"] for row in rows_of(part)] == lines


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 9))
def test_no_bytes_at_all_crash_the_reader(tmp_path_factory, health, noise, rows):
    path = tmp_path_factory.mktemp("csv") / "file"
    path.write_bytes(HEADER + noise)
    part = read_csv(path, "file.csv", health, delta=False, stated_rows=rows)
    positions = sorted([*part.records["position"].to_pylist(), *(each[0] for each in part.damaged)])
    assert positions == list(range(1, part.rows + 1))


@settings(max_examples=200, deadline=None)
@given(st.text('",\n\r ab', max_size=60), st.integers(0, 9))
def test_no_arrangement_of_marks_crashes_the_reader(tmp_path_factory, health, marks, rows):
    path = tmp_path_factory.mktemp("csv") / "file"
    path.write_bytes(HEADER + marks.encode())
    read_csv(path, "file.csv", health, delta=False, stated_rows=rows)
