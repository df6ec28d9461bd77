"""A model comes out the same every time, and only from what the records themselves tell."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from pipelines.errors import IsindexError
from pipelines.matching import load_model, match
from pipelines.matching.comparing.levels import COMPARISONS
from pipelines.matching.training import train as training
from pipelines.matching.training.train import train
from pipelines.matching.weighing.match_model import make_model, save_model


@pytest.fixture(scope="module", autouse=True)
def a_small_sample():
    """Chance agreement measured on fewer pairs, which takes most of the time that training takes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "_SAMPLE", 1_500)
        yield


@pytest.fixture(scope="module")
def trained(town, a_small_sample):
    """Settings, frequencies and policy from the town."""
    return train(town)


@pytest.mark.in_full
@pytest.mark.slow
def test_training_gives_the_same_bytes_whatever_the_order_of_the_records(town, trained, tmp_path):
    shuffled = town.take(np.random.default_rng(1).permutation(town.num_rows))
    for name, model in (("a", trained), ("b", train(shuffled))):
        save_model(*model, tmp_path / name / "model.json")
    for part in ("model.json", "model.frequencies.csv", "model.policy.json"):
        assert (tmp_path / "a" / part).read_bytes() == (tmp_path / "b" / part).read_bytes()


@pytest.mark.in_full
@pytest.mark.slow
def test_a_trained_model_joins_the_town_it_came_from(town, trained, tmp_path):
    save_model(*trained, tmp_path / "town.json")
    matched = match(town, model=load_model(tmp_path / "town.json"))
    assert matched.stats["identities"] < 0.6 * town.num_rows


def test_the_built_in_model_gives_every_level_a_weight():
    model = load_model()
    for comparison in COMPARISONS:
        weights = model.weights[comparison.name]
        assert len(weights) == len(comparison.levels) + 1
        assert np.isfinite(weights).all()
        assert weights[-1] > 0 > weights[1], f"{comparison.name}: agreement must speak for, difference against"


def test_fewer_people_need_less_evidence():
    model = load_model()
    assert model.join_weight(1_000) < model.join_weight(100_000) < model.join_weight(1_000_000)


def test_a_model_that_compares_other_things_is_refused():
    model = load_model()
    settings = json.loads(json.dumps(model.settings))
    settings["comparisons"][0]["comparison_levels"][1]["sql_condition"] = "true"
    with pytest.raises(IsindexError, match="MODEL_NOT_UNDERSTOOD"):
        make_model("odd", settings, "column,value,frequency\n", {"join": 0.9, "review": 0.1, "margin": 1, "records": 9})


def test_an_unknown_model_is_named():
    with pytest.raises(IsindexError, match="MODEL_UNKNOWN"):
        load_model("nobody-1")


def test_a_model_holds_no_rare_name(town):
    texts = train.__globals__["_frequencies"](train.__globals__["make_comparable"](town.slice(0, 4)))
    assert len(texts.splitlines()) == 3  # the header and the two floors
    assert isinstance(town, pa.Table)


def copy_of_the_built_in(folder, **policy):
    """A model like the built-in one, written to `folder`."""
    model = load_model()
    rules = {"join": model.policy.join, "review": 0.1, "margin": 3.0, "records": model.policy.records} | policy
    save_model(model.settings, "column,value,frequency\ngiven_name,,0.1\nfamily_name,,0.1\n", rules, folder)


def test_the_setting_names_the_model_in_force(tmp_path, setting):
    copy_of_the_built_in(tmp_path / "children-9" / "children-9.json", join=0.99)
    assert load_model().name == "children-1"
    for named in (tmp_path / "children-9", tmp_path / "children-9" / "children-9.json"):
        setting("ISINDEX_MODEL", named)
        assert (load_model().name, load_model().policy.join) == ("children-9", 0.99)
    setting("ISINDEX_MODEL", "children-1")
    assert load_model() is load_model("children-1")
    setting("ISINDEX_MODEL", tmp_path / "children-8")
    with pytest.raises(IsindexError, match="MODEL_UNKNOWN"):
        load_model()


@pytest.mark.in_full
@pytest.mark.slow
def test_training_keeps_what_later_nights_are_held_against(town, trained):
    *_, policy = trained
    assert policy["reference"]["records"] == town.num_rows
    assert policy["reference"]["pairs"] > 200
    assert 0 < policy["reference"]["missing"]["upn"] < 1
