"""What is told of names outside the contract: those of columns, and nothing that may be a value."""

import json

import pytest

from pipelines.contracts import contract_for
from pipelines.deliveries.readers.csv import read_csv
from pipelines.deliveries.readers.jsonl import read_jsonl
from pipelines.deliveries.readers.refused_names import as_told, columns_refused
from tests.deliveries.test_intake import NIGHT

HEALTH, CARE = contract_for("health", NIGHT), contract_for("social_care", NIGHT)
COLUMNS = [name for name in HEALTH.column_names if name != "change"]
ROW = ["H1", "Fubtabrav", "Zeldabert", "2015-05-01", "14 Fubtabrav Road", "BX9 9ZZ"]


def of_csv(tmp_path, header):
    path = tmp_path / "f.csv"
    path.write_text(",".join(header) + "\n" + "," * (len(header) - 1) + "\n")
    return read_csv(path, "f.csv", HEALTH, delta=False, stated_rows=1)


def of_json(tmp_path, document):
    path = tmp_path / "f.jsonl"
    path.write_text(json.dumps(document) + "\n")
    return read_jsonl(path, "f.jsonl", CARE, delta=False)


@pytest.mark.parametrize("name", ["ethnicity", "free_school_meals", "note2", "x"])
def test_what_looks_like_a_column_of_a_file_that_is_the_contracts_is_named(tmp_path, name):
    assert of_csv(tmp_path, [*COLUMNS, name]).refused == (name,)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("Fubtabrav", "AAAAAAAAA"), ("note 27 Fubtabrav", "AAAA 99 AAAAAAAAA"), ("bx99zz", "AA99AA"), ("BX9 9ZZ", "AA9 9AA"),
        ("nhs_4047290009", "AAA_9999999999"), ("4047290009", "9999999999"), ("x" * 41, "A" * 20), ("fubtabrav@x", "AAAAAAAAA@A"),
        ("", ""), ("zoë", "AAA"),
    ],
)  # fmt: skip
def test_what_does_not_is_told_by_its_number_and_its_shape(tmp_path, name, shape):
    assert of_csv(tmp_path, [*COLUMNS, name]).refused == (f"number {len(COLUMNS) + 1} ({shape})",)


def test_of_a_file_whose_header_is_not_the_contracts_no_unknown_name_is_told(tmp_path):
    key = next(column.name for column in HEALTH.columns if column.key)
    for header in ([key, "fubtabrav"], [key, *ROW], [*COLUMNS[1:], "fubtabrav"]):
        part = of_csv(tmp_path, header)
        assert all(each.startswith("number ") and "(" not in each for each in part.refused)
        assert "fubtabrav" not in str(part.findings).lower()
    assert of_csv(tmp_path, ROW).refused == ()


def test_keys_of_documents_are_told_in_the_same_way(tmp_path):
    below = {"address": {"note": 1, "14 Fubtabrav Rd": 1}, "names": [{"faith": 1}], "involvements": [], "carers": []}
    told = of_json(tmp_path, {**dict.fromkeys(CARE.column_names, "1"), **below, "ethnicity": 1, "Fubtabrav": 1})
    assert {"ethnicity", "address.note", "names[].faith"} < set(told.refused)
    assert len(told.refused) == 5
    assert "ubtabrav" not in str(told.findings) + str(told.refused)
    assert of_json(tmp_path, {"fubtabrav": 1}).refused == ("number 1",)


def test_a_path_is_told_when_what_stands_before_is_the_contracts():
    names = dict(enumerate(["address.note", "names[].faith", "fubtabrav.zelda", "address.Zelda", "uprn/@x"], 1))
    assert as_told(names, CARE, known=True) == (
        "address.note", "names[].faith", "number 3 (AAAAAAAAA.AAAAA)", "number 4 (AAAAAAA.AAAAA)", "uprn/@x",
    )  # fmt: skip


def test_of_many_it_is_told_how_many_there_are():
    (finding,) = columns_refused(tuple(f"number {each}" for each in range(1, 61)), "f.csv")
    assert "number 50 and 10 more" in finding.message
    assert columns_refused((), "f.csv") == []
