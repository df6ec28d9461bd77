"""Splink's charts of a model show levels and bits, and nothing that a record says."""

from __future__ import annotations

import json
import re

import pytest

from pipelines.matching import load_model
from pipelines.matching.comparing.levels import COMPARISONS
from pipelines.matching.reading.comparable import make_comparable
from pipelines.matching.training.splink_charts import chart_libraries, charts_of, examples_of


@pytest.fixture(scope="module")
def drawn(town):
    people = make_comparable(town)
    place = {key: row for row, key in enumerate(people.keys.to_pylist())}
    chosen = [("a pair", place[f"education:{n}-0"], place[f"health:{n}-0"]) for n in (0, 40, 400, 700)]
    model = load_model()
    return town, chosen, model, examples_of(model, people, chosen), people


@pytest.fixture(scope="module")
def charts(drawn):
    *_, model, examples, _ = drawn
    return charts_of(model, examples)


def test_every_level_stands_on_the_charts_with_its_weight(charts):
    model = load_model()
    for name in ("match_weights", "m_u_parameters"):
        bars = {(bar["comparison_name"], bar["comparison_vector_value"]): bar for bar in charts[name]["data"]["values"]}
        for comparison in COMPARISONS:
            for gamma, weight in enumerate(model.weights[comparison.name][1:]):
                bar = bars[comparison.name, gamma]
                assert bar["log2_bayes_factor"] == pytest.approx(weight)
                assert bar["label_for_charts"] == comparison.words(gamma)


def test_the_bars_of_a_waterfall_add_up_to_its_final_score(charts, drawn):
    _, chosen, *_ = drawn
    for number in range(len(chosen)):
        bars = [bar for bar in charts["waterfall"]["data"]["values"] if bar["record_number"] == number]
        assert bars[-1]["column_name"] == "Final score"
        assert sum(bar["log2_bayes_factor"] for bar in bars[:-1]) == pytest.approx(bars[-1]["log2_bayes_factor"])
    assert charts["waterfall"]["params"][0]["bind"]["labels"] == ["a pair"] * len(chosen)


def test_no_value_of_a_record_reaches_a_chart(charts, drawn):
    town, chosen, *_ = drawn
    shown = [chart["data"]["values"] for chart in charts.values()]  # the rest is the same for every model
    words = set(re.findall(r"[\w-]+", json.dumps(shown).lower()))
    for _, left, right in chosen:
        for row in (left, right):
            record = town.sort_by("record_key").slice(row, 1).to_pylist()[0]
            names = f"{record['given_names']} {record['family_name']}".lower().split()
            values = {*names, str(record["postcode"]).lower(), str(record["birth_date"]), record["nhs_number"]}
            assert not words & {value for value in values if value}
    assert {bar[side] for bar in charts["waterfall"]["data"]["values"] for side in ("value_l", "value_r")} == {""}


def test_a_name_cannot_be_told_by_how_common_it_is(drawn):
    *_, examples, _ = drawn
    added = [bits for example in examples for bits in example.frequency.values()]
    assert any(added)
    assert all(isinstance(bits, int) for bits in added)


def test_a_model_without_examples_has_no_waterfall():
    assert set(charts_of(load_model())) == {"match_weights", "m_u_parameters"}


def test_the_scripts_that_draw_come_with_splink():
    libraries = chart_libraries()
    assert list(libraries) == ["vega", "vega-lite", "vega-embed"]
    assert not any("</script" in text.lower() for text in libraries.values())
