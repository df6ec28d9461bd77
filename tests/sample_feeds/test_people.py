"""The children behind the feeds: identifiers, households, twins, adopted children, the shielded; and people tables."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from sample_feeds import people_table, write_people
from sample_feeds.identifiers import nhs_numbers, upn_check_letter, upns
from sample_feeds.truth import children_table
from sample_feeds.world import World

DAY = dt.date(2026, 11, 18)
VECTORS = json.loads((Path(__file__).parents[1] / "identifier_vectors.json").read_text())


@pytest.fixture(scope="module")
def world() -> World:
    return World("330", 30_000, 6, DAY)


def test_nhs_numbers_are_valid_distinct_and_of_the_england_range() -> None:
    numbers = nhs_numbers(0, 50_000, 1)
    assert len(set(numbers)) == 50_000
    for number in numbers[:5_000]:
        total = sum(int(figure) * weight for figure, weight in zip(number, range(10, 1, -1), strict=False))
        assert (11 - total % 11) % 11 == int(number[9])
        assert number[0] in "467"
        assert len(set(number)) > 1


def test_two_ranges_of_a_seed_share_no_nhs_number() -> None:
    assert set(nhs_numbers(0, 10_000, 1)).isdisjoint(nhs_numbers(13_064, 10_000, 1))


def test_upn_check_letters_agree_with_the_vectors() -> None:
    permanent = [v["value"] for v in VECTORS["upn"] if v["valid"] and v["value"][1:].isdigit()]
    letters = upn_check_letter(np.array([int(value[1:]) for value in permanent]))
    assert [value[0] for value in permanent] == letters.tolist()


def test_upns_stay_clear_of_real_establishments() -> None:
    made = upns(np.full(2_000, 815), np.full(2_000, 14), np.arange(2_000))
    assert len(set(made)) == 2_000
    assert all(upn[1:5] == "8159" for upn in made)


def test_children_are_as_many_and_as_old_as_asked(world: World) -> None:
    ages = (world.day - world.children.birth).astype(int) / 365.2425
    counted = world.children.born & (ages < 18) & ~world.children.closed_identity
    assert abs(int(counted.sum()) - 30_000) < 5
    by_year = Counter(ages[counted].astype(int).tolist())
    assert min(by_year.values()) > 0.7 * max(by_year.values())


def test_twins_are_as_frequent_as_in_life_and_born_together(world: World) -> None:
    table = children_table(world).to_pylist()
    sets: dict[str, list[dict[str, object]]] = {}
    for child in table:
        if child["twin_set"]:
            sets.setdefault(child["twin_set"], []).append(child)
    assert 0.022 < sum(len(members) for members in sets.values()) / 30_000 < 0.036
    pairs = [members for members in sets.values() if len(members) > 1]
    assert all(len({(m["birth_date"], m["household"]) for m in members}) == 1 for members in pairs)
    assert 0.55 < sum(len({m["sex"] for m in members}) == 1 for members in pairs) / len(pairs) < 0.95
    assert any(members[0]["given_names"][0] == members[1]["given_names"][0] for members in pairs)  # type: ignore[index]


def test_hardly_any_two_children_of_a_household_share_a_name(world: World) -> None:
    names = Counter((c["household"], c["given_names"]) for c in children_table(world).to_pylist())
    assert sum(count > 1 for count in names.values()) < 3


def test_the_most_frequent_surname_has_the_share_it_has_in_life(world: World) -> None:
    surnames = Counter(world.children.family.tolist())
    assert 0.007 < surnames.most_common(1)[0][1] / len(world.children) < 0.016
    assert len(surnames) > 5_000


def test_an_adopted_child_has_two_identities_with_nothing_in_common(world: World) -> None:
    pairs: dict[str, list[dict[str, object]]] = {}
    for child in children_table(world).to_pylist():
        if child["adopted_pair"]:
            pairs.setdefault(child["adopted_pair"], []).append(child)
    assert len(pairs) > 15
    for before, after in pairs.values():
        assert before["closed_identity"] != after["closed_identity"]
        for column in ("child", "nhs_number", "upn", "household"):
            assert before[column] != after[column]
    closed = np.flatnonzero(world.children.closed_identity)
    assert not np.isin(world.holdings["health"].child, closed).any()
    assert np.isin(world.holdings["education"].child, closed).any()


def test_every_shielded_child_is_marked_somewhere_and_unmarked_elsewhere(world: World) -> None:
    shielded = set(np.flatnonzero(world.children.shielded).tolist())
    health, care = world.holdings["health"], world.holdings["social_care"]
    marked = set(health.child[health.columns["confidentiality"] == "S"].tolist())
    marked |= {c for c, shield in zip(care.child.tolist(), care.columns["shield"], strict=True) if shield}
    assert marked <= shielded
    under_18 = world.children.born & ((world.day - world.children.birth).astype(int) < 18 * 365)
    assert len({c for c in shielded if under_18[c]} - marked) < 0.03 * len(shielded)
    assert shielded & set(world.holdings["education"].child.tolist())
    assert shielded & set(world.holdings["police"].child.tolist())


def test_the_unborn_are_known_to_social_care_alone_and_get_born() -> None:
    world = World("815", 3_000, 2, DAY)
    expected = np.flatnonzero(~world.children.born)
    assert len(expected)
    assert not np.isin(world.holdings["health"].child, expected).any()
    care = world.holdings["social_care"]
    assert all(care.columns["expected_date_of_birth"][row] for row in care.rows_of(expected))
    world.advance(0.01)
    arrived = expected[world.children.born[expected]]
    assert len(arrived)
    assert np.isin(arrived, world.holdings["health"].child).all()
    assert all(world.holdings["social_care"].columns["date_of_birth"][row] for row in care.rows_of(arrived))


def test_people_are_in_the_form_of_the_general_entry(tmp_path: Path) -> None:
    people = people_table(4_000, seed=3)
    assert people.column_names[:12] == [
        "record_key", "source", "given_names", "family_name", "former_family_name", "birth_date", "sex", "postcode",
        "address", "nhs_number", "upn", "phone",
    ]  # fmt: skip
    assert len(set(people["record_key"].to_pylist())) == people.num_rows
    assert 1.6 < people.num_rows / 4_000 < 2.1
    assert set(pc.unique(people["source"]).to_pylist()) == {"health", "education", "police", "social_care"}
    assert write_people(tmp_path / "people.parquet", 4_000, seed=3) == people.num_rows
    assert pq.read_table(tmp_path / "people.parquet").equals(people)


def test_true_pairs_often_disagree_on_the_address() -> None:
    people = people_table(6_000, seed=4).to_pandas()
    both = people[people.source == "health"].merge(people[people.source == "education"], on="child")
    assert 0.1 < (both.postcode_x != both.postcode_y).mean() < 0.5
    first = [both[name].str.lower().str.split().str[0] for name in ("given_names_x", "given_names_y")]
    assert 0.02 < (first[0] != first[1]).mean() < 0.2
    assert 0.002 < (both.birth_date_x != both.birth_date_y).mean() < 0.03


def test_people_of_several_batches_share_no_identifier() -> None:
    people = people_table(61_000, seed=5).to_pandas()
    owners = people.dropna(subset=["nhs_number"]).groupby("nhs_number").child.nunique()
    assert owners.max() == 1
    assert people.record_key.is_unique
