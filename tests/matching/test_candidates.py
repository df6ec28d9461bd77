"""Keys find the pairs, and too many records under one key are told apart, not dropped."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from pipelines.matching.candidates import find_candidates
from pipelines.matching.comparable import make_comparable
from pipelines.matching.components import components


def paired(records):
    found = find_candidates(make_comparable(records))
    return len(found.left) == 1


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
    blank = {"given_names": None, "family_name": None, "postcode": None}
    assert not paired(people({"record_key": "health:1"} | blank, {"record_key": "police:1"} | blank))


def test_an_oversized_key_is_refined_and_what_is_dropped_is_counted(people):
    crowd = [{"record_key": f"police:{n:03d}", "given_names": "Muhammad" if n % 40 else "Zayn", "family_name": "Khan",
              "postcode": None, "sex": None} for n in range(120)]  # fmt: skip
    found = find_candidates(make_comparable(people(*crowd)))
    assert found.stats["keys_refined"] > 0
    assert found.stats["pairs_dropped"] > 0
    zayns = {0, 40, 80}
    assert {(0, 40), (0, 80), (40, 80)} <= {
        pair for pair in zip(found.left.tolist(), found.right.tolist(), strict=True) if set(pair) <= zayns
    }


def test_components_follow_chains_of_any_length():
    left, right = np.arange(0, 999), np.arange(1, 1000)
    assert (components(1001, left[::-1], right[::-1]) == np.append(np.zeros(1000), 1000)).all()
