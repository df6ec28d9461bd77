"""Parquet files: text or typed, sound or not."""

from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.contracts import contract_for
from pipelines.contracts.contract import FileFormat
from pipelines.deliveries.readers.parquet import read_parquet
from pipelines.deliveries.readers.result import assemble


@pytest.fixture
def read(tmp_path):
    def reader(table, contract, *, rows=None):
        path = tmp_path / "file"
        if isinstance(table, bytes):
            path.write_bytes(table)
        else:
            pq.write_table(table, path)
        stated = rows if rows is not None else table.num_rows
        return read_parquet(path, "f.parquet", contract, delta=False, stated_rows=stated)

    return reader


def codes_of(part):
    return {each.code: each.severity for each in part.findings}


def test_typed_columns_come_as_their_native_text(read, health):
    table = pa.table({
        "id": pa.array([943, None]),
        "name": pa.array(["A", ""]).dictionary_encode(),
        "note": pa.array([True, None]),
        "born": pa.array([date(2010, 1, 2), None]),
    })  # fmt: skip
    rows = read(table, health).records.drop_columns(["position", "line"]).to_pylist()
    assert rows == [
        {"id": "943", "name": "A", "note": "true", "born": "2010-01-02"},
        {"id": None, "name": None, "note": None, "born": None},
    ]


def test_a_moment_of_some_zone_is_the_day_that_london_has_then(read, health):
    summer, winter = datetime(2012, 6, 14, 23, tzinfo=UTC), datetime(2012, 12, 14, tzinfo=UTC)
    table = pa.table({
        "id": ["1", "2", "3"], "name": ["A", "B", "C"], "note": ["", "", ""],
        "born": pa.array([summer, winter, None], pa.timestamp("us", "UTC")),
    })  # fmt: skip
    assert read(table, health).records["born"].to_pylist() == ["2012-06-15", "2012-12-14", None]


@pytest.mark.parametrize("value", [date(2010, 1, 2), datetime(2010, 1, 2, 3, 4)])  # noqa: DTZ001
def test_dates_are_written_in_the_contracts_own_form(read, police, value):
    from dataclasses import replace

    contract = replace(police, file=FileFormat("police.csv", "csv", date_format="%d/%m/%Y"))
    table = pa.table({"id": ["1"], "name": ["A"], "born": [value]})
    assert read(table, contract).records["born"].to_pylist() == ["02/01/2010"]


def test_numbers_of_a_spreadsheet_have_no_decimals(read, health):
    table = pa.table({"id": [9434765919.0, float("nan")], "name": ["a", "b"], "note": [1.5, 2.0], "born": [None, None]})
    records = read(table, health).records
    assert records["id"].to_pylist() == ["9434765919", None]
    assert records["note"].to_pylist() == ["1.5", "2"]


def test_nested_columns_keep_their_shape_and_lose_what_is_not_in_the_contract(read, social_care):
    table = pa.table({
        "id": ["1", "2"],
        "names": [[{"family": "A", "given": "B", "faith": "secret"}], None],
        "address": [{"lines": ["x"], "postcode": None, "note": "secret"}, None],
        "flagged": [True, None],
        "sen": ["secret", "secret"],
    })  # fmt: skip
    part = read(table, social_care)
    assert set(part.refused) == {"names[].faith", "address.note", "sen"}
    assert "secret" not in str(part.records.to_pylist())
    assert part.records["names"].to_pylist() == [[{"family": "A", "given": "B"}], None]
    assert part.records["address"].to_pylist() == [{"lines": ["x"], "postcode": None}, None]
    assert codes_of(part) == {"COLUMNS_REFUSED": "warn", "COLUMNS_MISSING": "warn"}


@pytest.mark.parametrize("content", [b"", b"PAR1 nothing PAR1", b"id,name\n"])
def test_what_is_no_parquet_is_refused(read, health, content):
    assert codes_of(read(content, health, rows=1)) == {"UNREADABLE": "refuse"}


def test_a_damaged_page_is_refused(read, health, tmp_path):
    path = tmp_path / "sound"
    pq.write_table(pa.table({name: [str(n) for n in range(5000)] for name in ("id", "name", "note", "born")}), path)
    content = bytearray(path.read_bytes())
    content[40:2000] = bytes(1960)
    assert codes_of(read(bytes(content), health, rows=5000)) == {"UNREADABLE": "refuse"}


def test_a_list_in_place_of_text_is_refused_by_column(read, health):
    part = read(pa.table({"id": [["1"]], "name": ["A"], "note": ["b"], "born": ["c"]}), health)
    assert codes_of(part) == {"UNREADABLE": "refuse"}
    assert "column id" in part.findings[0].message


def test_a_wrong_count_is_found_before_anything_is_read(read, health):
    part = read(pa.table({"id": ["1"], "name": ["A"], "note": ["b"], "born": ["c"]}), health, rows=2)
    assert codes_of(part) == {"COUNT_MISMATCH": "refuse"}


def bytes_as_text(*values: bytes | None) -> pa.Array:
    """A column of text with whatever bytes: a file may hold them, and nobody looks as it is written or read."""
    return pa.array(values, pa.binary()).view(pa.string())


def test_bytes_that_are_no_text_damage_their_record_alone(read, social_care, health):
    part = read(pa.table({"id": ["1", "2", "3"], "name": bytes_as_text(b"Khan", b"M\xfcller", None)}), health)
    assert part.damaged == [(2, None, "RECORD-ENCODING")] and part.keys == {2: "2"}
    assert part.records["id"].to_pylist() == ["1", "3"] and part.records["position"].to_pylist() == [1, 3]
    assert not codes_of(part).keys() & {"UNREADABLE"}
    keyless = read(pa.table({"id": bytes_as_text(b"1", b"\xe9", None), "name": ["A", "B", "C"]}), health)
    assert keyless.damaged == [(2, None, "RECORD-ENCODING")] and keyless.keys == {}


def test_bytes_in_a_mark_silence_no_other_and_are_a_mark_that_is_not_understood(tmp_path):
    contract = contract_for("health")
    told = {name: pa.array(["x", "y", "z"]) for name in contract.column_names}
    told |= {"local_patient_id": pa.array(["P1", "P2", "P3"]), "confidentiality": pa.array([b"S", b"\xff", None])}
    pq.write_table(pa.table(told), tmp_path / "file")
    part = read_parquet(tmp_path / "file", "f.parquet", contract, delta=False, stated_rows=3)
    asking = assemble([part], contract, delta=False, lost=0, findings=()).asking
    assert [(row["key"], row["understood"]) for row in asking.to_pylist()] == [("P1", True), ("P2", False)]


def test_bytes_that_are_no_text_are_found_within_lists_and_objects(read, social_care):
    names = pa.ListArray.from_arrays(
        pa.array([0, 1, 3], pa.int32()),
        pa.StructArray.from_arrays([bytes_as_text(b"Khan", b"Quill", b"M\xfc")], ["family"]),
    )
    part = read(pa.table({"id": ["1", "2"], "names": names}), social_care)
    assert [position for position, *_ in part.damaged] == [2]
