"""Drift: nothing is said of the records a model was made from, and each thing that moves is named by itself."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest

from pipelines.matching import load_model
from pipelines.matching.comparing.compare import LEVELS, Comparer
from pipelines.matching.comparing.identifiers import compare_identifiers
from pipelines.matching.comparing.levels import COMPARISONS
from pipelines.matching.reading.comparable import make_comparable
from pipelines.matching.training.drift import drift_figures, drift_verdict, reference_of
from tests.matching.conftest import table

MODEL = load_model()


def compared(people):
    """The levels of pairs that share an identifier and of others, and which of them share one."""
    rng = np.random.default_rng(3)
    pairs = [np.sort(rng.integers(0, people.size, (2, 1000)), axis=0)]
    for kind in ("nhs_number", "upn"):
        rows = np.argsort(people.identifiers[kind], kind="stable")
        pairs.append(np.sort(np.stack([rows[:-1], rows[1:]]), axis=0))
    left, right = np.unique(np.concatenate(pairs, axis=1), axis=1)
    identifiers = compare_identifiers(people, left, right)
    return Comparer(people).levels(left, right), identifiers.same & ~identifiers.conflict & (left != right)


@pytest.fixture(scope="module")
def then(town):
    """The town as the model's reference: (model, people, levels, told)."""
    people = make_comparable(town)
    return replace(MODEL, reference=reference_of(MODEL, people)), people, *compared(people)


def the_one_thing_said(model, figures) -> str:
    passed, said = drift_verdict(model, figures)
    assert not passed
    assert len(re.findall(r"\.(?: |$)", said)) == 1, said
    return said


def test_the_records_a_model_was_made_from_have_not_drifted(then):
    model, people, levels, told = then
    figures = drift_figures(model, people, levels, told)
    assert figures["drift_pairs"] > 200
    assert figures["drift_overall"] < 0.05
    assert drift_verdict(model, figures)[0]


def test_one_comparison_that_agrees_otherwise_is_named_alone(then):
    model, people, levels, told = then
    given = levels["given_name"].copy()
    given[np.flatnonzero(told)[::3]] = LEVELS["given_name"]["different"]
    figures = drift_figures(model, people, levels | {"given_name": given}, told)
    assert figures["drift_given_name"] > 0.25 > figures["drift_family_name"]
    assert figures["share_given_name_different"] == pytest.approx(1 / 3, abs=0.05)
    said = the_one_thing_said(model, figures)
    assert "given name" in said


def test_pairs_that_no_identifier_joined_do_not_count(then):
    model, people, levels, told = then
    birth = np.where(told, levels["birth_date"], LEVELS["birth_date"]["different"]).astype(np.int8)
    figures = drift_figures(model, people, levels | {"birth_date": birth}, told)
    assert figures == drift_figures(model, people, levels, told)


def test_the_index_is_the_population_stability_index(then):
    model, people, levels, told = then
    model = replace(model, reference={"levels": {"sex": [990, 10]}})
    sex = np.zeros(1000, dtype=np.int8)
    sex[:900] = LEVELS["sex"]["same"]
    everything = {name: np.full(1000, -1, dtype=np.int8) for name in LEVELS} | {"sex": sex}
    figures = drift_figures(model, people, everything, np.ones(1000, dtype=bool))
    by_hand = (0.90 - 0.99) * math.log(0.90 / 0.99) + (0.10 - 0.01) * math.log(0.10 / 0.01)
    assert figures["drift_sex"] == pytest.approx(by_hand, abs=0.01)
    assert figures["drift_overall"] == figures["drift_sex"]  # nothing else was compared


def test_small_shifts_in_many_fields_are_told_together(then):
    model, people, levels, told = then
    figures = drift_figures(model, people, levels, told)
    figures |= {f"drift_{comparison.name}": 0.1 for comparison in COMPARISONS} | {"drift_overall": 0.8}
    said = the_one_thing_said(model, figures)
    assert "many fields" in said


def test_values_that_go_missing_are_told_with_both_shares(then, town):
    model, _, levels, told = then
    rows = town.to_pylist()
    for row in rows[::2]:
        row |= {"postcode": None, "address": None}
    figures = drift_figures(model, make_comparable(table(rows)), levels, told)
    assert figures["missing_address"] == pytest.approx(0.5, abs=0.01)
    said = the_one_thing_said(model, figures)
    assert said == "50 % of the records have no address; when the model was made it was 0 %."


