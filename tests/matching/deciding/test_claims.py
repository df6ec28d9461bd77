"""What an interim index takes for one child is compared whatever keys find it, and joins by the matcher's own threshold or not at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pyarrow as pa
import pytest

from pipelines.matching import load_model
from pipelines.matching.night import MatchedNight, match
from pipelines.seams.claims import CLAIMS
from tests.nights.little_authority import children

MODEL = load_model()
NO_KEYS = replace(MODEL, policy=replace(MODEL.policy, keys=("nhs_number",)))  # finds nobody who has no number
RULES = {"health": "person_number", "education": "person_number", "police": "many"}
ORIGIN = "An interim index takes them for one child: "


def record(key: str, given: str, family: str, born: str, **more: str) -> dict[str, str | None]:
    return {
        "record_key": key, "agency": key.partition(":")[0], "given_names": given, "family_name": family,
        "birth_date": born, "sex": "F",
        **dict.fromkeys(("nhs_number", "postcode", "address")), **more,
    }  # fmt: skip


HOME = {"postcode": "B11 2AB", "address": "3 Vickogarth Road, Birmingham"}
PEOPLE = [
    record("education:1", "Amelia", "Ashabury", "2012-03-04", **HOME),
    record("health:1", "Amelia", "Ashabury", "2012-03-04", nhs_number=children()[0].nhs, **HOME),
    record("police:1", "Amelia", "Ravensgate", "2012-03-04", postcode="LS9 1CD", address="7 Sidwick Lane, Leeds"),
    record("health:2", "Corinna", "Gladenham", "2009-11-20", nhs_number=children()[5].nhs, postcode="M9 4EF"),
    record("police:2", "Amelia", "Nethashaw", "", postcode="LS9 1CD"),
    record("police:3", "Imogen", "Lonsothorpe", "2015-06-07", postcode="B30 1ZZ"),
]


def said(*persons: tuple[str, ...], state: str = "usable") -> pa.Table:
    """What an interim index says: each of these its own person, with those records."""
    rows = [
        {"source": "interim_index", "person": f"{number:032}", "record_key": key, "state": state,
         "delivery_id": "330/interim_index/2026-11-18/1-0", "position": place}
        for number, keys in enumerate(persons)
        for place, key in enumerate(keys, 1)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=CLAIMS.schema)


def matched(claims: pa.Table | None = None, **more: object) -> MatchedNight:
    people = pa.Table.from_pylist(PEOPLE).sort_by("record_key")
    born = pa.array([date.fromisoformat(each) if each else None for each in people["birth_date"].to_pylist()])
    people = people.set_column(people.column_names.index("birth_date"), "birth_date", born)
    return match(people, model=NO_KEYS, unique_sources=RULES, claims=claims, **more)  # type: ignore[arg-type]


def together(found: MatchedNight) -> set[frozenset[str]]:
    clusters: dict[str, set[str]] = {}
    for row in found.clusters.to_pylist():
        clusters.setdefault(row["cluster"], set()).add(row["record_key"])
    return {frozenset(each) for each in clusters.values() if len(each) > 1}


def verdicts(found: MatchedNight) -> dict[tuple[str, str], str]:
    assert found.claimed is not None
    return {(row["record_key_a"], row["record_key_b"]): row["verdict"] for row in found.claimed.to_pylist()}


def apart(found: MatchedNight) -> dict[tuple[str, str], bool]:
    return {(row["record_key_a"], row["record_key_b"]): row["certain"] for row in found.apart.to_pylist()}


def test_a_pair_that_no_key_found_joins_by_the_thresholds_that_join_any_pair():
    assert together(matched()) == set()
    found = matched(said(("education:1", "health:1")))
    assert together(found) == {frozenset(("education:1", "health:1"))}
    assert verdicts(found) == {("education:1", "health:1"): "confirmed"}
    assert set(found.clusters["step"].to_pylist()) <= {"new", "exact", "probabilistic"}


def test_one_that_speaks_for_too_little_joins_nobody_and_is_put_to_a_person_with_its_origin():
    found = matched(said(("health:1", "police:1")))
    assert together(found) == set()
    assert verdicts(found) == {("health:1", "police:1"): "review"}
    (row,) = found.possible.to_pylist()
    assert row["reason"].startswith(ORIGIN) and row["kind"] == "review" and row["fields"]
    assert apart(found) == {("health:1", "police:1"): False}


def test_of_two_children_who_may_be_one_a_single_pair_is_asked_about():
    found = matched(said(("education:1", "health:1", "police:2")))
    assert verdicts(found) == {
        ("education:1", "health:1"): "confirmed",
        ("education:1", "police:2"): "review",
        ("health:1", "police:2"): "review",
    }
    assert found.possible.num_rows == 1
    assert set(apart(found)) == {("education:1", "police:2"), ("health:1", "police:2")}


def test_two_who_plainly_are_two_are_refused_and_certain_only_as_protection_has_it():
    found = matched(said(("health:1", "health:2"), ("health:2", "police:3")))
    assert set(verdicts(found).values()) == {"refused"}
    assert found.possible.num_rows == 0
    # different numbers and birth dates are certain; without a number to compare it is none
    assert apart(found) == {("health:1", "health:2"): True, ("health:2", "police:3"): False}


def test_a_person_with_records_of_two_children_is_used_for_nothing_not_even_to_compare():
    found = matched(said(("education:1", "health:1", "health:2")))
    assert together(found) == set()
    assert verdicts(found)["education:1", "health:1"] == "unused"
    assert found.possible.num_rows == 0
    assert ("education:1", "health:1") in apart(found)  # protection fails closed all the same


@pytest.mark.parametrize("kind", ["not_the_same", "firewall"])
def test_what_people_have_decided_stands_above_it(kind):
    decided = pa.table({"kind": [kind], "record_a": ["education:1"], "record_b": ["health:1"], "reason": ["r"]})
    found = matched(said(("education:1", "health:1")), decisions=decided)
    assert together(found) == set()
    assert found.possible.num_rows == 0
    assert verdicts(found) == ({("education:1", "health:1"): "refused"} if kind == "not_the_same" else {})


@pytest.mark.parametrize("state", ["twice", "differs", "many", "unknown"])
def test_a_row_that_cannot_be_used_says_nothing_but_to_protection(state):
    found, without = matched(said(("education:1", "health:1"), state=state)), matched()
    assert found.clusters.equals(without.clusters)
    assert found.possible.equals(without.possible)
    assert verdicts(found) == {}
    # of too many under one id protection could hide a whole authority
    assert set(apart(found)) == ({("education:1", "health:1")} if state in ("twice", "differs") else set())


def test_it_is_no_key_of_the_next_night_when_it_has_ended():
    tonight = matched(said(("education:1", "health:1")))
    assert together(matched(previous=tonight.state)) == set()
    assert together(matched(said(("education:1", "health:1")), previous=tonight.state)) == together(tonight)
