"""The ladder, the guards and the clusters, seen through `match`."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from pipelines.errors import IsindexError
from pipelines.matching import MatchState, explain, match
from pipelines.matching.comparing.compare import LEVELS, Comparer
from pipelines.matching.reading.comparable import make_comparable

SOURCES = {"health": "person_number", "education": "person_number"}
NHS, OTHER_NHS, UPN = "4010232137", "6064778997", "B820908524327"


def run(records, **options):
    return match(records, unique_sources=options.pop("unique_sources", SOURCES), **options)


def identities(matched):
    found: dict[str, set[str]] = {}
    for row in matched.clusters.to_pylist():
        found.setdefault(row["cluster"], set()).add(row["record_key"])
    return sorted(map(sorted, found.values()))


def together(matched):
    return len(identities(matched)) == 1


def decision(kind, a, b):
    return pa.table({"kind": [kind], "record_a": [a], "record_b": [b]})


# ---- the ladder ---------------------------------------------------------------------------------------------------
def test_one_nhs_number_and_birth_date_join_by_the_first_step(people):
    matched = run(people({"record_key": "health:1", "nhs_number": NHS},
                         {"record_key": "care:1", "nhs_number": NHS, "family_name": "Else", "postcode": None}))  # fmt: skip
    link = matched.links.to_pylist()[0]
    assert link["step"] == "nhs_number"
    assert link["reason"].startswith("Same verified NHS number; ")
    assert "birth date agrees" in link["reason"]


def test_a_shared_number_with_nothing_else_in_common_is_for_review(people):
    matched = run(people({"record_key": "health:1", "nhs_number": NHS},
                         {"record_key": "care:1", "nhs_number": NHS, "given_names": "Zara", "family_name": "Quill",
                          "birth_date": dt.date(2009, 11, 30)}))  # fmt: skip
    assert not together(matched)
    assert matched.possible["kind"].to_pylist() == ["review"]
    assert matched.possible["priority"].to_pylist() == [1]


def test_one_upn_joins_by_the_second_step(people):
    matched = run(people({"record_key": "education:1", "upn": UPN}, {"record_key": "care:1", "upn": UPN}))
    assert matched.links["step"].to_pylist() == ["upn"]


def test_the_same_names_and_birth_date_join_as_exact(people):
    matched = run(people({"record_key": "health:1"}, {"record_key": "education:1"}))
    assert matched.links["step"].to_pylist() == ["exact"]


def test_a_slip_of_the_keyboard_joins_by_probability(people):
    matched = run(people({"record_key": "health:1"}, {"record_key": "education:1", "family_name": "Pembertn"}))
    assert matched.links["step"].to_pylist() == ["probabilistic"]
    assert "family name nearly agrees" in matched.links["reason"][0].as_py()


def test_swapped_names_and_swapped_day_and_month_are_found(people):
    matched = run(people({"record_key": "health:1", "birth_date": dt.date(2015, 3, 4)},
                         {"record_key": "police:1", "given_names": "Pemberton", "family_name": "Oliver"  ,
                          "birth_date": dt.date(2015, 3, 4)},
                         {"record_key": "education:1", "birth_date": dt.date(2015, 4, 3)}))  # fmt: skip
    assert together(matched)


def test_a_former_name_links(people):
    names = pa.table(
        {"record_key": ["health:1"], "kind": ["former"], "family_name": ["Ashworth"], "given_names": ["Oliver"]}
    )
    records = people({"record_key": "health:1"}, {"record_key": "education:1", "family_name": "Ashworth"})
    assert together(match(records, names))
    assert "other or part family name agrees" in match(records, names).links["reason"][0].as_py()


# ---- the guards ---------------------------------------------------------------------------------------------------
def test_different_verified_numbers_are_two_children(people):
    matched = run(
        people({"record_key": "health:1", "nhs_number": NHS}, {"record_key": "care:1", "nhs_number": OTHER_NHS})
    )
    assert not together(matched)


def test_different_numbers_stay_apart_through_a_third_record_too(people):
    matched = run(people({"record_key": "health:1", "nhs_number": NHS}, {"record_key": "care:1", "nhs_number": OTHER_NHS},
                         {"record_key": "police:1"}))  # fmt: skip
    assert identities(matched) == [["care:1"], ["health:1"], ["police:1"]]
    assert any("Another identity fits about as well" in words for words in matched.possible["reason"].to_pylist())


def test_a_superseded_number_is_the_same_child(people):
    matched = run(people({"record_key": "health:1", "nhs_number": NHS, "previous_nhs_number": OTHER_NHS},
                         {"record_key": "care:1", "nhs_number": OTHER_NHS}))  # fmt: skip
    assert together(matched)
    assert "replaced the other" in matched.links["reason"][0].as_py()


@pytest.mark.parametrize(
    ("one", "two"), [("Oliver", "Thomas"), ("Daniel", "Danielle"), ("Ava", "Ada"), ("Jayden", "Hayden")]
)
def test_twins_are_not_joined(people, one, two):
    matched = run(people({"record_key": "health:1", "given_names": one, "sex": "M" if one == "Daniel" else None},
                         {"record_key": "education:2", "given_names": two, "sex": "F" if one == "Daniel" else None}))  # fmt: skip
    assert not together(matched)


def test_twins_of_near_names_part_into_two_full_identities(people):
    twins = [{"record_key": f"{source}:{n}", "given_names": name}
             for source in ("health", "education") for n, name in enumerate(("Nathan", "Nathen"))]  # fmt: skip
    numbers = {"health:0": {"nhs_number": NHS}, "health:1": {"nhs_number": OTHER_NHS},
               "education:0": {"upn": UPN}, "education:1": {"upn": "A820908524328"}}  # fmt: skip
    matched = run(people(*(twin | numbers[twin["record_key"]] for twin in twins)))
    assert identities(matched) == [["education:0", "health:0"], ["education:1", "health:1"]], (
        matched.possible.to_pylist()
    )


def test_one_first_name_with_other_further_names_may_be_twins(people):
    matched = run(people({"record_key": "health:1", "given_names": "Muhammad Hassan"},
                         {"record_key": "education:1", "given_names": "Muhammad Zayd"}))  # fmt: skip
    assert not together(matched)
    assert "twins" in matched.possible["reason"][0].as_py()


def test_father_and_son_of_one_name_are_two(people):
    matched = run(people({"record_key": "health:1"}, {"record_key": "police:1", "birth_date": dt.date(1990, 3, 14)}))
    assert not together(matched)


def test_a_placeholder_name_joins_nobody(people):
    matched = run(
        people({"record_key": "health:1", "given_names": "Baby", "postcode": "B1 1AA"}, {"record_key": "education:1"})
    )
    assert not together(matched)


def test_a_shared_address_carries_no_weight(people):
    hostel = {"postcode": "B30 1AA", "address": "1 Hostel Row", "birth_date": dt.date(2015, 1, 1)}
    crowd = [hostel | {"record_key": f"police:{n}", "family_name": name, "given_names": None}
             for n, name in enumerate(("Adler", "Brook", "Castle", "Dunn", "Easton", "Frost", "Grove", "Hale"))]  # fmt: skip
    pair = people(*crowd, hostel | {"record_key": "health:1", "family_name": "Adler"})
    household = people(crowd[0], hostel | {"record_key": "health:1", "family_name": "Adler"})
    assert together(run(household))
    assert all(len(members) == 1 for members in identities(run(pair)))


def test_an_unborn_child_waits_for_a_reviewer(people):
    unborn = {"record_key": "care:1", "given_names": None, "birth_date": None, "expected_birth_date": dt.date(2015, 3, 20),
              "sex": None}  # fmt: skip
    matched = run(people(unborn, {"record_key": "health:1"}))
    assert not together(matched)
    assert "unborn" in matched.possible["reason"][0].as_py()


def test_a_record_without_name_and_birth_date_stays_alone(people):
    blank = {"given_names": None, "family_name": None, "birth_date": None}
    matched = run(
        people({"record_key": "police:1"} | blank, {"record_key": "police:2"} | blank, {"record_key": "health:1"})
    )
    assert len(identities(matched)) == 3
    assert matched.stats["not_linkable"] == 2


def test_a_feed_that_holds_each_child_once_gives_one_record_to_an_identity(people):
    records = people(
        {"record_key": "register:1"}, {"record_key": "register:2", "postcode": "B30 1AA", "address": "9 Far Row"}
    )
    assert together(match(records))
    assert not together(match(records, unique_sources={"register": "record"}))


def test_two_person_numbers_of_one_feed_are_two_children(people):
    records = people(
        {"record_key": "education:1", "upn_unverified": UPN}, {"record_key": "education:2", "upn_unverified": "X1"}
    )
    assert not together(run(records))
    assert together(run(records, unique_sources={}))


# ---- decisions ----------------------------------------------------------------------------------------------------
def test_a_reviewers_same_beats_a_guard(people):
    records = people({"record_key": "health:1"}, {"record_key": "education:1", "given_names": "Thomas"})
    matched = run(records, decisions=decision("same", "education:1", "health:1"))
    assert together(matched)
    assert matched.links["step"].to_pylist() == ["decision"]


@pytest.mark.parametrize("kind", ["not_the_same", "firewall"])
def test_a_reviewers_not_the_same_beats_an_identifier(people, kind):
    records = people({"record_key": "health:1", "nhs_number": NHS}, {"record_key": "care:1", "nhs_number": NHS},
                     {"record_key": "police:1"})  # fmt: skip
    matched = run(records, decisions=decision(kind, "health:1", "care:1"))
    assert not any({"health:1", "care:1"} <= set(members) for members in identities(matched))


def test_an_undone_decision_counts_no_more(people):
    records = people({"record_key": "health:1"}, {"record_key": "education:1"})
    undone = decision("not_the_same", "health:1", "education:1").append_column(
        "undone_at", pa.array(["2026-11-20T10:00:00Z"])
    )
    assert together(run(records, decisions=undone))


# ---- the whole ----------------------------------------------------------------------------------------------------
def test_the_order_of_the_input_changes_nothing(town):
    shuffled = town.take(np.random.default_rng(3).permutation(town.num_rows))
    one, other = run(town), run(shuffled)
    assert one.clusters == other.clusters
    assert one.links == other.links
    assert one.possible == other.possible


def test_a_night_after_another_comes_to_what_a_rebuild_would(town, tmp_path):
    rng = np.random.default_rng(4)
    first = town.filter(pa.array(rng.random(town.num_rows) > 0.03))
    family = town["family_name"].to_pylist()
    for row in rng.integers(0, town.num_rows, 40).tolist():
        family[row] = "Changed"
    second = town.set_column(town.column_names.index("family_name"), "family_name", pa.array(family))
    second = second.filter(pa.array(rng.random(town.num_rows) > 0.02))
    run(first).state.write(tmp_path)
    step, rebuilt = run(second, previous=MatchState.read(tmp_path)), run(second)
    assert 0 < step.stats["pairs_compared"] < rebuilt.stats["pairs_compared"] / 2
    assert step.clusters == rebuilt.clusters
    assert step.links == rebuilt.links
    assert step.possible == rebuilt.possible


def test_most_of_a_town_is_joined_and_nobody_wrongly(town):
    matched = run(town)
    children = [{key.split(":")[1] for key in members} for members in identities(matched)]
    assert all(len(child) == 1 for child in children)
    assert len(children) < 1.1 * len({key.split(":")[1] for key in town["record_key"].to_pylist()})


def test_an_empty_night_is_no_fault(town):
    matched = run(town.slice(0, 0))
    assert (matched.clusters.num_rows, matched.links.num_rows, matched.possible.num_rows) == (0, 0, 0)


def test_a_night_on_which_nobody_is_left_is_no_fault(people):
    before = run(people({"record_key": "health:1", "nhs_number": NHS}, {"record_key": "care:1", "nhs_number": NHS}))
    matched = run(people({"record_key": "health:1"}).slice(0, 0), previous=before.state)
    assert matched.clusters.num_rows == matched.links.num_rows == 0


def test_only_a_key_and_a_source_are_needed():
    matched = match(pa.table({"record_key": ["a", "b"], "source": ["x", "y"]}))
    assert matched.clusters["step"].to_pylist() == ["new", "new"]


# ---- explanations -------------------------------------------------------------------------------------------------
def test_an_explanation_adds_up_and_says_the_verdict(people):
    records = people({"record_key": "health:1"}, {"record_key": "education:1", "given_names": "Thomas"})
    told = explain(records, "education:1", "health:1")
    assert told.verdict == "refused"
    assert told.guard == "twins"
    assert told.steps[-1].total == pytest.approx(told.weight + told.discount, abs=0.001)
    assert {step.field: step.words for step in told.steps}["given_name"] == "given name differs"


def test_an_unknown_record_cannot_be_explained(people):
    with pytest.raises(IsindexError, match="RECORD_UNKNOWN"):
        explain(people({"record_key": "health:1"}), "health:1", "health:2")


def test_a_family_name_in_the_place_of_the_given_name_is_seen():
    rows = [
        {"record_key": "x:1", "agency": "x", "given_names": "Flynn", "family_name": "Weller"},
        {"record_key": "x:2", "agency": "x", "given_names": "Weller", "family_name": "Ebony"},
        {"record_key": "x:3", "agency": "x", "given_names": "Ebony", "family_name": "Oakes"},
    ]
    people = make_comparable(pa.Table.from_pylist(rows))
    found = Comparer(people).levels(np.array([0, 0]), np.array([1, 2]))["family_name"]
    assert found.tolist() == [LEVELS["family_name"]["crossed"], 0]