def test_names_the_model_has_not_met_are_told_and_never_shown(then, town):
    model, _, levels, told = then
    rows = town.to_pylist()
    for number, row in enumerate(rows[: len(rows) // 2]):
        row["family_name"] = "Quxley" + "abcdefghij"[number % 10] * 3
    figures = drift_figures(model, make_comparable(table(rows)), levels, told)
    assert figures["unknown_family_name"] > 0.5
    said = the_one_thing_said(model, figures)
    assert "of the family names are new to the model" in said
    assert "uxley" not in said.lower()


def test_a_night_without_records_has_the_same_keys_and_nothing_to_say_of_pairs(then):
    model, people, levels, told = then
    nobody = make_comparable(table([]))
    nothing = {name: values[:0] for name, values in levels.items()}
    figures = drift_figures(model, nobody, nothing, told[:0])
    assert figures.keys() == drift_figures(model, people, levels, told).keys()
    assert all(math.isfinite(value) for value in figures.values())
    assert figures["drift_overall"] == figures["drift_pairs"] == 0


def test_too_few_pairs_are_no_drift(then):
    model, people, levels, told = then
    few = np.zeros_like(told)
    few[np.flatnonzero(told)[:20]] = True
    assert drift_figures(model, people, levels, few)["drift_overall"] == 0


def test_a_model_without_reference_says_nothing(then):
    _, people, levels, told = then
    model = replace(MODEL, reference={})
    passed, said = drift_verdict(model, drift_figures(model, people, levels, told))
    assert passed and "keeps no figures" in said


def test_the_reference_counts_pairs_that_an_identifier_joins_once_each(people):
    records = people(
        {"record_key": "health:1", "nhs_number": "9434765919", "upn": "A1"},
        {"record_key": "care:1", "nhs_number": "9434765919", "upn": "A1"},  # both numbers: still one pair
        {"record_key": "health:2", "nhs_number": "9434765870"},
        {"record_key": "care:2", "nhs_number": "9434765870", "given_names": "Zoe", "family_name": "Ng",
         "birth_date": None},  # neither name nor birth date agrees: not joined
        {"record_key": "health:3", "nhs_number": "9434765838", "upn": "A3"},
        {"record_key": "care:3", "nhs_number": "9434765838", "upn": "A4"},  # the other number speaks against it
    )  # fmt: skip
    reference = reference_of(MODEL, make_comparable(records))
    assert (reference["pairs"], reference["records"]) == (1, 6)
    assert reference["levels"]["birth_date"][0] == 1
    assert reference["missing"]["birth_date"] == pytest.approx(1 / 6, abs=0.001)


def test_a_name_of_one_household_alone_is_not_held_to_be_known(people):
    smith = {"family_name": "Smith", "given_names": "Jack"}  # a name that the model has met
    reference = reference_of(MODEL, make_comparable(people(
        {"record_key": "health:1", "postcode": "B1 1AA"} | smith, {"record_key": "care:1", "postcode": "B1 1AA"} | smith,
    )))  # fmt: skip
    assert reference["unknown"] == {"given_name": 0, "family_name": 0}
    model = replace(MODEL, frequencies={name: as_if_made_from_two(each) for name, each in MODEL.frequencies.items()})
    homes = ("B1 1AA", "B1 1AA", "B1 1AA", "B1 1AC")
    records = people(*({"record_key": f"health:{n}", "postcode": home} | smith for n, home in enumerate(homes)))
    # two records are enough to be known: the one in the other street sees three, each of the three but one
    assert reference_of(model, make_comparable(records))["unknown"]["family_name"] == 0.75


def as_if_made_from_two(frequencies):
    return replace(frequencies, shares=np.full(len(frequencies.shares), 0.5))


def test_the_built_in_model_keeps_a_reference_of_every_comparison():
    reference = MODEL.reference
    for comparison in COMPARISONS:
        assert len(reference["levels"][comparison.name]) == len(comparison.levels)
        assert 0 <= reference["missing"][comparison.name] <= 1
    assert reference["pairs"] > 1000
