"""Values set aside are counted by column, out of those that were delivered."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pipelines.contracts import load_contract
from pipelines.deliveries.files import verified
from pipelines.deliveries.landing import lying
from pipelines.deliveries.readers import read_delivery
from pipelines.validation.judge import judge
from pipelines.validation.set_aside import values_set_aside
from sample_feeds import make_nights

NIGHT = date(2026, 11, 18)


@pytest.fixture(scope="module")
def landing(tmp_path_factory):
    """Deliveries without a fault."""
    folder = tmp_path_factory.mktemp("landing")
    make_nights(folder, ("330",), first_night=NIGHT, nights=1, children=120, faults="none")
    return str(folder / "landing")


def counted(landing, agency, change):
    """`values_set_aside` of a delivery whose delivered records are changed first, and the changed records."""
    (found,) = lying(landing, agency=agency, business_date=NIGHT)
    contract = load_contract(found.manifest.contract)
    with verified(found, found.manifest.files) as files:
        read = read_delivery(files, contract, delta=False)
    read = replace(read, records=change(read.records))
    judged = judge(read, contract, NIGHT, authority="330")
    return values_set_aside(judged.accepted, judged.rejects, contract, NIGHT), read.records


def put(column, values):
    def change(records):
        at = records.schema.get_field_index(column)
        return records.set_column(at, records.schema.field(at), values(records[column]))

    return change


def test_nothing_is_counted_where_nothing_was_set_aside(landing):
    for agency in ("health", "education", "police", "social_care"):
        assert counted(landing, agency, lambda records: records)[0] == {}


def test_a_column_is_counted_against_the_values_that_were_delivered(landing):
    def all_but_two(column):
        delivered = column.to_pylist()
        return pa.array([value and "B45" for value in delivered[:-2]] + delivered[-2:], column.type)

    found, records = counted(landing, "health", put("postcode", all_but_two))
    delivered = len(records) - records["postcode"].null_count
    cut = pc.sum(pc.equal(records["postcode"], "B45")).as_py()
    assert found == {"postcode": (cut, delivered)}


def test_a_mark_that_counts_as_its_careful_meaning_was_set_aside_all_the_same(landing):
    found, records = counted(landing, "health", put("confidentiality", lambda c: pa.array(["?"] * len(c), c.type)))
    assert found == {"confidentiality": (len(records), len(records))}


def test_the_parts_of_a_list_are_counted_once_a_record(landing):
    def without_sense(column):
        rows = [each and [{**row, "start": "soon"} for row in each] for each in column.to_pylist()]
        return pa.array(rows, column.type)

    found, records = counted(landing, "social_care", put("involvements", without_sense))
    there = pc.sum(pc.greater(pc.list_value_length(records["involvements"]), 0)).as_py()
    assert found == {"involvements[].start": (there, there)}
