"""Keys find the pairs, and too many records under one key are told apart, not dropped."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from pipelines.matching import load_model
from pipelines.matching.comparing.levels import COMPARISONS
from pipelines.matching.deciding.components import components
from pipelines.matching.pairing.candidates import find_candidates
from pipelines.matching.pairing.groups import Limits
from pipelines.matching.reading.comparable import make_comparable


def pairs_of(records, **options):
    """Pairs of record keys."""
    people = make_comparable(records)
    keys = people.keys.to_pylist()
    left, right, _ = find_candidates(people, **options).free()
    return {(keys[a], keys[b]) for a, b in zip(left.tolist(), right.tolist(), strict=True)}


def paired(records):
    """Whether the two records meet under the keys of the built-in model."""
    return len(pairs_of(records, keys=load_model().policy.keys)) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"family_name": "Bright", "postcode": None},
        {"given_names": "Xavier", "family_name": "Pemberton", "postcode": None},
        {"birth_date": dt.date(2015, 3, 15), "postcode": None, "family_name": "Pembertin"},
        {"birth_date": dt.date(2013, 3, 14), "postcode": None},
        {"birth_date": None, "family_name": "Bright"},
        {"given_names": "Pemberton", "family_name": "Oliver", "postcode": None},
        {"given_names": "Xavier", "family_name": "Bright"},
        {"family_name": "Smith-Pemberton", "postcode": None},
    ],
)
def test_a_pair_is_found_though_this_differs(people, change):
    assert paired(people({"record_key": "health:1"}, {"record_key": "police:1"} | change))


def test_strangers_are_not_compared(people):
    stranger = {
        "given_names": "Xavier",
        "family_name": "Bright",
        "birth_date": dt.date(2012, 7, 9),
        "postcode": "B30 1AA",
    }
    assert not paired(people({"record_key": "health:1"}, {"record_key": "police:1"} | stranger))


def test_missing_values_are_no_key(people):
    blank = {"given_names": None, "family_name": None, "postcode": None, "address": None}
    assert not paired(people({"record_key": "health:1"} | blank, {"record_key": "police:1"} | blank))


def crowd(people):
    return people(*({"record_key": f"police:{n:03d}", "given_names": "Muhammad" if n % 40 else "Zayn",
                     "family_name": "Khan", "postcode": None, "address": None, "sex": None} for n in range(120)))  # fmt: skip


@pytest.mark.parametrize("keys", [None, ("family+birth", "given+birth")])
def test_too_many_records_under_a_key_are_told_apart_and_what_is_dropped_is_counted(people, keys):
    found = find_candidates(make_comparable(crowd(people)), keys=keys)
    assert found.stats["keys_refined"] > 0
    assert found.stats["pairs_dropped"] > 0
    zayns = {"police:000", "police:040", "police:080"}
    met = pairs_of(crowd(people), keys=keys)
    assert {pair for pair in met if set(pair) <= zayns} == {
        ("police:000", "police:040"), ("police:000", "police:080"), ("police:040", "police:080")
    }  # fmt: skip


def test_a_rare_name_is_a_key_by_itself_and_a_common_one_is_not(people):
    rare = people({"record_key": "a:1", "given_names": "Zuleika", "birth_date": None, "postcode": None, "address": None},
                  {"record_key": "b:1", "given_names": "Hieronymus", "birth_date": None, "postcode": None, "address": None})  # fmt: skip
    assert pairs_of(rare) == {("a:1", "b:1")}
    given = [
        "Oliver",
        "Amelia",
        "Jack",
        "Harry",
        "Isla",
        "Noah",
        "Emily",
        "Charlie",
        "Poppy",
        "Freya",
        "Oscar",
        "Henry",
    ]
    common = people(*({"record_key": f"a:{name}", "given_names": name, "birth_date": None, "postcode": None,
                       "address": None} for name in given))  # fmt: skip
    assert len(pairs_of(common)) < 6 < len(pairs_of(common, limits=Limits(single=12)))


def test_a_pair_knows_which_fields_it_was_found_without(people):
    records = people({"record_key": "a:1"}, {"record_key": "b:1", "family_name": "Bright"})
    _, _, free = find_candidates(make_comparable(records)).free()
    without = {each.name for n, each in enumerate(COMPARISONS) if free[0] >> n & 1}
    assert {"family_name", "sex"} <= without
    _, _, free = find_candidates(make_comparable(records), keys=["given+birth"]).free()
    assert not {"given_name", "birth_date"} & {each.name for n, each in enumerate(COMPARISONS) if free[0] >> n & 1}


def test_components_follow_chains_of_any_length():
    left, right = np.arange(0, 999), np.arange(1, 1000)
    assert (components(1001, left[::-1], right[::-1]) == np.append(np.zeros(1000), 1000)).all()
