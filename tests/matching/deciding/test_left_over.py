"""Who is left in two registers: what tells too little among all may tell enough among them, and only among few."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from pipelines.matching import load_model
from pipelines.matching.deciding.left_over import among_the_rest
from pipelines.matching.people import link_people
from pipelines.matching.reading.comparable import make_comparable
from pipelines.matching.weighing.weigh import weigh
from tests.matching.conftest import table

SOURCES = ("health", "education")
# one person in both registers, of whom only the given name is told alike
ZELDA = (
    {"given_names": "Zelda", "family_name": "Quill", "postcode": "CF10 1AA", "address": "3 Lone Farm"},
    {"given_names": "Zelda", "family_name": None, "birth_date": dt.date(2012, 5, 9)},
)


@pytest.fixture(scope="module")
def registers(town):
    """Two registers, `health` and `education`, that hold the same people once, without numbers."""
    health = [row | {"nhs_number": None} for row in town.to_pylist() if row["agency"] == "health"]
    education = [
        row | {"record_key": row["record_key"].replace("health", "education"), "agency": "education"} for row in health
    ]
    return [*health, *education]


def linked(rows, *pairs, unique=SOURCES):
    added = [
        side | {"record_key": f"{agency}:left-{n}", "agency": agency}
        for n, pair in enumerate(pairs)
        for side, agency in zip(pair, SOURCES, strict=True)
    ]
    people = table([*rows, *added]).rename_columns({"agency": "source"})
    found = link_people(people, unique_sources=unique).identities.to_pylist()
    return {row["record_key"]: row["identity"] for row in found}


def test_the_last_two_left_are_one_person_if_anything_speaks_for_it(registers):
    identity = linked(registers, ZELDA)
    assert identity["health:left-0"] == identity["education:left-0"]


def test_nobody_is_left_over_where_sources_may_hold_a_person_twice(registers):
    identity = linked(registers, ZELDA, unique=())
    assert identity["health:left-0"] != identity["education:left-0"]


def test_two_left_with_nothing_in_common_stay_two(registers):
    identity = linked(registers, (ZELDA[0], ZELDA[1] | {"given_names": "Thorsten"}))
    assert identity["health:left-0"] != identity["education:left-0"]


def test_few_who_are_left_are_compared_each_with_each_and_matched_people_are_not(registers):
    rows = [
        side | {"record_key": f"{source}:left", "agency": source} for side, source in zip(ZELDA, SOURCES, strict=True)
    ]
    people = make_comparable(table([*registers, *rows]))
    keys = people.keys.to_pylist()
    of = {key: place for place, key in enumerate(keys)}
    label = np.array([of[key.replace("health", "education")] if "left" not in key else of[key] for key in keys])
    model = load_model()
    nothing = weigh(people, model, np.zeros(0, dtype=np.int64))
    pairs = among_the_rest(people, model, nothing, label, SOURCES)
    assert [(keys[a], keys[b]) for a, b in zip(pairs.left, pairs.right, strict=True)] == [
        ("education:left", "health:left")
    ]
    assert pairs.discount[0] > 0
