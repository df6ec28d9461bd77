"""Deliveries that are refused as a whole, whatever their file is called and however it is spoilt: who asks in it is heard.

Belongs here: `receive` on one delivery of health, with what the register keeps of it. Not here: single records (`test_asking`), what
becomes of a wish (tests/nights/test_overheard.py).
"""

import gzip
import json

import pytest

from tests.deliveries.conftest import Site
from tests.deliveries.protective_files import HEALTH, SOCIAL_CARE, csv_of, jsonl_of, patient, read

CSV = csv_of([patient(1), patient(2, confidentiality="S"), patient(3)]).encode()
SHIELDED = {"la_child_id": "C1", "shield": {"requested": True, "by": "x", "reason_code": "other"}}


@pytest.fixture
def given(tmp_path):
    made = Site(tmp_path, {"health/1": HEALTH})
    yield made
    made.engine.dispose()


@pytest.mark.parametrize(
    ("files", "stated"),
    [
        ({"health.txt": CSV}, {}),
        ({"health": CSV}, {}),
        ({"health.jsonl": CSV}, {}),
        ({"health.csv.gz": gzip.compress(CSV) + b"\x1a"}, {}),
        ({"health.csv.gz": gzip.compress(CSV) + b"\x1a"}, {"mode": "?"}),
        ({"health.csv.gz": gzip.compress(CSV, 0)[:-9]}, {}),
        ({"health.csv": CSV}, {"files": []}),
        ({"health.csv": CSV.decode().encode("utf-16")}, {}),
        ({"health.csv": CSV.decode().encode("utf-16")}, {"mode": "?"}),
    ],
)
def test_who_asks_in_a_refused_delivery_is_heard(given, files, stated):
    given.deliver("health", files, rows=3, stated=stated)
    receipt = given.take()
    assert receipt.ruling.state == "refused"
    assert receipt.asking is not None
    assert receipt.asking["key"].to_pylist() == ["P2"]


def test_of_a_packed_file_that_holds_far_too_much_nothing_is_read(given):
    given.deliver("health", {"health.csv.gz": gzip.compress(b"\n" * (101 << 20))}, rows=3)
    receipt = given.take()
    assert [each.code for each in receipt.ruling.findings] == ["TOO_LARGE"]
    assert receipt.asking is None


def test_zeros_between_the_letters_of_a_document_hide_no_mark(tmp_path):
    result = read(tmp_path, b"x\n" + jsonl_of(SHIELDED).encode("utf-16-be"), SOCIAL_CARE)
    assert result.asking["key"].to_pylist() == ["C1"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("health.csv", "health.csv"),
        ("health_330_20261120.csv.gz", "health_330_20261120.csv.gz"),
        ("Arthur Smith.csv", "AAAAAA AAAAA.csv"),
        ("Fubtabrav.csv.GZ", "AAAAAAAAA.csv.gz"),
        ("4000000000.csv", "9999999999.csv"),
        ("health_4000000000.csv", "AAAAAA_9999999999.csv"),
    ],
)
def test_a_file_is_told_by_its_name_where_that_can_be_no_childs(given, name, told):
    packed = name.lower().endswith("gz")
    folder = given.deliver("health", {name: gzip.compress(CSV) if packed else CSV}, rows=2)
    [entry] = given.load()
    assert [(each["code"], each["file"]) for each in entry.codes] == [("COUNT_MISMATCH", told)]
    assert json.loads((folder / "ack.json").read_text())["codes"][0]["file"] == told


def test_what_is_no_agencys_name_is_not_told(given):
    folder = given.deliver("health", {"health.csv": CSV}, rows=3, stated={"agency": "fubtabrav_arthur"})
    [entry] = given.load()
    assert [each["code"] for each in entry.codes] == ["WRONG_AGENCY"]
    assert "ubtabrav" not in (folder / "ack.json").read_text()
