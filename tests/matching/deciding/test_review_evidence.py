"""The evidence beside an open pair: its bits by field add up, and the runner-up is the best other candidate."""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pipelines.matching.deciding.review_evidence import runners_up
from pipelines.matching.explain import explain
from pipelines.matching.night import match
from pipelines.seams.matching import LINKS, POSSIBLE


def pairs(schema, *rows):
    columns = {name: pa.nulls(len(rows), schema.field(name).type) for name in schema.names}
    columns |= {
        "record_key_a": [r[0] for r in rows],
        "record_key_b": [r[1] for r in rows],
        "weight": [r[2] for r in rows],
    }
    return pa.table(columns, schema=schema)


def test_every_open_pair_of_a_night_says_where_its_weight_comes_from(town):
    possible = match(town).possible
    assert possible.num_rows and not possible["fields"].null_count
    for row in possible.to_pylist():
        bits = [int(number) for number in re.findall("[+-][0-9]+", row["fields"].replace("−", "-"))]
        assert sum(bits) == round(row["weight"])  # the household is among the fields, and in the weight
    assert any("household" in row["fields"] for row in possible.to_pylist())


def test_every_weight_told_is_the_one_that_explain_sums_up(town):
    matched = match(town)
    for table in (matched.possible, matched.links):
        for row in table.slice(0, 40).to_pylist():
            told = explain(town, row["record_key_a"], row["record_key_b"])
            assert row["weight"] == pytest.approx(told.steps[-1].total, abs=0.001)


def test_the_runner_up_is_the_heaviest_other_pair_of_the_record():
    links = pairs(LINKS.schema, ("a", "c", 20.0), ("b", "d", 3.0))
    possible = pairs(POSSIBLE.schema, ("a", "b", 9.0), ("b", "e", 5.0), ("e", "f", 1.0))
    found = runners_up(["a", "b", "f"], ["b", "a", "e"], links, possible).to_pylist()
    assert found == [
        {"rival": "c", "rival_weight": 20.0, "rival_joined": True},
        {"rival": "e", "rival_weight": 5.0, "rival_joined": False},
        {"rival": None, "rival_weight": None, "rival_joined": None},
    ]


def test_a_nights_list_names_each_records_own_runner_up(town):
    matched = match(town)
    joined = matched.possible.filter(pc.fill_null(matched.possible["rival_joined_a"], False))
    linked = {frozenset((row["record_key_a"], row["record_key_b"])) for row in matched.links.to_pylist()}
    assert joined.num_rows
    assert all(frozenset((row["record_key_a"], row["rival_a"])) in linked for row in joined.to_pylist())
