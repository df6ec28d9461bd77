"""Every guard and every other protection by itself: with it two children stay two, without it the wrong join happens."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from pipelines.matching import load_model, match
from pipelines.matching.deciding import clusters, guards
from pipelines.matching.deciding.guards import GUARDS
from pipelines.matching.reading import comparable, fields, names
from pipelines.matching.weighing.score import Scorer

SOURCES = {"health": "person_number", "education": "person_number"}
NHS, OTHER_NHS = "4010232137", "6064778997"
NOWHERE = {"postcode": None, "address": None}
FAR = {"postcode": "B30 1AA", "address": "9 Far Row"}
# as in a large town: what joins there must weigh more than among two records
MODEL = replace(load_model(), policy=replace(load_model().policy, records=100))
# what the household explains is not taken off, so that the guard stands alone
NO_RELATIVES = replace(MODEL, policy=replace(MODEL.policy, relatives=None))

# guard: (one child, the other); what is left out is as in the child of the fixture
TWO_CHILDREN = {
    "identifier_conflict": ({"nhs_number": NHS}, {"nhs_number": OTHER_NHS}),
    "generations": ({"birth_date": dt.date(1995, 3, 14)}, {"birth_date": dt.date(1975, 3, 14)}),
    "twins": ({}, {"given_names": "Thomas"}),
    "twins_of_two_sexes": ({"given_names": "Daniel"}, {"given_names": "Danielle", "sex": "F"}),
    "near_identical_names": ({"given_names": "Jayden"}, {"given_names": "Hayden"}),
    "further_names_differ": ({"given_names": "Adam Hassan"}, {"given_names": "Adam Zayd"}),
    "registered_twice": (
        {"given_names": "Nathan"},
        {"given_names": "Nathen", "record_key": "health:2"},
    ),
    "names_in_another_order": (
        {"given_names": "Mohammad Saad"},
        {"given_names": "Saad Mohammad", "birth_date": dt.date(2014, 3, 14)},
    ),
    "renamed_and_moved": (
        {"given_names": "Zebedee"},
        {"given_names": "Zebedee", "family_name": "Quill"} | FAR,
    ),
    "initials_alone": (
        {"given_names": "Z", "family_name": "Quillerby"},
        {"given_names": "Z", "family_name": "Thistlewick"},
    ),
    "no_given_name": ({"given_names": None}, {"address": "9 Mill Lane"}),
    "unborn": ({"given_names": None, "birth_date": None, "expected_birth_date": dt.date(2015, 3, 20)}, {}),
    "names_alone": (
        {"given_names": "Zebedee", "family_name": "Quillerby"},
        {"given_names": "Zebedee", "family_name": "Quillerby", "birth_date": None} | FAR,
    ),
    "birth_dates_differ": ({}, {"birth_date": dt.date(2013, 7, 29)}),
    "identifier_unconfirmed": (
        {"nhs_number": NHS},
        {"nhs_number": NHS, "given_names": "Zara", "family_name": "Quill", "birth_date": dt.date(2009, 11, 30)},
    ),
    "identifier_of_twin": ({"nhs_number": NHS}, {"nhs_number": NHS, "given_names": "Thomas"}),
    "identifier_of_sibling": (
        {"nhs_number": NHS},
        {"nhs_number": NHS, "given_names": "Thomas", "birth_date": dt.date(2009, 11, 30)},
    ),
}


def without(monkeypatch, name):
    """Take one guard away; the others stand."""
    number = next(n for n, guard in enumerate(GUARDS) if guard.name == name)

    def select(conditions, numbers, default):
        return np.select([held & (n != number) for held, n in zip(conditions, numbers, strict=True)], numbers, default)

    monkeypatch.setattr(guards, "np", SimpleNamespace(**{**vars(np), "select": select}))


def groups(matched):
    found: dict[str, set[str]] = {}
    for row in matched.clusters.to_pylist():
        found.setdefault(row["cluster"], set()).add(row["record_key"])
    return sorted(map(sorted, found.values()))


def joined(records, model=NO_RELATIVES, **options):
    return len(groups(match(records, model=model, **({"unique_sources": SOURCES} | options)))) < records.num_rows


def test_every_guard_is_tried():
    of_a_third = {"name_borne_by_another", "two_names_of_one", "fits_two"}  # see test_third_record.py
    assert set(TWO_CHILDREN) == {guard.name for guard in GUARDS} - {"none"} - of_a_third


@pytest.mark.parametrize("name", TWO_CHILDREN)
def test_two_children_are_one_without_the_guard_and_two_with_it(people, monkeypatch, name):
    one, other = TWO_CHILDREN[name]
    records = people({"record_key": "health:1"} | one, {"record_key": "education:1"} | other)
    assert not joined(records)
    if name == "identifier_conflict":  # an identity holds one number of a kind, whatever the guards say
        monkeypatch.setattr(clusters, "_canonical_identifiers", lambda people: [])
        assert not joined(records)
    without(monkeypatch, name)
    assert joined(records)


def test_two_numbers_do_not_come_into_one_identity_even_without_the_guard(people, monkeypatch):
    one, other = TWO_CHILDREN["identifier_conflict"]
    records = people({"record_key": "health:1"} | one, {"record_key": "education:1"} | other)
    without(monkeypatch, "identifier_conflict")
    assert not joined(records)


# ---- names that are none -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["Baby", "Twin One", "Unknown", "Not Known", "Baby Boy"])
def test_a_placeholder_joins_two_babies_only_where_it_counts_as_a_name(people, monkeypatch, name):
    records = people(
        {"record_key": "health:1", "given_names": name}, {"record_key": "police:1", "given_names": name} | FAR
    )
    assert not joined(records)
    monkeypatch.setattr(names, "_PLACEHOLDER_WORDS", frozenset())
    monkeypatch.setattr(names, "_NO_CHILDS_NAME", frozenset())
    assert joined(records)


@pytest.mark.parametrize(("one", "other"), [("Twin One", "Twin Two"), ("Twin 1", "Twin 2"), ("Twin A", "Twin B")])
def test_unnamed_twins_of_one_dwelling_are_two(people, one, other):
    records = people({"record_key": "health:1", "given_names": one}, {"record_key": "care:1", "given_names": other})
    assert not joined(records, MODEL)


@pytest.mark.parametrize("kind", ["nhs_number", "upn"])
@pytest.mark.parametrize("left_out", [{}, {"given_names": None}, {"birth_date": None}])
def test_a_number_that_only_the_family_name_bears_out_asks(people, kind, left_out):
    """A clerk types the younger child's number into the elder's record."""
    number = {"nhs_number": NHS, "upn": "A330400000002"}[kind]
    elder = {kind: number, "given_names": "Thomas", "birth_date": dt.date(2009, 11, 30)} | left_out
    records = people({"record_key": "health:1", kind: number}, {"record_key": "social_care:1"} | elder)
    found = match(records, model=MODEL, unique_sources=SOURCES)
    assert len(groups(found)) == 2
    assert found.possible.num_rows == 1
    assert "brother" in found.possible["reason"][0].as_py()


def test_a_placeholder_birthday_joins_nobody(people, monkeypatch):
    first = {"birth_date": dt.date(1900, 1, 1), "family_name": "Smith"}
    records = people({"record_key": "health:1"} | first, {"record_key": "police:1"} | first | FAR)
    assert not joined(records)
    monkeypatch.setattr(fields, "_PLACEHOLDER_DAY", 0)
    assert joined(records)


@pytest.mark.parametrize("place", ["City Hospital, Maternity", "Refuge", "Elm House Children's Home"])
def test_a_shared_address_joins_nobody(people, monkeypatch, place):
    here = {"postcode": "B30 1AA", "address": place, "given_names": "Jack", "birth_date": None}
    crowd = [here | {"record_key": f"police:{n}", "family_name": name, "given_names": f"X{name}"}
             for n, name in enumerate(("Adler", "Brook", "Castle", "Dunn", "Easton", "Frost", "Grove", "Hale"))]  # fmt: skip
    two = [here | {"record_key": key, "family_name": "Smith"} for key in ("health:1", "education:1")]
    records = people(*crowd, *two)
    assert not joined(records)
    monkeypatch.setattr(comparable, "_SHARED_FAMILIES", 100)
    assert ["education:1", "health:1"] in groups(match(records, model=NO_RELATIVES, unique_sources=SOURCES))


# ---- sources, rivals, relatives ------------------------------------------------------------------------------------
def test_a_register_without_repeats_keeps_two_of_its_records_apart(people):
    records = people({"record_key": "register:1"}, {"record_key": "register:2"} | FAR)
    assert not joined(records, unique_sources={"register": "record"})
    assert joined(records, unique_sources={})


def test_a_record_that_fits_two_children_equally_joins_neither(people):
    records = people({"record_key": "health:1", "nhs_number": NHS}, {"record_key": "health:2", "nhs_number": OTHER_NHS},
                     {"record_key": "police:1"})  # fmt: skip
    assert not joined(records)
    assert joined(records, replace(NO_RELATIVES, policy=replace(NO_RELATIVES.policy, margin=0.0)))


def test_what_a_brother_would_explain_as_well_joins_nobody(people):
    records = people(
        {"record_key": "health:1", "given_names": "Geoffrey", "birth_date": None, "sex": None},
        {"record_key": "police:1", "given_names": "Jeffrey", "birth_date": None, "sex": None},
    )
    assert not joined(records, MODEL)
    assert joined(records, NO_RELATIVES)


# ---- decisions -----------------------------------------------------------------------------------------------------
def decision(kind, a, b):
    return pa.table({"kind": [kind], "record_a": [a], "record_b": [b]})


@pytest.mark.parametrize("name", TWO_CHILDREN)
def test_a_reviewers_same_beats_every_guard(people, name):
    one, other = TWO_CHILDREN[name]
    records = people({"record_key": "health:1"} | one, {"record_key": "education:1"} | other)
    keys = records["record_key"].to_pylist()
    assert joined(records, decisions=decision("same", *keys))


@pytest.mark.parametrize("kind", ["not_the_same", "firewall"])
@pytest.mark.parametrize("others", [{}, {"nhs_number": NHS}])
def test_a_reviewers_no_beats_any_score_and_any_identifier(people, kind, others):
    records = people({"record_key": "health:1"} | others, {"record_key": "care:1"} | others)
    assert joined(records)
    assert not joined(records, decisions=decision(kind, "care:1", "health:1"))


@pytest.mark.parametrize("kind", ["same", "not_the_same", "firewall"])
def test_a_decision_stays_with_its_records_whatever_identity_they_are_in(people, kind):
    """A new record with a smaller key renames the identity; the decision is about the records all the same."""
    other = {"given_names": "Thomas"} if kind == "same" else {}
    before = [{"record_key": "health:1"}, {"record_key": "police:1"} | other]
    after = [{"record_key": "care:0"}, *before]
    for rows in (before, after):
        matched = match(
            people(*rows), model=MODEL, unique_sources=SOURCES, decisions=decision(kind, "health:1", "police:1")
        )
        assert any({"health:1", "police:1"} <= set(group) for group in groups(matched)) == (kind == "same")


def test_a_rare_name_does_not_draw_what_fits_two_twins_as_nearly(people, monkeypatch):
    twins = [{"record_key": "health:1", "given_names": "Dava", "nhs_number": NHS},
             {"record_key": "health:2", "given_names": "David", "nhs_number": OTHER_NHS}]  # fmt: skip
    records = people(*twins, {"record_key": "police:1", "given_names": "Davi"} | FAR)
    assert not joined(records)
    monkeypatch.setattr(Scorer, "near_name_bits", lambda *args: np.zeros(len(args[1])))
    assert ["health:1", "police:1"] in groups(match(records, model=NO_RELATIVES, unique_sources=SOURCES))
