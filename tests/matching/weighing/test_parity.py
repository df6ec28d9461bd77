"""The scorer weighs every pair as Splink itself does with the same model: on children, and on other people's data."""

from __future__ import annotations

import zlib
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipelines.matching import load_model
from pipelines.matching.comparing.compare import LEVELS, OTHER_NAMES, Comparer, pack, unpack
from pipelines.matching.pairing.candidates import find_candidates
from pipelines.matching.reading.comparable import Comparable, make_comparable
from pipelines.matching.training.estimate import estimate_model
from pipelines.matching.training.splink_frame import splink_frame
from pipelines.matching.weighing.match_model import Model
from pipelines.matching.weighing.score import Scorer, shares_of
from sample_feeds.people import people_table
from tests.shared import historical_people

PAIRS = 110_000


class Scored(NamedTuple):
    people: Comparable
    model: Model
    left: np.ndarray
    right: np.ndarray
    levels: dict[str, np.ndarray]
    weight: np.ndarray


def _scored(people: Comparable, model: Model) -> Scored:
    """Candidate pairs of all kinds and as many at random, so that disagreement is compared too."""
    rng = np.random.default_rng(5)
    left, right, _ = find_candidates(people).free()
    chosen = np.sort(rng.choice(len(left), min(len(left), PAIRS), replace=False))
    a, b = rng.integers(0, people.size, (2, 20_000))
    random = np.minimum(a, b)[a != b] * people.size + np.maximum(a, b)[a != b]
    ids = np.unique(np.concatenate([left[chosen].astype(np.int64) * people.size + right[chosen], random]))
    left, right = ids // people.size, ids % people.size
    levels = Comparer(people).levels(left, right)
    weight = Scorer(model, people).match_weights(left, right, pack(levels), levels)
    return Scored(people, model, left, right, levels, weight)


def _with_further_names(people: pa.Table) -> pa.Table:
    """Every other child has a further name, that its records give in full, as an initial, alone, or not at all.

    Some records give it first, and some as the family name.
    """
    further = ("Rose", "James", "Mary", "John", "Grace", "Lee", "May", "Jane")
    written, families = [], []
    told = (people[column].to_pylist() for column in ("child", "given_names", "family_name"))
    for number, (child, given, family) in enumerate(zip(*told, strict=True)):
        name = further[zlib.crc32(child.encode()) % 16 // 2]
        ways = (f"{given} {name}", f"{given} {name[0]}", name[0], given)
        has = given is not None and zlib.crc32(child.encode()) % 2
        given = ways[number % 4] if has else given
        if has and family and number % 4 == 0:
            given, family = ((given, family), (" ".join(reversed(given.split())), family), (f"{given.split()[0]} {family}", name),
                             (f"{family} {name}", given.split()[0]))[number // 4 % 4]  # fmt: skip
        written.append(given)
        families.append(family)
    for column, values in (("given_names", written), ("family_name", families)):
        people = people.set_column(people.column_names.index(column), column, pa.array(values, pa.string()))
    return people


@pytest.fixture(scope="module", params=["children", "historical"])
def scored(request):
    if request.param == "children":
        return _scored(make_comparable(_with_further_names(people_table(9_000, seed=3))), load_model())
    people = make_comparable(historical_people())
    return _scored(people, estimate_model(people, find_candidates(people)))


@pytest.fixture(scope="module")
def by_splink(scored):
    """What Splink's own `predict` says of the pairs, with the model's file and its tables of frequencies."""
    import duckdb
    from splink import DuckDBAPI, Linker

    people, model = scored.people, scored.model
    settings = model.settings | {"blocking_rules_to_generate_predictions": ["l.unique_id = r.unique_id"]}
    settings["retain_matching_columns"] = True
    frame = splink_frame(people)
    api = DuckDBAPI(duckdb.connect())
    linker = Linker(api.register(frame), settings, log_level=None)
    for column in {adjusted.column for adjusted in model.adjusted.values()}:
        lookup = pd.DataFrame({column: frame[column].to_pylist(), f"tf_{column}": shares_of(model, people, column)})
        linker.table_management.register_term_frequency_lookup(
            api.register(pa.Table.from_pandas(lookup.dropna().drop_duplicates(column), preserve_index=False)), column
        )
    pairs = pa.table({"match_key": ["0"] * len(scored.left), "join_key_l": scored.left, "join_key_r": scored.right})
    linker.table_management.register_blocked_pairs_for_predict(api.register(pairs))
    found = linker.inference.predict().as_pandas_dataframe()
    low, high = (getattr(found[["unique_id_l", "unique_id_r"]], side)(axis=1) for side in ("min", "max"))
    found.index = low * people.size + high
    return found.loc[scored.left * people.size + scored.right]


@pytest.mark.in_full
@pytest.mark.slow
def test_every_pair_has_splinks_level_and_match_weight(scored, by_splink):
    assert len(scored.weight) > 100_000
    for name in LEVELS:
        assert (by_splink[f"gamma_{name}"].to_numpy() == scored.levels[name]).all(), name
    assert np.abs(by_splink["match_weight"].to_numpy() - scored.weight).max() < 0.01


@pytest.mark.others_in_full
def test_names_in_another_order_are_among_the_pairs(scored):
    if scored.model.name == "children-1":  # people of before hardly have any
        assert np.count_nonzero(scored.levels["other_names"] == OTHER_NAMES["moved"]) > 100


def test_the_fields_bits_add_up_to_the_weight(scored):
    people, model, left, right, levels, weight = scored
    assert np.allclose(model.prior + sum(Scorer(model, people).field_weights(left, right, levels).values()), weight)


def test_packed_levels_come_back_unchanged(scored):
    assert all((scored.levels[name] == back).all() for name, back in unpack(pack(scored.levels)).items())
