"""A record that asks for a firewall is heard in every kind of file, however the number, the key and the record are written."""

import json
from dataclasses import replace

import pyarrow as pa
import pytest

from pipelines.protection.numbers import numbers_asked
from tests.deliveries.protective_files import (
    CHILD,
    HEALTH,
    SOCIAL_CARE,
    asking,
    codes,
    csv_of,
    element,
    jsonl_of,
    patient,
    read,
    xml_of,
)

FIREWALL = next(column for column in SOCIAL_CARE.columns if column.concept == "walled_from")
CSV = replace(HEALTH, columns=(*HEALTH.columns, FIREWALL))
XML = replace(CSV, file=replace(HEALTH.file, name="health.xml", kind="xml", root="Patients", record="Patient"))


def walled(result, position=2):
    """What the record says it must be walled off from; None when it asks for no firewall."""
    found = [each for each in result.asking.to_pylist() if each["position"] == position and each["walled"] is not None]
    assert len(found) < 2
    return found[0]["walled"] if found else None


def child(**cells):
    return CHILD | {"la_child_id": "C2"} | cells


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        *(({"firewall_from": value}, None) for value in (None, "", " ", "\u200b", [], [None], [""], {})),
        *(({"firewall_from": value}, ["S1"]) for value in ("S1", " S1 ", ["S1"], ["S1", None, "S1"])),
        ({"firewall_from": 17}, ["17"]),
        ({"firewall_from": ["S1", "S2"]}, ["S1; S2"]),
        *(({"firewall_from": value}, ["?"]) for value in ({"id": "S1"}, [["S1"]], [{"id": "S1"}], [True])),
        ({"firewall_from": ["S1", {"id": "S2"}]}, ["S1; ?"]),
        *(({key: "S1"}, ["S1"]) for key in ("Firewall_from", "firewallfrom", "firewall_form", "firewall", "FIREWALL FROM")),
        ({"address": {"lines": ["1 High Street"], "firewall_from": "S1"}}, ["S1"]),
        ({"firewall_from": "S1", "Firewall_from": "S2"}, ["S1; S2"]),
        ({"firewall_from": None, "Firewall_from": ""}, None),
    ],
)  # fmt: skip
def test_whatever_a_document_says_of_a_firewall_is_heard(tmp_path, said, heard):
    result = read(tmp_path, jsonl_of(CHILD, child(**said), CHILD), SOCIAL_CARE)
    assert walled(result) == heard
    if heard:
        assert asking(result) == {2: ("firewall_from", "?" not in heard[0])}
        assert result.asking["key"].to_pylist() == ["C2"]
    if "address" not in said:
        assert result.unreadable.num_rows == 0


def test_a_key_given_twice_and_a_rejected_or_torn_document_are_heard(tmp_path):
    twice = json.dumps(child(firewall_from="S1"))[:-1] + ', "firewall_from": "S2"}'
    assert walled(read(tmp_path, jsonl_of(CHILD, twice), SOCIAL_CARE)) == ["S1; S2"]
    shapeless = child(firewall_from="S1", names="Ham")
    result = read(tmp_path, jsonl_of(CHILD, shapeless), SOCIAL_CARE)
    assert (walled(result), result.unreadable.num_rows) == (["S1"], 1)
    torn = json.dumps(child(firewall_from="S1"))[:-1]
    assert walled(read(tmp_path, jsonl_of(CHILD, torn), SOCIAL_CARE)) == ["?"]
    assert walled(
        read(tmp_path, jsonl_of(CHILD, child(firewall_from="S1", names=[{"family": "x" * 20_000}])), SOCIAL_CARE)
    )


def test_who_asks_for_a_shield_and_a_firewall_asks_twice_and_is_one_record(tmp_path):
    result = read(tmp_path, jsonl_of(CHILD, child(shield={"requested": True}, firewall_from="S1")), SOCIAL_CARE)
    told = [(each["position"], each["asked"], each["walled"]) for each in result.asking.to_pylist()]
    assert told == [(2, "shield", None), (2, "firewall_from", ["S1"])]


def test_most_records_under_another_key_make_the_file_unreadable_and_are_heard(tmp_path):
    result = read(tmp_path, jsonl_of(*[child(Firewall_from="S1")] * 3), SOCIAL_CARE)
    assert "PROTECTION_UNREADABLE" in codes(result)
    assert walled(result, 3) == ["S1"]


@pytest.mark.parametrize("kind", ["csv", "xml", "parquet"])
@pytest.mark.parametrize(
    ("name", "value", "heard"),
    [
        ("firewall_from", "S1", ["S1"]),
        ("firewall_from", " ", None),
        ("Firewall_from", "S1", ["?"]),
        ("firewallfrom", "S1", ["?"]),
        ("firewall", "S1", ["?"]),
    ],
)
def test_other_kinds_of_file_are_heard_and_what_is_spelled_otherwise_is_not_understood(
    tmp_path, kind, name, value, heard
):
    rows = [patient(1), patient(2)]
    rows = [row | {name: ""} for row in rows]
    rows[1][name] = value
    if kind == "xml":
        content = xml_of(*map(element, rows))
    else:
        content = csv_of(rows) if kind == "csv" else pa.Table.from_pylist(rows)
    result = read(tmp_path, content, XML if kind == "xml" else CSV)
    assert walled(result) == heard
    assert walled(result, 1) is None


def test_a_damaged_row_is_heard_when_something_stands_where_the_number_would(tmp_path):
    names = [*CSV.column_names]
    sound = patient(1) | {"firewall_from": ""}
    row = [(patient(2) | {"firewall_from": "S1"})[name] for name in names]
    for damaged in (row[1:], [*row[:3], "x", *row[3:]]):
        text = csv_of([sound]) + ",".join(damaged) + "\n"
        result = read(tmp_path, text, CSV)
        assert (walled(result), result.unreadable.num_rows) == (["?"], 1)
    quiet = [*row[:-1], "", ""]
    assert walled(read(tmp_path, csv_of([sound]) + ",".join(quiet) + "\n", CSV)) is None


def test_a_number_is_told_by_its_letters_and_digits_and_several_are_taken_apart():
    (plain, part) = numbers_asked("S0021")
    assert plain == part
    for text in ("s0021", " S0021 ", "S0021\u200b", "\uff330021", "S-00 21", "s/0021."):
        assert numbers_asked(text)[0] == plain
    assert numbers_asked("S0021; S0022")[1:] == [plain, numbers_asked("S0022")[0]]
    assert numbers_asked("S0021, ?")[1:] == [plain, ""]
    assert numbers_asked("?") == ["", ""]
