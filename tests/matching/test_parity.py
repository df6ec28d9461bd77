"""The nightly scorer weighs every pair as Splink itself does with the same model file."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from pipelines.matching import load_model
from pipelines.matching.candidates import find_candidates
from pipelines.matching.comparable import hash_texts, make_comparable, splink_frame
from pipelines.matching.compare import LEVELS, compare, pack, unpack
from pipelines.matching.score import field_weights, match_weights


@pytest.fixture(scope="module")
def scored(town):
    people = make_comparable(town)
    pairs = find_candidates(people)
    # and as many pairs at random, so that disagreement is compared too
    rng = np.random.default_rng(5)
    a, b = rng.integers(0, people.size, (2, 3000))
    ids = np.unique(np.concatenate([
        pairs.left.astype(np.int64) * people.size + pairs.right, np.minimum(a, b)[a != b] * people.size + np.maximum(a, b)[a != b]
    ]))  # fmt: skip
    left, right = ids // people.size, ids % people.size
    levels = compare(people, left, right)
    model = load_model()
    return people, left, right, levels, match_weights(model, people, left, right, pack(levels), levels)


def _splink(people, left, right):
    """What Splink's own `predict` says of the pairs, with the model's file and its table of frequencies."""
    import duckdb
    from splink import DuckDBAPI, Linker

    model = load_model()
    settings = model.settings | {"blocking_rules_to_generate_predictions": ["l.unique_id = r.unique_id"]}
    settings["retain_matching_columns"] = True
    frame = splink_frame(people)
    api = DuckDBAPI(duckdb.connect())
    linker = Linker(api.register(frame), settings, log_level=None)
    for name in ("given_name", "family_name"):
        values = frame[name].unique().drop_null()
        shares = model.frequencies[name].of(hash_texts(values.to_pylist()))
        lookup = api.register(pa.table({name: values, f"tf_{name}": shares}))
        linker.table_management.register_term_frequency_lookup(lookup, name)
    pairs = pa.table({"match_key": pa.array(["0"] * len(left)), "join_key_l": left, "join_key_r": right})
    linker.table_management.register_blocked_pairs_for_predict(api.register(pairs))
    return linker.inference.predict().as_pandas_dataframe()


@pytest.fixture(scope="module")
def by_splink(scored):
    people, left, right, *_ = scored
    found = _splink(people, left, right)
    low = found[["unique_id_l", "unique_id_r"]].min(axis=1)
    high = found[["unique_id_l", "unique_id_r"]].max(axis=1)
    found.index = low * people.size + high
    return found.loc[left * people.size + right]


@pytest.mark.slow
def test_every_pair_has_splinks_match_weight(scored, by_splink):
    *_, weight = scored
    assert len(weight) > 4000
    assert np.abs(by_splink["match_weight"].to_numpy() - weight).max() < 0.01


@pytest.mark.slow
def test_every_comparison_has_splinks_level(scored, by_splink):
    *_, levels, _ = scored
    for name in LEVELS:
        assert (by_splink[f"gamma_{name}"].to_numpy() == levels[name]).all(), name
        assert len(np.unique(levels[name])) > 1, f"{name} is never compared in this test"


def test_the_fields_bits_add_up_to_the_weight(scored):
    people, left, right, levels, weight = scored
    model = load_model()
    total = model.prior + sum(field_weights(model, people, left, right, levels).values())
    assert np.allclose(total, weight)


def test_packed_levels_come_back_unchanged(scored):
    *_, levels, _ = scored
    assert all((levels[name] == back).all() for name, back in unpack(pack(levels)).items())
